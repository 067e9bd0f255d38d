"""Which process trains a run: the one that holds the lock on the file beside the run's checkpoint.

The operating system holds the lock for as long as its process lives (flock on POSIX, a locked byte on Windows), so a process that is
killed leaves every run free, and no lock is ever broken or outwaited. The lock files are empty, one per run, and stay: whoever removed
one could leave two processes with a lock each, on two files of one name. On a file system without flock, filelock warns and takes a
file that exists for as long as the lock is held; what a killed process left is then freed by the next one on the same machine.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ncap.interrupt import check
from ncap.records.schema import RunKey
from ncap.records.store import StoreWriteError

POLL = 0.5  # seconds between two looks at runs that other processes hold


def take_turns(
    runs: Sequence[RunKey],
    lock_path: Callable[[RunKey], Path],
    work: Callable[[RunKey], None],
    waiting: Callable[[Sequence[RunKey]], None],
) -> None:
    """Do `work` on every run once, in order, while no other process works on it.

    A run that another process holds is put off; where only such runs are left, `waiting` is told of them and they are waited for.

    Raises: StoreWriteError where no lock file can be made.
    """
    left, told = list(runs), 0
    while left:
        busy = []
        for key in left:
            check()
            with _claimed(lock_path(key)) as ours:
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
def _claimed(path: Path) -> Iterator[bool]:
    """Whether the lock is ours, for the length of the block."""
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
