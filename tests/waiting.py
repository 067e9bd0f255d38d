"""Waiting for what another process does, and killing it in the middle."""

import signal
import time

import pytest

from ncap.records.schema import OBSERVATIONS
from ncap.records.store import Store


def wait_for(holds, process=None, seconds=120.0, every=0.1):
    """Wait until a condition holds; fail, with what the process has said, where it ends or the time is over before."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            if process is None:
                pytest.fail(f"it did not come in {seconds:g} s")
            process.kill()
            pytest.fail(f"{process.poll()} before it came: {process.communicate()[1]}")
        time.sleep(every)


def end_by_kill(process):
    """End a process as nothing can be done against."""
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def ticks(store):
    """How many ticks a store has; 0 where it is not there yet, or just being made."""
    if not store.exists():
        return 0
    try:
        with Store(store, create=False) as opened:
            return len(opened.table(OBSERVATIONS))
    except ValueError:
        return 0
