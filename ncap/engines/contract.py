"""What every engine does: it decides which run is trained where and when, and computes no number."""

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
    """Trains runs, and hands every tick to the ledger as it comes.

    Laws, held by `ncap.testing.engines.check_engine`:

    1. every run that the ledger wants is trained by one process at a time, and once;
    2. a tick is with the ledger before the next one of its run is asked for, so that a lost process loses no tick that was handed over;
    3. a run that fails is told to the ledger and stops no other;
    4. a run goes on from `ledger.start(run)`: what was recorded is not trained again;
    5. `ledger.end(run)` is called once for each run, after all that there is to say of it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs. Raises StoreWriteError where a tick cannot be kept, and ends there."""


def attempt(key: RunKey, train: Train, ledger: Ledger) -> None:
    """Train one run in this process, and tell the ledger how it went."""
    try:
        for tick in train(key, ledger.start(key)):
            ledger.add(key, tick)
    except TrainingFailedError as failure:
        ledger.fail(key, failure.epoch, failure.reason)
    else:
        ledger.finish(key)
