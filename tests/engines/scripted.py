"""Runs without a framework that end in every way in which a process can, for engines that train in other processes.

python scripted.py STORE LOG JOBS NAME [ADDRESS] trains those of function NAME, on a Ray cluster where an address is given, as a driver
that a test can kill. A line of the log is `process candidate run tick`.
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from ncap.engines.contract import Resources
from ncap.engines.local import Local
from ncap.engines.ray import Ray
from ncap.records.schema import RunKey
from ncap.testing.engines import run_scripted, scripted_run, scripted_tick

LOG = "NCAP_TEST_LOG"  # with this prefix it travels to workers
PAUSE = "NCAP_TEST_PAUSE"  # seconds that a tick takes
RUNS = [RunKey("s", "digits", candidate, run) for candidate in ("a", "b", "c") for run in (0, 1)]
MEGABYTE = 10**6
_KEPT = []  # what a run leaves behind in its process


def key(candidate, run=0):
    return RunKey("s", "digits", candidate, run)


def dying(run, start):
    """A run whose process ends after the first tick, in the way that the candidate is called."""
    for tick in scripted_run(run, start):
        if tick.number == 2:
            WAYS.get(run.candidate, lambda: None)()
        yield tick


def dying_once(run, start):
    """The same, but only the first time."""
    before = Path(f"{os.environ[LOG]}.{run.candidate}")
    for tick in scripted_run(run, start):
        if tick.number == 2 and not before.exists():
            before.touch()
            WAYS.get(run.candidate, lambda: None)()
        yield tick


def body():
    """What a candidate of a module builds."""


def _eat(megabytes):
    _KEPT.append(bytearray(os.urandom(MEGABYTE)) * megabytes)
    time.sleep(1.0)  # long enough to be seen


WAYS = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "orphaned": lambda: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(60)),
    "crashed": lambda: ctypes.string_at(0),
    "left": lambda: os._exit(7),
    "hungry": lambda: _eat(2000),
    "leaving much": lambda: _eat(250),
}


def logged(run, start):
    """A slow run that writes down what it does, and talks: what it prints is no message."""
    with Path(os.environ[LOG]).open("a") as log:
        for tick in scripted_run(run, start):
            if tick is not start.last:  # which was trained before
                log.write(f"{os.getpid()} {run.candidate} {run.run} {tick.number}\n")
                log.flush()
            print("talking")
            time.sleep(float(os.environ.get(PAUSE, "0.05")))
            yield tick


def unending(run, start):
    """A run that stops after its first tick."""
    yield scripted_tick(run, 1)
    with Path(os.environ[LOG]).open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(600)


if __name__ == "__main__":
    store, log, jobs, name, *address = sys.argv[1:]
    os.environ[LOG] = log
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # which a shell ignores for what it starts in the background
    import scripted  # by its own name, which workers know it by

    engine = Ray(Resources(int(jobs), address=address[0])) if address else Local(Resources(int(jobs)))
    run_scripted(engine, Path(store), getattr(scripted, name), RUNS)
