"""The exceptions that pixelkit raises, as one tree.

    PixelkitError                 everything below; the command line prints it as one line and exits with 1
    ├── SettingsError             an unknown key, a value of the wrong type, a settings file that does not parse
    ├── DataError                 the data set: not found, empty, no test split, two files for one frame
    │   └── LabelsError           a label file that does not parse or does not fit the videos
    ├── StorageError              a full disk, no write permission, a run folder that is not ours
    ├── PluginError               a scorer plugin
    │   ├── PluginNotFound        no scorer of that name, or its file failed to load
    │   ├── ScorerError           a scorer broke its contract: wrong length, scores that are not finite
    │   └── WeightsError          pretrained weights: truncated, of another model, a pickle that would run code
    │       └── WeightsMissing    they are nowhere, and cannot be fetched
    ├── TuningError               nothing to tune on, a study that cannot be reached or was made for something else
    ├── RecipeError               a recipe that names a channel, a normalisation or a rule that does not exist
    ├── SubmissionError           a CSV that the leaderboard would reject
    ├── HistoryError              a score told twice, a CSV that is gone
    │   └── UnknownSubmission     no submission has that id
    ├── KaggleError               no credentials, rules not accepted, a wrong name, a limit reached, a CSV rejected
    │   └── KaggleUnreachable     no network, no answer, a server out of order: another time it may go well
    └── PackError                 a wheel that cannot be had, an unfinished run, a folder that is no former pack

A message says what is wrong, where, what was expected, and what to do about it, in that order and on one line.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PixelkitError(Exception):
    """The base of every error that a user of pixelkit can mend."""


class SettingsError(PixelkitError):
    """A setting is unknown or has the wrong type, or the settings file does not parse."""


class DataError(PixelkitError):
    """The data set cannot be used as it lies there."""


class LabelsError(DataError):
    """A label file does not parse or does not fit the videos."""


class StorageError(PixelkitError):
    """Something could not be written or read: a full disk, no permission, a folder in the way."""


class PluginError(PixelkitError):
    """A scorer plugin cannot be used."""


class PluginNotFound(PluginError):
    """No scorer of the name that was asked for, or the file that holds it failed to load."""


class ScorerError(PluginError):
    """A scorer broke its contract."""


class WeightsError(PluginError):
    """A file of pretrained weights cannot be used."""


class WeightsMissing(WeightsError):
    """Pretrained weights are nowhere, and cannot be fetched."""


class RecipeError(PixelkitError):
    """A recipe names a channel, a normalisation, a smoothing or a fusion rule that does not exist."""


class TuningError(PixelkitError):
    """There is nothing to tune on, or a study cannot be reached or was made for something else."""


class SubmissionError(PixelkitError):
    """A CSV that the leaderboard would reject."""


class HistoryError(PixelkitError):
    """The history of submissions does not know, or knows otherwise: an unknown id, a score told twice, a lost CSV."""


class UnknownSubmission(HistoryError):
    """No submission in the history has the id that was asked for; another history may have it."""


class KaggleError(PixelkitError):
    """Kaggle cannot be asked, or says no."""


class KaggleUnreachable(KaggleError):
    """Kaggle cannot be asked now, but perhaps another time; whether it heard the last call, nobody knows."""


class PackError(PixelkitError):
    """A pack for a machine without internet lacks something, or would take the place of other files."""


class ViewError(PixelkitError):
    """The page of a run cannot be served on the port that was asked for."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known word, or the known words when none is near.

    Parameters
    ----------
    word
        What the user wrote.
    known
        The words that would have been right.
    """
    words = sorted(known)
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f" (did you mean {near[0]!r}?)"
    return f" (known: {', '.join(words)})" if words else ""


def examples(items: Iterable[object], most: int = 3) -> str:
    """Return the first few of ``items`` for a message: ``1_4, 1_5, 1_6 and 12 more``."""
    every = [str(item) for item in items]
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most:,} more"


def reason(error: Exception) -> str:
    """Return why something cannot be read; of the system's own errors just that: ``No such file or directory``."""
    return getattr(error, "strerror", None) or str(error)
