"""Finds scorer plugins in three places, and keeps broken ones from hurting the others.

    plugins/                            the package pixelkit.plugins: convae, dae, stae, ...
    PIXELKIT_PLUGINS, --plugins DIR     folders of your own
    entry points of group "pixelkit"    installed packages

Every plugin is loaded alone, with a pluggy manager of its own: one shared manager would let a raising hook abort the
call for all, and a misspelt hook pass in silence.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from pixelkit import hooks, source
from pixelkit.contract import declaration_problem, spell
from pixelkit.errors import PluginError, PluginNotFound, did_you_mean
from pixelkit.scorer import Scorer

VARIABLE = "PIXELKIT_PLUGINS"
ENTRY_POINTS = "pixelkit"
log = logging.getLogger("pixelkit")


@dataclass(frozen=True)
class RegisteredScorer:
    """A scorer that can be used, and where it comes from."""

    name: str
    cls: type[Scorer]
    file: Path
    """The plugin file; for a package, the file that holds the class."""
    origin: str
    """``pixelkit``, the folder of a plugin of your own, or ``package NAME VERSION``."""

    def source_hash(self) -> str:
        """Return a hash of the source files that decide what this scorer does: part of its cache key."""
        return source.source_hash(self.cls)


@dataclass(frozen=True)
class Failure:
    """A plugin, or one scorer of it, that cannot be used."""

    name: str
    """What a user would ask for: the scorer's name, or that of the file or entry point."""
    place: str
    """The file, or the entry point with its package."""
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass
class Registry:
    """The scorers that were found, and the plugins that failed."""

    scorers: dict[str, RegisteredScorer] = field(default_factory=dict)
    """By name, in the order in which they were found."""
    failures: list[Failure] = field(default_factory=list)

    def get(self, name: str) -> RegisteredScorer:
        """Return the scorer of that name.

        Raises
        ------
        PluginNotFound
            If there is none; with the reason, if its plugin failed to load.
        """
        if name in self.scorers:
            return self.scorers[name]
        for failure in self.failures:
            if failure.name == name:
                raise PluginNotFound(f"scorer {name!r} cannot be used: {failure}")
        hint = "; 'pixelkit plugins' says which plugins failed" if self.failures else ""
        raise PluginNotFound(f"there is no scorer {name!r}{did_you_mean(name, self.scorers)}{hint}")


def discover(folders: Iterable[Path] = ()) -> Registry:
    """Find and load every plugin; what is broken goes to ``failures`` of the registry that is returned.

    Parameters
    ----------
    folders
        Plugin folders besides the package's own and those of ``PIXELKIT_PLUGINS``. They are added to that
        variable, so that processes which are spawned later find the same plugins.

    Raises
    ------
    PluginError
        If one of ``folders`` does not exist.
    """
    _join_folders(folders)
    registry = Registry()
    for plugin in [*_file_plugins(), *_package_plugins()]:
        _add(registry, plugin)
    return registry


@dataclass(frozen=True)
class _Plugin:
    """A plugin that was found and not yet loaded."""

    name: str
    place: str
    origin: str
    load: Callable[[], object]
    """Returns the object that bears the hooks, or raises."""
    file: Path | None = None


def _join_folders(folders: Iterable[Path]) -> None:
    """Add the plugin folders to the path of pixelkit.plugins and, for spawned processes, to the environment."""
    package = importlib.import_module(source.PLUGINS)
    named = [folder.expanduser().resolve() for folder in folders]
    for folder in named:
        if not folder.is_dir():
            raise PluginError(f"plugin folder {folder} does not exist: make it, or correct --plugins")
    listed = os.environ.get(VARIABLE, "").split(os.pathsep)
    known = [Path(folder).expanduser().resolve() for folder in listed if folder]
    for folder in known:
        if not folder.is_dir():
            log.warning(
                "plugin folder %s of %s does not exist: nothing is loaded from there", folder, VARIABLE
            )
    everything = list(dict.fromkeys([*known, *named]))
    for folder in everything:
        if str(folder) not in package.__path__:
            package.__path__.append(str(folder))
    if everything:
        os.environ[VARIABLE] = os.pathsep.join(map(str, everything))
    importlib.invalidate_caches()


def own_folder() -> Path:
    """Return the folder of the plugins that come with pixelkit."""
    file = importlib.import_module(source.PLUGINS).__file__
    assert file is not None
    return Path(file).resolve().parent


def _file_plugins() -> Iterator[_Plugin]:
    """Yield the files and package folders in every plugin folder, in the order of import."""
    taken: dict[str, Path] = {}
    folders = (Path(folder).resolve() for folder in importlib.import_module(source.PLUGINS).__path__)
    for folder in dict.fromkeys(folders):
        origin = "pixelkit" if folder == own_folder() else str(folder)
        try:
            paths = sorted(path for path in folder.iterdir() if _is_plugin(path)) if folder.is_dir() else []
        except OSError as error:
            yield _Plugin(folder.name, str(folder), origin, _fail(f"cannot be read: {error.strerror}"))
            continue
        for path in paths:
            name = path.name.removesuffix(".py")
            first = taken.setdefault(name, path)
            taken_by = f"its name is taken by {first}: rename this one"
            yield _Plugin(
                name, str(path), origin, _importer(name, path) if first == path else _fail(taken_by), path
            )


def _is_plugin(path: Path) -> bool:
    if path.name.startswith(("_", ".", "test_")) or path.name == "conftest.py":
        return False
    return path.suffix == ".py" if not path.is_dir() else (path / "__init__.py").is_file()


