"""A time limit for calls that have none of their own: the ``kaggle`` package waits for ever for a silent server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
_LOOK = 0.2  # seconds between two looks at whether anything moved


class NoAnswer(Exception):
    """Nothing moved for so long that a person should be told."""


def within(seconds: float, call: Callable[[], T], moved: Callable[[], object] = lambda: None) -> T:
    """Return what ``call`` returns, or raise what it raises, unless nothing moves for so many seconds.

    The call runs in a thread of its own. One that is given up is left behind, and ends with the process at the latest:
    nothing can stop a thread that waits for a socket. Ctrl-C is heard at once.

    Parameters
    ----------
    seconds
        How long to wait.
    call
        What to do.
    moved
        Something that changes as long as the call gets on, for instance how many bytes have come.

    Raises
    ------
    NoAnswer
        If nothing moved.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, call), daemon=True).start()
    last, since = moved(), time.monotonic()
    while True:
        try:
            return future.result(timeout=min(_LOOK, seconds))
        except TimeoutError:
            if future.done():  # the call itself raised this
                raise
        now = moved()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > seconds:
            raise NoAnswer


def _run(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # SystemExit, too: the package exits where it should raise
        future.set_exception(error)
