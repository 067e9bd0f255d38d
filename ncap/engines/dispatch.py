"""Runs dispatched to other processes: who trains which, and what becomes of their messages.

The driver, which is this process, trains nothing. It holds the lock of every run that one of its workers trains, and alone writes the
store.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ncap.engines.contract import Resources, Train
from ncap.engines.ledger import Ledger
from ncap.engines.turns import POLL, claimed
from ncap.engines.worker import Failed, Parcel, next_epoch, record
from ncap.interrupt import check
from ncap.records.schema import RunKey

if TYPE_CHECKING:
    from ncap.training.tick import Start, Tick


class Worker(Protocol):
    """What trains one run at a time, as the driver sees it."""

    def train(self, key: RunKey, start: "Start") -> None:
        """Have it train a run."""


AnyWorker = TypeVar("AnyWorker", bound=Worker)


@dataclass
class Trained:
    """A run that a worker is training: its lock, the number of its last recorded tick, and whether it has failed."""

    key: RunKey
    lock: ExitStack
    last: int
    failed: bool = False


class Dispatch(ABC, Generic[AnyWorker]):
    """The runs of a job, several of them at a time in workers; an engine says what a worker is.

    Raises: ValueError for a candidate that cannot be sent to another process.
    """

    def __init__(self, runs: Sequence[RunKey], train: Train, ledger: Ledger, resources: Resources) -> None:
        self.parcel, self.ledger, self.resources = Parcel.of(train, ledger.job), ledger, resources
        self._left = list(runs)  # in the order in which they are begun
        self._training: dict[AnyWorker, Trained] = {}
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
            self._stop()
            for trained in self._training.values():
                trained.lock.close()

    @abstractmethod
    def _room(self) -> int:
        """How many runs may be trained at a time now."""

    @abstractmethod
    def _idle(self, fresh: bool) -> AnyWorker:
        """A worker that trains nothing now; `fresh`, one whose process has trained nothing yet."""

    @abstractmethod
    def _receive(self) -> None:
        """Answer the messages that have come, or wait for one until it is time to look around."""

    @abstractmethod
    def _stop(self) -> None:
        """End all workers at once, whatever they do."""

    def _begin_runs(self) -> None:
        """Give runs that no other driver holds to workers until there is no room for more."""
        room = self._room()
        for key in list(self._left):
            if len(self._training) >= room:
                return
            lock = ExitStack()
            if not lock.enter_context(claimed(self.ledger.lock_path(key))):
                continue
            self._left.remove(key)
            if self.ledger.wants(key):
                start = self.ledger.start(key)
                worker = self._idle(key in self._alone)
                self._training[worker] = Trained(key, lock, start.done if start.last is None else start.last.number)
                worker.train(key, start)
            else:
                self.ledger.end(key)
                lock.close()

    def _record(self, trained: Trained, message: "Tick | Failed") -> None:
        """Hand a message of a worker to the ledger."""
        record(trained.key, message, self.ledger)
        if isinstance(message, Failed):
            trained.failed = True
        else:
            trained.last = message.number

    def _finish(self, worker: AnyWorker) -> None:
        """A worker has sent all messages of its run."""
        if not self._training[worker].failed:
            self.ledger.finish(self._training[worker].key)
        self._end_run(worker)

    def _fail(self, worker: AnyWorker, reason: str) -> None:
        """A worker has ended in the middle of its run, which does not go on."""
        trained = self._training[worker]
        self.ledger.fail(trained.key, next_epoch(self.ledger, trained.last), reason)
        self._end_run(worker)

    def _begin_again(self, worker: AnyWorker) -> None:
        """A worker has ended in the middle of its run, which another takes up next, in a process of its own."""
        trained = self._training.pop(worker)
        self._alone.add(trained.key)
        self._left.insert(0, trained.key)
        trained.lock.close()

    def _end_run(self, worker: AnyWorker) -> None:
        trained = self._training.pop(worker)
        self.ledger.end(trained.key)
        trained.lock.close()

    def _wait(self) -> None:
        """Every run that is left is held by another driver."""
        if self._told != len(self._left):
            self.ledger.wait(self._left)
            self._told = len(self._left)
        time.sleep(POLL)
