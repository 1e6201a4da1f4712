"""Work in threads: results in order, a few ahead, and Ctrl-C at any moment ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from pixelkit.threads import in_order, uninterrupted

# Ctrl-C at the one moment that harms, when a condition's lock was taken and nobody knows yet: at each of them in turn.
INTERRUPTED = """
import signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pixelkit.threads import in_order

taken = threading.Condition.__enter__.__code__

def interrupted(at):
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code is not taken:
            return None
        if event == "return":
            count += 1
            if count == at:
                signal.raise_signal(signal.SIGINT)
        return trace

    with ThreadPoolExecutor(2) as pool:
        sys.settrace(trace)
        try:
            for _ in in_order(pool, [partial(time.sleep, 0.002)] * 8, 2):
                pass
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
    return False

at = 1
while interrupted(at):
    at += 1
print(at)
"""


def test_an_interrupt_at_any_moment_leaves_no_lock_taken() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8, "so many moments were there at least"


def test_results_come_in_order_and_calls_run_a_few_ahead() -> None:
    asked: list[int] = []

    def calls() -> Iterator[Callable[[], int]]:
        for number in range(9):
            asked.append(number)
            yield partial(slow, number)

    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3 == 0))
        return number

    with ThreadPoolExecutor(3) as pool:
        found = in_order(pool, calls(), 2)
        assert next(found) == 0
        assert asked == [0, 1, 2]
        assert [0, *found] == list(range(9))


def test_an_error_comes_in_its_turn_and_what_waits_is_not_begun() -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        return 1 // (number - 1)

    with ThreadPoolExecutor(1) as pool:
        found = in_order(pool, (partial(call, number) for number in range(50)), 40)
        assert next(found) == -1
        with pytest.raises(ZeroDivisionError):
            next(found)
    assert len(begun) < 5


def test_an_interrupt_is_held_back_and_then_raised_and_the_handler_stays() -> None:
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("body")
    assert done == ["body"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_is_ignored_stays_ignored_and_other_threads_are_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def other() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]
