"""The report page while a job runs: rewritten as candidates finish, so that it can be opened at any time."""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from ncap.engines.progress import JobProgress
    from ncap.ranking.order import Ranking

# Writing the page may take this share of a job's time: with hundreds of small candidates, not every one gets a page of its own.
_SHARE = 0.05


class LivePage:
    """Writes report.html, marked as unfinished, after each candidate of a job but the last.

    Args:
        out: the folder of the report.
        rank: (hash of the settings, names of the candidates that have ended) -> their ranking.
        title: of the page; None names the rule.
        round: what the job is a part of, such as "round 2"; "" if it stands alone.

    A page that cannot be written is warned of and does not end the job: the finished report says it again.
    """

    def __init__(
        self, out: "str | Path", rank: "Callable[[str, list[str]], Ranking]", title: str | None = None, round: str = ""
    ) -> None:
        self.out, self.rank, self.title, self.round = out, rank, title, round
        self._settings, self._names = "", 0
        self._ended: list[str] = []
        self._next = 0.0  # on the monotonic clock

    def watching(self, progress: "JobProgress", settings: str, names: Sequence[str]) -> "JobProgress":
        """The same progress, which also tells the page of every candidate of a job that ends."""
        self._settings, self._names, self._ended = settings, len(names), []
        return cast("JobProgress", _Watched(progress, self.end_candidate))

    def end_candidate(self, candidate: str) -> None:
        """Write the page anew, with one more candidate."""
        self._ended.append(candidate)
        start = time.monotonic()
        if len(self._ended) == self._names or start < self._next:
            return
        from ncap.report import write_unfinished

        words = f"{len(self._ended)} of {self._names} candidates"
        ranking = self.rank(self._settings, self._ended)
        try:
            write_unfinished(ranking, self.out, ", ".join(filter(None, [self.round, words])), self.title)
        except OSError as error:
            warnings.warn(f"{self.out}: the page could not be rewritten ({error.strerror or error})", stacklevel=2)
        end = time.monotonic()
        self._next = end + (end - start) * (1 / _SHARE - 1)


class _Watched:
    """The progress of a job, with somebody else who is told when a candidate has ended."""

    def __init__(self, progress: "JobProgress", told: Callable[[str], None]) -> None:
        self._progress, self._told = progress, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._progress, name)

    def end_candidate(self, candidate: str, outcome: str) -> None:
        """A candidate has ended."""
        self._progress.end_candidate(candidate, outcome)
        self._told(candidate)
