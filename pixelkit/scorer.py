"""The base class of a scorer: fit on normal video, then one or more anomaly scores per frame."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video, View
from pixelkit.weights import PretrainedFile, WeightStore


class Scorer:
    """Scores every frame of a video; **higher is more anomalous**.

    A subclass names itself, says what it wants to see, and implements :meth:`fit` and :meth:`score`. Its settings
    are keyword arguments of ``__init__`` with defaults, stored under their own names as they are; from that
    signature come the section in ``pixelkit.toml``, ``--set``, the help text and the cache key. What it learned
    lies in attributes that end in an underscore, as in scikit-learn; :meth:`save` and :meth:`load` take care of
    arrays, numbers, strings and lists of these.
    """

    name: ClassVar[str]
    """Unique, lower case: the name in ``--scorers`` and before the dot of a channel."""
    channels: tuple[str, ...] = ("score",)
    """What each column of :meth:`score` is called; ``__init__`` may set others, for a preset say."""
    channel_weights: tuple[float, ...] = ()
    """The share of each channel in the untuned recipe, in the order of :attr:`channels`; empty for equal shares."""
    kin: ClassVar[str] = ""
    """What this scorer is a variant of, if there are others: scorers of one kin err alike, and share one vote in the
    untuned recipe."""
    search_space: ClassVar[Mapping[str, Mapping[str, Sequence[Any]]]] = {}
    """What tuning tries for a channel (``"*"`` for all) in the place of everything: any of ``normalise``, ``scope``,
    ``power`` and ``weight``, each with a list, as in ``{"*": {"normalise": ("rank",), "power": (1.0,)}}``."""
    check_settings: ClassVar[Mapping[str, Any]] = {}
    """Settings with which ``pixelkit check`` tries this scorer, so that it takes seconds."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks that this scorer is known to fail, each with the reason."""

    caveat: str = ""
    """What everybody who reads its scores has to know, as with untrained features: every report begins with it.
    ``__init__`` may set it."""

    seed: int = 0
    """Set by the pipeline before :meth:`fit`: draw every random number from it."""
    device: str = "auto"
    """Set by the pipeline: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    workspace: Path | None = None
    """Set by the pipeline: a folder that outlives a kill. What :meth:`fit` leaves there it finds again."""
    weight_store: WeightStore = WeightStore()
    """Set by the pipeline: ``self.weight_store.find(file)`` is where a file of :meth:`pretrained` lies."""

    def views(self) -> tuple[View, ...]:
        """Return the views that this scorer reads; they are decoded once for all scorers, in one pass."""
        return ()

    def pretrained(self) -> tuple[PretrainedFile, ...]:
        """Return the pretrained weights that this scorer needs with its settings."""
        return ()

    def inputs(self) -> tuple[Path, ...]:
        """Return every file besides the videos that decides its scores: its weights, and a CSV of boxes, say.

        What is in them is part of the key under which a fitted scorer is kept.

        Raises
        ------
        WeightsError
            If weights are missing and cannot be fetched, or cannot be used.
        """
        return tuple(self.weight_store.find(file) for file in self.pretrained())

    def fit(self, videos: Sequence[Video]) -> None:
        """Learn what is normal from ``videos``, which hold nothing else."""
        raise NotImplementedError(f"{type(self).__name__} must implement fit(videos)")

    def score(self, video: Video) -> NDArray[np.float32]:
        """Return float32 (len(video), len(channels)), finite, higher for more anomalous frames."""
        raise NotImplementedError(f"{type(self).__name__} must implement score(video)")

    def heatmap(self, video: Video, position: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """Return where on the frame at ``position`` the score comes from, float32 (H, W), or None."""
        return None

    def save(self, folder: Path) -> None:
        """Write what was learned (every attribute that ends in one underscore) as safetensors and JSON.

        Raises
        ------
        TypeError
            If such an attribute is neither an array nor JSON: override :meth:`save` and :meth:`load` then.
        """
        from safetensors.numpy import save_file

        arrays: dict[str, NDArray[Any]] = {}
        plain: dict[str, Any] = {}
        for key, value in vars(self).items():
            if not key.endswith("_") or key.startswith("_"):
                continue
            if isinstance(value, np.ndarray | np.generic):
                arrays[key] = np.ascontiguousarray(value)
            else:
                plain[key] = value
        try:
            text = json.dumps(plain, indent=1, sort_keys=True)
        except TypeError as error:
            raise TypeError(
                f"{type(self).__name__} learned something that is neither an array nor JSON ({error}): "
                f"override save() and load()"
            ) from None
        save_file(arrays, folder / "fitted.safetensors")
        (folder / "fitted.json").write_text(text + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        from safetensors.numpy import load_file

        vars(self).update(load_file(folder / "fitted.safetensors"))
        vars(self).update(json.loads((folder / "fitted.json").read_text(encoding="utf-8")))

    @classmethod
    def default_settings(cls) -> dict[str, Any]:
        """Return each setting of this scorer with its default, in the order of the signature.

        Raises
        ------
        TypeError
            If ``__init__`` takes anything but keyword arguments with defaults.
        """
        settings: dict[str, Any] = {}
        if cls.__init__ is object.__init__:
            return settings
        for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise TypeError(
                    f"{cls.__name__}.__init__: {parameter.name!r} must be a keyword argument with a default "
                    f"(put '*' first: def __init__(self, *, {parameter.name}=...))"
                )
            settings[parameter.name] = parameter.default
        return settings

    def settings(self) -> dict[str, Any]:
        """Return the settings of this instance, each stored under its own name."""
        return {key: getattr(self, key) for key in self.default_settings()}

    def resolved_settings(self) -> dict[str, Any]:
        """Return the settings as they take effect, for people to read: a preset's values in the place of None."""
        return self.settings()
