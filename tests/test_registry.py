"""Plugins are found in three places, and a broken one is reported and hurts nothing else."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pixelkit import contract
from pixelkit.errors import PluginError, PluginNotFound
from pixelkit.registry import Registry, discover, own_folder

SCORER = """
    import numpy as np
    from pixelkit import Scorer, hookimpl

    class Mine(Scorer):
        name = "mine"
        def fit(self, videos):
            pass
        def score(self, video):
            return np.zeros((len(video), 1), np.float32)

    @hookimpl
    def pixelkit_scorers():
        return [Mine]
"""


def write(file: Path, text: str = SCORER, *, name: str | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = dedent(text).strip() + "\n"
    file.write_text(text if name is None else text.replace('"mine"', f'"{name}"'), encoding="utf-8")
    return file


def reasons(registry: Registry, name: str) -> list[str]:
    return [failure.reason for failure in registry.failures if failure.name == name]


# -- found --


def test_file_dropped_into_folder_is_found(plugin_folder: Path) -> None:
    file = write(plugin_folder / "mine.py")
    found = discover([plugin_folder]).get("mine")
    assert (found.name, found.file, found.origin) == ("mine", file, str(plugin_folder))
    assert found.cls.__module__ == "pixelkit.plugins.mine"


def test_folder_of_environment_is_found(plugin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(plugin_folder / "mine.py")
    monkeypatch.setenv("PIXELKIT_PLUGINS", str(plugin_folder))
    assert "mine" in discover().scorers


def test_package_folder_with_helper_is_found(plugin_folder: Path) -> None:
    write(plugin_folder / "deep" / "__init__.py", SCORER + "\n    from pixelkit.plugins.deep import helper\n")
    write(plugin_folder / "deep" / "helper.py", "ANSWER = 42")
    assert discover([plugin_folder]).get("mine").file == plugin_folder / "deep"


def test_helpers_tests_and_hidden_files_are_no_plugins(plugin_folder: Path) -> None:
    for name in ("_shared.py", ".#mine.py", "test_mine.py", "conftest.py"):
        write(plugin_folder / name, "raise RuntimeError('must not be imported')")
    (plugin_folder / "data").mkdir()
    (plugin_folder / "README.md").write_text("no plugin either")
    assert discover([plugin_folder]).failures == []


def test_own_plugins_bear_the_origin_pixelkit() -> None:
    registry = discover()
    for file in own_folder().glob("[a-z]*.py"):
        assert any(
            scorer.file == file and scorer.origin == "pixelkit" for scorer in registry.scorers.values()
        )


def test_class_from_a_folder_pickles_into_a_spawned_process(plugin_folder: Path) -> None:
    write(plugin_folder / "mine.py")
    data = pickle.dumps(discover([plugin_folder]).get("mine").cls())
    code = "import pickle, sys; print(type(pickle.load(sys.stdin.buffer)).__module__)"
    child = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert child.stdout.decode().strip() == "pixelkit.plugins.mine"


def test_relative_folder_is_found_after_a_change_of_directory(
    plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plugin_folder.parent)
    discover([Path("my_plugins")])
    assert os.environ["PIXELKIT_PLUGINS"].split(os.pathsep)[-1] == str(plugin_folder)


# -- installed packages --


def install(site: Path, value: str, *, module: str = SCORER) -> None:
    """Lay a package with an entry point on disk as pip does."""
    write(site / "fancy_scorers" / "__init__.py", "")
    write(site / "fancy_scorers" / "scorers.py", module)
    info = site / "fancy_scorers-1.2.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: fancy-scorers\nVersion: 1.2")
    write(info / "entry_points.txt", f"[pixelkit]\nfancy = {value}")


@pytest.mark.usefixtures("plugin_folder")
def test_installed_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "fancy_scorers.scorers")
    monkeypatch.syspath_prepend(tmp_path)
    found = discover().get("mine")
    assert found.origin == "package fancy-scorers 1.2"
    assert found.file == tmp_path / "fancy_scorers" / "scorers.py"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("fancy_scorers.scorers:Mine", "is the class Mine: an entry point names the module"),
        ("fancy_scorers.scorers:Absent", "AttributeError"),
        ("fancy_scorers.absent", "ModuleNotFoundError: No module named 'fancy_scorers.absent'"),
    ],
)
def test_broken_entry_point_is_reported(
    value: str, reason: str, tmp_path: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, value)
    write(plugin_folder / "mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    registry = discover([plugin_folder])
    assert reason in reasons(registry, "fancy")[0]
    assert "package fancy-scorers 1.2" in registry.failures[0].place
    assert "mine" in registry.scorers


# -- broken plugins --

HOOK = "from pixelkit import Scorer, hookimpl\n@hookimpl\ndef pixelkit_scorers():\n"
BROKEN = {
    "failing_import": (
        "import no_such_library",
        "ModuleNotFoundError: No module named 'no_such_library' (line 1)",
    ),
    "raising": ("x = 1\n\n1 / 0", "ZeroDivisionError: division by zero (line 3)"),
    "many_lines": ("raise ValueError('one\\ntwo')", "ValueError: one two (line 1)"),
    "syntax": ("def f(:\n    pass", "SyntaxError: invalid syntax (line 1)"),
    "exits": ("import sys\nsys.exit(3)", "it calls sys.exit(3): a plugin must not (line 2)"),
    "no_message": ("raise ValueError", "ValueError (line 1)"),
    "broken_message": (
        "class Evil(Exception):\n    def __str__(self): raise Evil\nraise Evil",
        "Evil: its message cannot be shown (line 3)",
    ),
    "base_exception": ("raise BaseException('odd')", "BaseException: odd (line 1)"),
    "misspelt": (
        HOOK.replace("pixelkit_scorers", "pixelkit_scorer") + "    return []",
        "pixelkit_scorer() is not a hook of pixelkit (did you mean 'pixelkit_scorers'?)",
    ),
    "unmarked": ("def pixelkit_scorers():\n    return []", "pixelkit_scorers() is not marked as a hook"),
    "hookless": ("x = 1", "has no hook"),
    "with_argument": (
        HOOK.replace("()", "(manager)") + "    return []",
        "Argument(s) {'manager'} are declared",
    ),
    "raising_hook": (HOOK + "    raise KeyError('x')", "KeyError: 'x' (line 4)"),
    "exiting_hook": (HOOK + "    raise SystemExit", "it calls sys.exit(None)"),
    "returns_none": (HOOK + "    pass", "returned None: expected a list of scorer classes"),
    "returns_number": (
        HOOK + "    return 3",
        "returned an instance of int: expected a list of scorer classes",
    ),
    "returns_class": (HOOK + "    return Scorer", "returned class Scorer: expected a list of scorer classes"),
    "returns_strings": (HOOK + "    return ['mine']", "an instance of str is no scorer class"),
    "returns_others": (
        HOOK + "    return [dict]",
        "class dict is no scorer: make it a subclass of pixelkit.Scorer",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_reported_and_hurts_nothing_else(name: str, plugin_folder: Path) -> None:
    source, reason = BROKEN[name]
    file = write(plugin_folder / f"{name}.py", source)
    write(plugin_folder / "a_good_one.py", name="good_before")
    write(plugin_folder / "z_good_one.py", name="good_after")
    registry = discover([plugin_folder])
    assert {"good_before", "good_after"} <= set(registry.scorers)
    [failure] = registry.failures
    assert (failure.name, failure.place) == (name, str(file))
    assert reason in failure.reason
    assert "\n" not in str(failure)
    with pytest.raises(PluginNotFound) as error:
        registry.get(name)
    assert reason in str(error.value)


CLASSES = {
    "an instance": ("return [Mine()]", 'name = "mine"', "an instance of Mine: write Mine, without ()"),
    "no name": ("return [Mine]", "pass", "class Mine has no name: give it one, as in name = 'mine'"),
    "a bad name": ("return [Mine]", 'name = "My-Net"', "has the name 'My-Net': expected lower-case letters"),
    "no text as name": ("return [Mine]", "name = 3", "has the name 3: expected lower-case letters"),
    "a setting's name": ("return [Mine]", 'name = "repair"', "'repair', which is a setting of pixelkit"),
    "no channels": (
        "return [Mine]",
        'name = "mine"; channels = ()',
        "channels is (): expected a tuple of names",
    ),
    "a bare channel": ("return [Mine]", 'name = "mine"; channels = "score"', "expected a tuple of names"),
    "a bad channel": ("return [Mine]", 'name = "mine"; channels = ("a.b",)', "has the channel 'a.b'"),
    "one channel twice": ("return [Mine]", 'name = "mine"; channels = ("a", "a")', "a name of its own"),
    "a positional setting": (
        "return [Mine]",
        'name = "mine"\n    def __init__(self, size=3): self.size = size',
        "'size' must be a keyword argument with a default",
    ),
    "no score": ("return [Mine]", 'name = "mine"; score = Scorer.score', "does not implement score()"),
}


@pytest.mark.parametrize("what", CLASSES)
def test_bad_class_is_reported_and_its_neighbour_kept(what: str, plugin_folder: Path) -> None:
    answer, body, reason = CLASSES[what]
    methods = "def fit(self, videos): pass\n    def score(self, video): pass\n    "
    file = plugin_folder / "pair.py"
    file.write_text(
        f"from pixelkit import Scorer, hookimpl\nclass Mine(Scorer):\n    {methods}{body}\n"
        f'class Other(Scorer):\n    {methods}name = "other"\n'
        f"@hookimpl\ndef pixelkit_scorers():\n    {answer} + [Other]\n"
    )
    registry = discover([plugin_folder])
    assert "other" in registry.scorers
    [failure] = registry.failures
    assert failure.place == str(file)
    assert reason in failure.reason


def test_name_taken_twice_names_both_places(plugin_folder: Path) -> None:
    first, second = write(plugin_folder / "a.py"), write(plugin_folder / "b.py")
    registry = discover([plugin_folder])
    assert registry.get("mine").file == first
    [failure] = registry.failures
    assert failure.place == str(second)
    assert str(first) in failure.reason


def test_own_scorer_keeps_its_name(plugin_folder: Path) -> None:
    own = next(iter(discover().scorers.values()))
    write(plugin_folder / "rival.py", name=own.name)
    registry = discover([plugin_folder])
    assert registry.get(own.name).cls is own.cls
    assert str(own.file) in registry.failures[0].reason


def test_file_name_taken_in_two_folders_names_both_places(plugin_folder: Path) -> None:
    first = write(plugin_folder / "mine.py")
    second = write(plugin_folder.with_name("more") / "mine.py", name="other")
    registry = discover([plugin_folder, second.parent])
    assert registry.get("mine").file == first
    assert str(registry.failures[0]) == f"{second}: its name is taken by {first}: rename this one"


def test_file_name_that_python_cannot_import_is_reported(plugin_folder: Path) -> None:
    write(plugin_folder / "my-net.v2.py")
    assert "rename it, for example to my_net_v2" in reasons(discover([plugin_folder]), "my-net.v2")[0]


def test_line_in_helper_of_package_plugin_is_named(plugin_folder: Path) -> None:
    write(plugin_folder / "deep" / "__init__.py", "from pixelkit.plugins.deep import helper")
    write(plugin_folder / "deep" / "helper.py", "import json\n\njson.loads('')")
    assert "(line 3 of helper.py)" in reasons(discover([plugin_folder]), "deep")[0]


def test_keyboard_interrupt_goes_through(plugin_folder: Path) -> None:
    write(plugin_folder / "impatient.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover([plugin_folder])


def test_optional_hook_of_a_later_version_is_harmless(plugin_folder: Path) -> None:
    later = "\n    @hookimpl(optionalhook=True)\n    def pixelkit_later():\n        pass\n"
    write(plugin_folder / "mine.py", SCORER + later)
    registry = discover([plugin_folder])
    assert "mine" in registry.scorers
    assert registry.failures == []


def test_folder_named_twice_through_a_link_is_one(plugin_folder: Path) -> None:
    write(plugin_folder / "mine.py")
    link = plugin_folder.with_name("link")
    link.symlink_to(plugin_folder)
    assert discover([plugin_folder, link]).failures == []


def test_malformed_entry_points_hurt_no_file_plugin(
    tmp_path: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "fancy_scorers.scorers")
    write(tmp_path / "fancy_scorers-1.2.dist-info" / "entry_points.txt", "[pixelkit]\nno equals sign")
    write(plugin_folder / "mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    registry = discover([plugin_folder])
    assert "mine" in registry.scorers
    assert "a package in this environment is broken" in registry.failures[0].reason


def test_print_at_import_stays_out_of_stdout(plugin_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(plugin_folder / "chatty.py", "    print('hello')\n" + SCORER)
    assert "mine" in discover([plugin_folder]).scorers
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_absent_folder_on_command_line_is_an_error(plugin_folder: Path) -> None:
    with pytest.raises(PluginError, match="absent does not exist: make it, or correct --plugins"):
        discover([plugin_folder / "absent"])


def test_absent_folder_in_environment_is_a_warning(
    plugin_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(plugin_folder / "mine.py")
    absent = plugin_folder / "absent"
    monkeypatch.setenv("PIXELKIT_PLUGINS", f"{absent}{os.pathsep}{plugin_folder}")
    monkeypatch.setattr(logging.getLogger("pixelkit"), "propagate", True)
    assert "mine" in discover().scorers
    assert f"plugin folder {absent} of PIXELKIT_PLUGINS does not exist" in caplog.text


def test_unknown_name_gets_the_nearest(plugin_folder: Path) -> None:
    write(plugin_folder / "mine.py")
    with pytest.raises(PluginNotFound, match=r"there is no scorer 'mime' \(did you mean 'mine'\?\)"):
        discover([plugin_folder]).get("mime")


def test_reserved_names_are_those_of_the_settings() -> None:
    from pixelkit.config import Settings

    assert {field.name for field in dataclasses.fields(Settings)} == contract.RESERVED


# -- source hash: part of the cache key --


def hash_of(folder: Path) -> str:
    """Return the hash that a fresh process sees."""
    code = "from pixelkit.registry import discover; print(discover().get('mine').source_hash())"
    environment = {**os.environ, "PIXELKIT_PLUGINS": str(folder)}
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    return child.stdout.decode().strip()


def test_source_hash_follows_the_file_and_what_it_imports_beside(tmp_path: Path) -> None:
    text = dedent(SCORER) + "\nfrom pixelkit.plugins import _shared\n"
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(folder / "mine.py", text)
        write(folder / "_shared.py", "SIZE = 3")
    first = hash_of(tmp_path / "a")
    assert hash_of(tmp_path / "b") == first, "the same source elsewhere has the same hash"
    write(tmp_path / "b" / "unrelated.py", "X = 1")
    assert hash_of(tmp_path / "b") == first, "another plugin does not matter"
    write(tmp_path / "b" / "_shared.py", "SIZE = 4")
    second = hash_of(tmp_path / "b")
    assert second != first
    write(tmp_path / "b" / "mine.py", text + "# changed\n")
    assert hash_of(tmp_path / "b") not in (first, second)


def test_source_files_hold_the_models_when_they_are_imported(plugin_folder: Path) -> None:
    from pixelkit.source import source_files

    late = SCORER + "\n    def late():\n        from pixelkit.models.device import pick_device\n"
    write(plugin_folder / "mine.py", late)
    files = source_files(discover([plugin_folder]).get("mine").cls)
    models = Path(contract.__file__).parent / "models"
    assert set(models.glob("*.py")) <= files
    assert not any(file.is_relative_to(Path(json.__file__).parent) for file in files), "no standard library"


@pytest.mark.usefixtures("plugin_folder")
def test_source_files_hold_all_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelkit.source import source_files

    install(tmp_path, "fancy_scorers.scorers")
    part = write(tmp_path / "fancy_scorers" / "deep" / "part.py", "def {template}")
    monkeypatch.syspath_prepend(tmp_path)
    assert part in source_files(discover().get("mine").cls)