def _importer(name: str, path: Path) -> Callable[[], ModuleType]:
    """Return a function that imports ``path`` as a module of pixelkit.plugins, under which pickle finds its classes."""

    def load() -> ModuleType:
        if not name.isidentifier():
            better = re.sub(r"\W", "_", name)
            raise PluginError(f"{name!r} cannot be imported by name: rename it, for example to {better}")
        module = importlib.import_module(f"{source.PLUGINS}.{name}")
        file = path / "__init__.py" if path.is_dir() else path
        if module.__file__ is None or Path(module.__file__).resolve() != file.resolve():
            raise PluginError(f"{module.__file__} was loaded under the same name: rename this one")
        return module

    return load


def _fail(reason: str) -> Callable[[], object]:
    def load() -> object:
        raise PluginError(reason)

    return load


def _package_plugins() -> Iterator[_Plugin]:
    """Yield the entry points of installed packages. Each is loaded alone: pluggy's own loader stops at the first
    that raises, and is not guarded against ``sys.exit()``."""
    try:
        entries = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    except Exception as error:  # one malformed entry_points.txt spoils the list of all packages
        reason = f"cannot be read ({explain(error)}): a package in this environment is broken"
        yield _Plugin(ENTRY_POINTS, "entry points of the installed packages", "", _fail(reason))
        return
    for entry in entries:
        package = f"package {entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"
        place = f"entry point '{entry.name} = {entry.value}' of {package}"
        yield _Plugin(entry.name, place, package, entry.load)


def _add(registry: Registry, plugin: _Plugin) -> None:
    """Load ``plugin``, and add its scorers or its failures to ``registry``."""
    try:
        # What a plugin prints must not end up between the data on stdout.
        with redirect_stdout(sys.stderr):
            for cls in _scorer_classes(plugin.load(), plugin.name):
                _add_scorer(registry, plugin, cls)
    except KeyboardInterrupt:
        raise
    except PluginError as error:
        registry.failures.append(Failure(plugin.name, plugin.place, _one_line(error)))
    except BaseException as error:  # sys.exit() at import raises SystemExit, which is no Exception
        registry.failures.append(Failure(plugin.name, plugin.place, explain(error, plugin.file)))


def _add_scorer(registry: Registry, plugin: _Plugin, cls: Any) -> None:
    name = getattr(cls, "name", None)
    problem = declaration_problem(cls)
    if problem is None and name in registry.scorers:
        problem = f"{spell(cls)} takes the name {name!r} of {registry.scorers[name].file}: rename this one"
    if problem is not None:
        asked = name if isinstance(name, str) else plugin.name
        registry.failures.append(Failure(asked, plugin.place, problem))
        return
    file = plugin.file or Path(sys.modules[cls.__module__].__file__ or plugin.place)
    registry.scorers[cls.name] = RegisteredScorer(cls.name, cls, file, plugin.origin)


def _scorer_classes(plugin: object, name: str) -> list[Any]:
    """Return what the plugin's hook gives, checked to be lists.

    Raises
    ------
    PluginError
        If the plugin has no hook, misspells one, or does not return a list.
    """
    if inspect.isclass(plugin):
        raise PluginError(f"is the class {plugin.__name__}: an entry point names the module, without ':...'")
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(_one_line(error)) from None
    _check_hook_names(manager, plugin)
    implementations = manager.hook.pixelkit_scorers.get_hookimpls()
    answers = manager.hook.pixelkit_scorers()
    if len(answers) < len(implementations):  # pluggy drops None
        raise PluginError("pixelkit_scorers() returned None: expected a list of scorer classes")
    for answer in answers:
        if not isinstance(answer, list | tuple):
            raise PluginError(
                f"pixelkit_scorers() returned {spell(answer)}: expected a list of scorer classes"
            )
    return [cls for answer in answers for cls in answer]


def _check_hook_names(manager: pluggy.PluginManager, plugin: object) -> None:
    known = hook_names()
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec() and not all(hook.optionalhook for hook in caller.get_hookimpls()):
            raise PluginError(f"{caller.name}() is not a hook of pixelkit{did_you_mean(caller.name, known)}")
    if not callers:
        bare = next((name for name in known if hasattr(plugin, name)), None)
        if bare is not None:
            raise PluginError(f"{bare}() is not marked as a hook: put @hookimpl above it")
        raise PluginError(
            "has no hook: end it with a function pixelkit_scorers() under @hookimpl that returns its "
            "scorer classes, or begin its file name with '_' if it is no plugin"
        )


def hook_names() -> list[str]:
    """Return the names of the hooks that a plugin can implement."""
    return sorted(name for name, value in vars(hooks).items() if hasattr(value, f"{hooks.PROJECT}_spec"))


def explain(error: BaseException, file: Path | None = None) -> str:
    """Return type, message and line of an exception as one line of text.

    Parameters
    ----------
    error
        What was raised.
    file
        A plugin's file or folder: the innermost line in it is named, or the innermost of all when there is none.
    """
    what = f"{type(error).__name__}: {_one_line(error)}".removesuffix(": ")
    if isinstance(error, SystemExit):
        what = f"it calls sys.exit({error.code!r}): a plugin must not"
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        what = f"{type(error).__name__}: {error.msg}"
        frames.append((error.filename, error.lineno))
    real = [(Path(name), line) for name, line in frames if not name.startswith("<")]  # "<frozen importlib>"
    inside = [(path, line) for path, line in real if file is not None and path.is_relative_to(file)] or real
    if not inside:
        return what
    path, line = inside[-1]
    return f"{what} (line {line})" if path == file else f"{what} (line {line} of {path.name})"


def _one_line(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # an exception of the plugin's own, whose __str__ is broken too
        return "its message cannot be shown"
