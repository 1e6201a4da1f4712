"""Settings: frozen dataclasses, a TOML file, ``--set section.key=value``; what is unknown is an error.

seed = 0
[repair]
flips = true
[convae]                # a section for each scorer: the keyword arguments of its __init__
epochs = 5
"""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from pixelkit.errors import SettingsError, did_you_mean
from pixelkit.files import write_text
from pixelkit.frames.repair import RepairSettings
from pixelkit.frames.video import MAX_GAP
from pixelkit.scores.recipe import RecipeSettings
from pixelkit.tuning.settings import TuningSettings
from pixelkit.weights import WeightStore

if TYPE_CHECKING:
    from pixelkit.scorer import Scorer

T = TypeVar("T")
FILE_NAME = "pixelkit.toml"


@dataclass(frozen=True)
class Settings:
    """Everything that a run can be told, besides where its data lie."""

    seed: int = 0
    """Every random number of the run follows from it."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    holdout: float = 0.25
    """Part of the training videos that no scorer is fitted on at first: their scores calibrate what normal looks like,
    and synthetic anomalies are injected into them. Recipes that were found on four of them or more hold for other
    videos, those found on one or two do not: ``benchmarks/tuning.md``."""
    max_holdout: int = 16
    """Videos to leave out at most: with hundreds of them, a quarter would take long to score and tell nothing more."""
    refit: bool = True
    """Fit every scorer a second time, on all training videos, to score the test videos. What a recipe is found and
    judged by is of the first fit, which has not seen the left-out ones: ``benchmarks/tuning.md``."""
    max_gap: int = MAX_GAP
    """A gap of more missing frames than this breaks a clip and ends smoothing."""
    offline: bool = False
    """Fetch nothing: a scorer whose pretrained weights are not there is left out, or an error if it was named."""
    weights: str = ""
    """Folders with pretrained weights, separated as in ``PATH``; they are looked into first."""
    leave_out: tuple[str, ...] = ()
    """Scorers that a run leaves out which names none."""
    competition: str = ""
    """The Kaggle competition that 'pixelkit submit --upload' sends to: what its address has after competitions/."""
    repair: RepairSettings = field(default_factory=RepairSettings)
    recipe: RecipeSettings = field(default_factory=RecipeSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    scorers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By scorer, what differs from the defaults of its ``__init__``."""

    def __post_init__(self) -> None:
        if not 0 <= self.holdout < 1:
            raise SettingsError(
                f"holdout is {self.holdout}: expected a part of the training videos, 0 to below 1"
            )
        if self.max_holdout < 1:
            raise SettingsError(
                f"max_holdout is {self.max_holdout}: expected a number of videos, 1 or more; to leave out none, set "
                f"holdout to 0"
            )
        if self.max_gap < 0:
            raise SettingsError(f"max_gap is {self.max_gap}: expected a number of frames, 0 or more")


def load_settings(
    scorers: Mapping[str, type[Scorer]], *, file: Path | None = None, overrides: Iterable[str] = ()
) -> Settings:
    """Return the settings of ``file`` (TOML), then those of ``overrides`` (``section.key=value``), checked.

    Parameters
    ----------
    scorers
        The scorers that there are, by name: each may have a section.
    file
        A TOML file, or None.
    overrides
        Texts of the form ``seed=3`` or ``convae.epochs=5``; the value is read as TOML, else taken as text.

    Raises
    ------
    SettingsError
        A file that does not parse, an unknown section or key (with the nearest known name), a wrong type.
    """
    settings = Settings()
    if file is not None:
        settings = _apply(settings, _read_toml(file), scorers, str(file))
    for override in overrides:
        settings = _apply(settings, _parse_override(override), scorers, f"--set {override}")
    return settings


def make_scorer(cls: type[Scorer], settings: Settings) -> Scorer:
    """Return the scorer with its section of the settings; its seed, device and weight store are set too."""
    scorer = cls(**settings.scorers.get(cls.name, {}))
    scorer.seed, scorer.device = settings.seed, settings.device
    scorer.weight_store = WeightStore(settings.weights, offline=settings.offline)
    return scorer


def write_settings(path: Path, settings: Settings, scorers: Iterable[Scorer]) -> None:
    """Write the resolved settings as TOML that ``--config`` reads again; what is None is left out."""
    import tomli_w

    tables = dataclasses.asdict(settings)
    tables.pop("scorers")
    tables |= {scorer.name: scorer.resolved_settings() for scorer in scorers}
    write_text(path, tomli_w.dumps(_without_none(tables)))


def read_plain(file: Path) -> dict[str, Any]:
    """Return the settings that lie with a run, as TOML has them; nothing where there is no such file."""
    return _read_toml(file) if file.is_file() else {}


