"""What training hands over at every tick, and what it is given to go on from one."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class State:
    """A run after a tick: all that the next tick depends on.

    body: fingerprint of the body that the run began from. weights, optimizer, generators: variables in Keras' order; the generators are
    those of dropout and noise. random: states of Python's and numpy's own generators inside an epoch, None at its end, since every
    epoch is seeded anew.
    """

    body: str
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    generators: list[np.ndarray]
    random: Any = None


@dataclass(frozen=True)
class Tick:
    """One observation of a run: its row, the rows of its readings, and the state after it.

    observation and readings have the columns of `ncap.records.schema`, settings, target, candidate and run left out: training knows no
    store. Every reading's row begins with the tick, too.
    """

    observation: dict[str, Any]
    readings: list[dict[str, Any]]
    state: State

    @property
    def number(self) -> int:
        """The tick's number in its run, from 1."""
        return int(self.observation["tick"])


@dataclass(frozen=True)
class Start:
    """Where a run begins: after `done` ticks that are recorded in full, from the newest tick saved, where there is one.

    body: fingerprint of the body that the run began from, "" where none is known.
    """

    done: int = 0
    last: Tick | None = None
    body: str = ""
