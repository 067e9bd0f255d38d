"""The contract of an engine: it decides where and when each run is trained, and computes nothing itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ncap.arguments import byte_count, whole_number
from ncap.engines.ledger import Ledger
from ncap.records.schema import RunKey
from ncap.training.failure import TrainingFailedError

if TYPE_CHECKING:
    from ncap.training.tick import Start, Tick


@dataclass(frozen=True)
class Resources:
    """What an engine may use. None of it changes what a run computes; the threads of a run do, and are a setting of the job.

    Attributes:
        jobs: how many runs are trained at a time; None leaves it to the engine: one on this machine, as many as a cluster has room for.
        memory: bytes that the process of a run may have in memory; a run that needs more is ended and recorded as failed. None: no limit.
        address: where an engine that distributes runs over machines finds them; None means this machine alone.

    >>> Resources(jobs=0)
    Traceback (most recent call last):
    ValueError: jobs must be a whole number of at least 1, got 0
    >>> Resources(memory="2GB").memory
    2000000000
    """

    jobs: int | None = None
    memory: int | str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        """Check every field and convert it to its plain type."""
        if self.jobs is not None:
            object.__setattr__(self, "jobs", whole_number("jobs", self.jobs, least=1))
        if self.address is not None and (not isinstance(self.address, str) or not self.address):
            raise ValueError(
                f"address must be auto or HOST:PORT, or None for this machine alone, got {self.address!r:.80}"
            )
        object.__setattr__(self, "memory", None if self.memory is None else byte_count("memory", self.memory))

    @property
    def at_a_time(self) -> int:
        """How many runs are trained at a time on one machine."""
        return 1 if self.jobs is None else self.jobs

    @property
    def apart(self) -> bool:
        """Whether runs are trained in processes of their own, and not in the one that asks for them."""
        return self.at_a_time > 1 or self.memory is not None


# Trains one run from where it starts. It can be pickled where the engine trains in other processes.
Train = Callable[[RunKey, "Start"], Iterator["Tick"]]


class Engine(ABC):
    """Trains runs and hands every tick to the ledger as it comes.

    Laws, tested by `ncap.testing.engines.check_engine`:

    1. Every run that the ledger wants is trained once, by one process at a time.
    2. A tick reaches the ledger before the next tick of its run is requested, so that a lost process loses nothing handed over.
    3. A failed run is reported to the ledger and does not stop the others.
    4. A run resumes from `ledger.start(run)`; what was recorded is not trained again.
    5. `ledger.end(run)` is called once per run, after everything else about that run.

    `ncap.engines.worker` says how a run is trained in another process.

    Attributes:
        distributes: whether it trains on other machines, and so can be given their address.

    Raises: ValueError for resources that it cannot use. No framework is loaded to say so.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    distributes: ClassVar[bool] = False

    def __init__(self, resources: Resources | None = None) -> None:
        self.resources = resources or Resources()
        if self.resources.address is not None and not self.distributes:
            raise ValueError(
                f"engine {self.name!r} trains on this machine alone, got address={self.resources.address!r:.80}; pass engine='ray', or "
                "no address"
            )

    @property
    def apart(self) -> bool:
        """Whether runs are trained in other processes than this one."""
        return self.distributes or self.resources.apart

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
