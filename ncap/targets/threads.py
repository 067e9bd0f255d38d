"""Threads that decode images: Pillow and the hash functions let other threads run while they work."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """A pool of threads that starts when it is first used, and anew in a process that was forked, which has no threads of its parent.

    >>> Threads(2, "doubling").submit(lambda number: 2 * number, 21).result()
    42
    """

    def __init__(self, count: int, name: str) -> None:
        self.count, self._name = count, name
        self._pool: ThreadPoolExecutor | None = None
        self._process = -1

    def submit(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> "Future[Result]":
        """Have a thread do the work."""
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(self.count, thread_name_prefix=self._name), os.getpid()
        return self._pool.submit(work, *given, **named)
