"""What training hands over at every tick, and what it needs to resume from one."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class State:
    """The state of a run after a tick: everything that the next tick depends on.

    body: fingerprint of the body that the run started from. weights, optimizer, generators: variables in Keras' order; the generators
    are those of dropout and noise. random: states of Python's and numpy's own generators inside an epoch; None at its end, because
    every epoch is reseeded.
    """

    body: str
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    generators: list[np.ndarray]
    random: Any = None


@dataclass(frozen=True)
class Tick:
    """One observation of a run: its row, the rows of its readings, and the state after it.

    observation and readings have the columns of `ncap.records.schema` except settings, target, candidate and run, because training knows
    no store. The row of every reading begins with the tick, too.
    """

    observation: dict[str, Any]
    readings: list[dict[str, Any]]
    state: State

    @property
    def number(self) -> int:
        """The number of the tick in its run, from 1."""
        return int(self.observation["tick"])

    @property
    def seconds(self) -> float:
        """The seconds that its training and its readings took."""
        taken = (self.observation["seconds_train"], *(reading["seconds"] for reading in self.readings))
        return math.fsum(seconds for seconds in taken if math.isfinite(seconds))


@dataclass(frozen=True)
class Start:
    """Where a run starts: after `done` fully recorded ticks, from the newest saved tick `last` if there is one.

    body: fingerprint of the body that the run started from; "" if none is known. seconds: what each recorded tick took, for a budget.
    """

    done: int = 0
    last: Tick | None = None
    body: str = ""
    seconds: tuple[float, ...] = ()
