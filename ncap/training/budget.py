"""The seconds that a run may take where they, and not a number of epochs, end it."""

import math
from collections.abc import Sequence


class Budget:
    """What is left of a run's seconds, of training and of readings; None has no end.

    The first tick always has room, so that every candidate is observed; each of the next ones as long as the longest so far would fit.
    Seconds that were recorded count as they are, so a run that was interrupted ends where it would have ended.

    >>> left = Budget(10.0)
    >>> left.spend(3.0, 4.0)
    >>> left.has_room()      # 3 s are left, and a tick may take 4
    False
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self._spent, self._longest = math.inf if seconds is None else seconds, 0.0, 0.0

    def spend(self, *ticks: float) -> None:
        """Ticks have taken so many seconds each."""
        self._spent += math.fsum(ticks)
        self._longest = max(self._longest, *ticks, 0.0)

    def has_room(self) -> bool:
        """Whether another tick may begin."""
        return self._spent == 0 or self._spent + self._longest <= self.seconds

    def fitting(self, ticks: Sequence[float]) -> int:
        """How many of some ticks, which took so many seconds each, would have been begun; what is left afterwards is not told.

        >>> Budget(6.0).fitting([3.0, 2.0, 2.0]), Budget(None).fitting([3.0, 2.0, 2.0])
        (2, 3)
        """
        left = Budget(self.seconds)
        for count, seconds in enumerate(ticks):
            if not left.has_room():
                return count
            left.spend(seconds)
        return len(ticks)

    @property
    def left(self) -> float:
        """The seconds that may still be spent; 0 where no tick has room."""
        return self.seconds - self._spent if self.has_room() else 0.0