def read_section(file: Path, name: str, cls: type[T]) -> T:
    """Return one section of the settings that lie with a run as the dataclass that it stands for.

    What is not there takes its default.

    Raises
    ------
    SettingsError
        If the file does not parse, or the section holds what the dataclass does not know.
    """
    return cls(**_section(name, read_plain(file).get(name, {}), _hints(cls), str(file)))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return list(value) if isinstance(value, tuple) else value


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: there is no such settings file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read as a settings file: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: is not valid TOML: {error}") from None


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set {text}: expected KEY=VALUE, as in --set convae.epochs=5")
    parsed: Any
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for part in reversed(key.strip().split(".")):
        parsed = {part: parsed}
    assert isinstance(parsed, dict)
    return parsed


def _apply(
    settings: Settings, table: Mapping[str, Any], scorers: Mapping[str, type[Scorer]], where: str
) -> Settings:
    """Return ``settings`` with the keys of ``table``; ``where`` says in messages where they came from."""
    own = {f.name for f in dataclasses.fields(Settings)} - {"scorers"}
    changes: dict[str, Any] = {}
    by_scorer = {name: dict(section) for name, section in settings.scorers.items()}
    for key, value in table.items():
        if key in scorers:
            hints = scorer_hints(scorers[key])
            by_scorer.setdefault(key, {}).update(_section(key, value, hints, where))
        elif key not in own:
            raise SettingsError(
                f"{where}: there is no setting {key!r}{did_you_mean(key, own | set(scorers))}"
            )
        elif dataclasses.is_dataclass(part := getattr(settings, key)) and not isinstance(part, type):
            changes[key] = dataclasses.replace(part, **_section(key, value, _hints(type(part)), where))
        else:
            changes[key] = coerce(value, _hints(Settings)[key], f"{where}: {key}")
    return dataclasses.replace(settings, **changes, scorers=by_scorer)


def _section(name: str, table: Any, hints: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise SettingsError(
            f"{where}: {name!r} is a section: write {name}.KEY, with KEY one of {', '.join(sorted(hints))}"
        )
    for key in table:
        if key not in hints:
            raise SettingsError(f"{where}: [{name}] has no setting {key!r}{did_you_mean(key, hints)}")
    return {key: coerce(value, hints[key], f"{where}: {name}.{key}") for key, value in table.items()}


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def scorer_hints(cls: type[Scorer]) -> dict[str, Any]:
    """Return the type of each setting of a scorer: its annotation, or the type of its default."""
    if cls.__init__ is object.__init__:
        return {}
    try:
        hints = typing.get_type_hints(cls.__init__)
    except (NameError, TypeError):  # an annotation that exists for a type checker only
        hints = {}
    defaults = cls.default_settings()
    parameters = inspect.signature(cls.__init__).parameters
    annotated = {key: hints[key] for key in parameters if key in hints}
    return {key: annotated.get(key, Any if value is None else type(value)) for key, value in defaults.items()}


def coerce(value: Any, hint: Any, where: str) -> Any:
    """Return ``value`` as the type ``hint``; whole numbers become floats where a float is wanted.

    Raises
    ------
    SettingsError
        If it is of another type: names ``where``, the type that was expected, and what was given.
    """
    if hint is Any:
        return value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _coerce_union(value, arguments, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise SettingsError(f"{where} is {value!r}: expected one of {', '.join(map(repr, arguments))}")
    if origin in (tuple, list):
        return _coerce_sequence(value, hint, where)
    if origin is dict and isinstance(value, dict):
        return {key: coerce(item, arguments[1], f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or hint
    if isinstance(value, plain) and not (isinstance(value, bool) and plain is not bool):
        return value
    raise SettingsError(f"{where} is {value!r}: expected {_spell(hint)}")


def _coerce_union(value: Any, arguments: tuple[Any, ...], where: str) -> Any:
    for argument in arguments:
        if argument is type(None):
            if value is None:
                return None
            continue
        try:
            return coerce(value, argument, where)
        except SettingsError:
            continue
    wanted = " or ".join(_spell(argument) for argument in arguments if argument is not type(None))
    raise SettingsError(f"{where} is {value!r}: expected {wanted}")


def _coerce_sequence(value: Any, hint: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{where} is {value!r}: expected {_spell(hint)}, as in [1, 2]")
    fixed = origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis)
    if fixed and len(value) != len(arguments):
        raise SettingsError(f"{where} is {value!r}: expected {len(arguments)} values")
    items = arguments if fixed else (arguments[0] if arguments else Any,) * len(value)
    return origin(coerce(item, kind, where) for item, kind in zip(value, items, strict=True))


def _spell(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if get_origin(hint) in (tuple, list):
        return f"a list ({hint})"
    return names.get(hint, str(hint))
