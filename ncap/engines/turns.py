"""Taking turns: the process that holds the lock on the file beside a run's checkpoint trains the run.

The operating system keeps the lock for as long as the process lives (flock on POSIX, a locked byte on Windows), so a killed process frees
all its runs, and locks need neither breaking nor timeouts. The lock files are empty, one per run, and stay: removing one could leave two
processes each with a lock, on two files of the same name. On a file system without flock, filelock warns and uses a file that exists for
as long as the lock is held; the next process on the same machine then frees what a killed one left behind.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ncap.interrupt import check
from ncap.records.schema import RunKey
from ncap.records.store import StoreWriteError

POLL = 0.5  # seconds between checks of runs that other processes hold


def take_turns(
    runs: Sequence[RunKey],
    lock_path: Callable[[RunKey], Path],
    work: Callable[[RunKey], None],
    waiting: Callable[[Sequence[RunKey]], None],
) -> None:
    """Do `work` on every run once, in order, while no other process is working on it.

    A run held by another process is postponed; when only such runs are left, `waiting` is told which, and they are waited for.

    Raises: StoreWriteError if a lock file cannot be created.
    """
    left, told = list(runs), 0
    while left:
        busy = []
        for key in left:
            check()
            with claimed(lock_path(key)) as ours:
                if ours:
                    work(key)
                else:
                    busy.append(key)
        if len(busy) == len(left):
            if told != len(busy):
                waiting(busy)
                told = len(busy)
            time.sleep(POLL)
        left = busy


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether the lock on a file is ours inside the block. Raises: StoreWriteError if the lock file cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StoreWriteError.at(path, error) from error
    try:
        yield True
    finally:
        lock.release()
