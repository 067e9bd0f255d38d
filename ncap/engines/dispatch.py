"""Runs dispatched to processes on this machine: who trains which, what becomes of their messages, and of a process that ends.

The driver, which is this process, trains nothing. It holds the lock of every run that one of its processes trains, and alone writes the
store. A run whose process ends is recorded as failed, with how it ended, and the others go on; repeating the job takes it up again from
its last tick.
"""

import os
import queue
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ncap.engines.contract import Resources, Train
from ncap.engines.ledger import Ledger
from ncap.engines.process import DONE, Inbox, Process
from ncap.engines.turns import POLL, claimed
from ncap.engines.worker import Failed, Parcel, next_epoch, record
from ncap.interrupt import check
from ncap.records.schema import RunKey

_LOOK = 0.1  # seconds between two looks at the memory of the processes


@dataclass
class _Trained:
    """A run that a process is training: its lock, the number of its last recorded tick, and whether it has failed."""

    key: RunKey
    lock: ExitStack
    last: int
    failed: bool = False


class Dispatch:
    """The runs of a job, up to `resources.jobs` of them at a time in processes of their own.

    Raises: ValueError for a candidate that cannot be sent to another process.
    """

    def __init__(self, runs: Sequence[RunKey], train: Train, ledger: Ledger, resources: Resources) -> None:
        self.parcel, self.ledger, self.resources = Parcel.of(train, ledger.job), ledger, resources
        self._left = list(runs)  # in the order in which they are begun
        self._inbox: Inbox = queue.SimpleQueue()
        self._training: dict[Process, _Trained] = {}
        self._places: dict[Process, int] = {}  # of all processes; a place has a device
        self._alone: set[RunKey] = set()  # runs that get a process which has trained nothing else
        self._told = 0

    def run(self) -> None:
        """Train all runs; at the end, wait for those that another driver is training. Raises StoreWriteError if a tick cannot be saved."""
        try:
            while self._left or self._training:
                check()
                self._begin_runs()
                if self._training:
                    self._receive()
                elif self._left:
                    self._wait()
        finally:
            for process in list(self._places):
                self._discard(process)
            for trained in self._training.values():
                trained.lock.close()

    def _begin_runs(self) -> None:
        """Give runs that no other driver holds to processes until all of these are busy."""
        for key in list(self._left):
            if len(self._training) >= self.resources.jobs:
                return
            lock = ExitStack()
            if not lock.enter_context(claimed(self.ledger.lock_path(key))):
                continue
            self._left.remove(key)
            if self.ledger.wants(key):
                start = self.ledger.start(key)
                process = self._idle(key in self._alone)
                self._training[process] = _Trained(key, lock, start.done if start.last is None else start.last.number)
                process.train(key, start)
            else:
                self.ledger.end(key)
                lock.close()

    def _idle(self, fresh: bool) -> Process:
        """A process that trains nothing now, started where there is none; `fresh`, one that has trained nothing yet."""
        for process in [one for one in self._places if one not in self._training]:
            if process.alive and not fresh:
                return process
            self._discard(process)
        place = min(set(range(self.resources.jobs)) - set(self._places.values()))
        process = Process(self.parcel, device_variables(place), self._inbox)
        self._places[process] = place
        return process

    def _receive(self) -> None:
        """Answer the next message, if one comes before it is time to look around."""
        watched = self.resources.memory is not None
        try:
            process, message = self._inbox.get(timeout=_LOOK if watched else POLL)
        except queue.Empty:
            process, message = None, None
        if watched:
            self._look_at_memory()
        if process not in self._places:  # nothing came, or it is from a process that has been discarded
            return
        trained = self._training.get(process)
        if message is None:
            self._lose(process, trained)
        elif trained is not None and message == DONE:
            if not trained.failed:
                self.ledger.finish(trained.key)
            self._end_run(process)
        elif trained is not None:
            record(trained.key, message, self.ledger)
            trained.failed = isinstance(message, Failed)
            trained.last = trained.last if isinstance(message, Failed) else message.number
            process.go_on()

    def _lose(self, process: Process, trained: _Trained | None) -> None:
        """A process has ended: its run has failed, unless its memory was full of what earlier runs had left there."""
        del self._places[process]
        reason = process.how_it_ended()
        process.close()
        if trained is None:
            return
        if process.over_limit and process.runs > 1:
            self._alone.add(trained.key)
            self._left.insert(0, trained.key)
            self._training.pop(process).lock.close()
            return
        self.ledger.fail(trained.key, next_epoch(self.ledger, trained.last), reason)
        self._end_run(process)

    def _end_run(self, process: Process) -> None:
        trained = self._training.pop(process)
        self.ledger.end(trained.key)
        trained.lock.close()

    def _look_at_memory(self) -> None:
        limit = self.resources.memory
        assert isinstance(limit, int)
        for process in self._training:
            process.keep_within(limit)

    def _wait(self) -> None:
        """Every run that is left is held by another driver."""
        if self._told != len(self._left):
            self.ledger.wait(self._left)
            self._told = len(self._left)
        time.sleep(POLL)

    def _discard(self, process: Process) -> None:
        del self._places[process]
        process.end()
        process.close()


def device_variables(place: int) -> dict[str, str]:
    """The environment variables that give the process at a place one device, in turn; {} where there are only processors.

    Several processes may have the same one, and the driver has them all (`ncap.framework.share_devices`).
    """
    devices = _graphics_devices()
    if not devices:
        return {}
    own = devices[place % len(devices)]
    return {"CUDA_VISIBLE_DEVICES": own, "HIP_VISIBLE_DEVICES": own}


def _graphics_devices() -> list[str]:
    """The devices that this process may use, as CUDA_VISIBLE_DEVICES names them; none where no framework is loaded."""
    if "keras" not in sys.modules:
        return []
    from ncap.framework import devices

    count = sum(device.lower().startswith(("gpu", "cuda")) for device in devices())
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES") or os.environ.get("HIP_VISIBLE_DEVICES") or ""
    named = [word.strip() for word in chosen.split(",") if word.strip()]
    return (named or list(map(str, range(count))))[:count]
