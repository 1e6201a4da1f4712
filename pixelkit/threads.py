"""Work in threads, from which Ctrl-C gets away: it is raised between their results, never inside a lock."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds that a wait for another thread may hold Ctrl-C back.
PATIENCE = 0.2


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    pool: ThreadPoolExecutor, calls: Iterable[Callable[[], T]], ahead: int
) -> Generator[T, None, None]:
    """Run ``calls`` in ``pool``, at most ``ahead`` before the one whose result is wanted next; yield in order."""
    running: deque[Future[T]] = deque()
    try:
        for call in calls:
            with uninterrupted():
                running.append(pool.submit(call))
            if len(running) > ahead:
                yield _result(running)
        while running:
            yield _result(running)
    finally:
        with uninterrupted():
            for future in running:
                future.cancel()


def _result(running: deque[Future[T]]) -> T:
    while True:
        with uninterrupted():
            if wait([running[0]], timeout=PATIENCE).done:
                return running.popleft().result()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the body has run, which waits for other threads, and not for long.

    Where futures and conditions of the standard library are interrupted between taking a lock and remembering to give
    it back, the lock stays taken; a thread of a pool then waits for it, and everybody for the thread.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda *received: held.append(received))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])
