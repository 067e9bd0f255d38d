"""How long a job still takes: what its runs have taken so far, applied to what is left of them."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

Run = tuple[str, int]  # candidate, run


class Prospect:
    """The work that is left of a job, and the seconds that it will take at the speed seen so far.

    Work is counted in ticks, or in seconds where every candidate has a budget of them. The time of a unit is that of the candidate's own
    ticks, with all that lies between them, or before one is known the mean over the candidates. With n runs at a time, the seconds left are

        max(sum over runs / n, longest run)

    Args:
        left: units of every run of the job that are left to do.
        at_a_time: how many runs are trained at a time.
        clock: seconds, from any point in time; they must not go back.

    >>> seconds = iter([0.0, 2.0, 4.0])
    >>> prospect = Prospect({("mlp", 0): 5, ("plain", 0): 5}, clock=lambda: next(seconds))
    >>> prospect.begin("mlp", 0)
    >>> prospect.advance("mlp", 0); prospect.advance("mlp", 0)
    >>> prospect.seconds_left()      # 3 ticks of mlp and 5 of plain, 2 s each
    16.0
    """

    def __init__(
        self, left: Mapping[Run, float], at_a_time: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.left, self.at_a_time, self._clock = dict(left), at_a_time, clock
        self._since: dict[Run, float] = {}
        self._taken: dict[str, tuple[float, float]] = {}  # candidate -> seconds, and the units done in them

    @property
    def candidates(self) -> int:
        """How many candidates the job has."""
        return len({candidate for candidate, _ in self.left})

    @property
    def finished(self) -> int:
        """How many of them have nothing left to do."""
        return self.candidates - len({candidate for (candidate, _), left in self.left.items() if left > 0})

    def begin(self, candidate: str, run: int) -> None:
        """A run is begun or taken up again."""
        self._since[candidate, run] = self._clock()

    def advance(self, candidate: str, run: int, units: float = 1.0) -> None:
        """A run has done some of its work."""
        key, now = (candidate, run), self._clock()
        seconds, done = self._taken.get(candidate, (0.0, 0.0))
        self._taken[candidate] = seconds + now - self._since.get(key, now), done + units
        self._since[key] = now
        self.left[key] = max(self.left.get(key, 0.0) - units, 0.0)

    def end(self, candidate: str, run: int) -> None:
        """A run has ended, done or failed."""
        self.left[candidate, run] = 0.0

    def seconds_left(self) -> float | None:
        """The seconds that the rest takes; None before anything is known."""
        known = {name: seconds / units for name, (seconds, units) in self._taken.items() if units}
        if not known:
            return None
        mean = sum(known.values()) / len(known)
        runs = [left * known.get(candidate, mean) for (candidate, _), left in self.left.items()]
        return max(sum(runs) / self.at_a_time, max(runs))

    def words(self, now: datetime | None = None) -> str:
        """The candidate that is being trained, and when the job will end.

        >>> prospect = Prospect({("mlp", 0): 1, ("plain", 0): 1}, clock=iter([0.0, 60.0]).__next__)
        >>> prospect.begin("mlp", 0)
        >>> prospect.words()
        'candidate 1 of 2'
        >>> prospect.advance("mlp", 0)
        >>> prospect.words(datetime(2026, 1, 1, 14, 19))
        'candidate 2 of 2, end at 14:20'
        """
        place = f"candidate {min(self.finished + 1, self.candidates)} of {self.candidates}"
        seconds = self.seconds_left()
        return place if seconds is None else f"{place}, end at {clock_time(seconds, now)}"


def clock_time(seconds: float, now: datetime | None = None) -> str:
    """The time of day in so many seconds, with the date where it is another day.

    >>> clock_time(3600, datetime(2026, 1, 1, 13, 20)), clock_time(86400, datetime(2026, 1, 1, 13, 20))
    ('14:20', '2026-01-02 13:20')
    """
    now = now or datetime.now()
    then = now + timedelta(seconds=seconds)
    return then.strftime("%H:%M" if then.date() == now.date() else "%Y-%m-%d %H:%M")
