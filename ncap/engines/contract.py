"""The contract of an engine: it decides where and when each run is trained, and computes nothing itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from ncap.engines.ledger import Ledger
from ncap.records.schema import RunKey
from ncap.training.failure import TrainingFailedError

if TYPE_CHECKING:
    from ncap.training.tick import Start, Tick

Train = Callable[[RunKey, "Start"], Iterator["Tick"]]


class Engine(ABC):
    """Trains runs and hands every tick to the ledger as it comes.

    Laws, tested by `ncap.testing.engines.check_engine`:

    1. Every run that the ledger wants is trained once, by one process at a time.
    2. A tick reaches the ledger before the next tick of its run is requested, so that a lost process loses nothing handed over.
    3. A failed run is reported to the ledger and does not stop the others.
    4. A run resumes from `ledger.start(run)`; what was recorded is not trained again.
    5. `ledger.end(run)` is called once per run, after everything else about that run.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs. Raises StoreWriteError, and stops, if a tick cannot be saved."""


def attempt(key: RunKey, train: Train, ledger: Ledger) -> None:
    """Train one run in this process and tell the ledger how it went."""
    try:
        for tick in train(key, ledger.start(key)):
            ledger.add(key, tick)
    except TrainingFailedError as failure:
        ledger.fail(key, failure.epoch, failure.reason)
    else:
        ledger.finish(key)
