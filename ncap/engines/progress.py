"""Progress of a job: a bar per run that is being trained, a line with what is left, and a line per finished candidate; nothing if quiet."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ncap.engines.prospect import Prospect, Run
from ncap.records.schema import RunKey
from ncap.terminal import open_console


class JobProgress:
    """The progress of one job. Bars appear on a terminal and in a notebook, lines also in a pipe or file.

    Candidate names are data: they are printed as plain text, never interpreted as markup.

    Args:
        ticks: of a run; None where a budget of seconds ends it.
        runs: of a candidate.
        jobs: runs that are trained at a time.
    """

    def __init__(
        self, ticks: int | None, runs: int, quiet: bool = False, metric: str = "accuracy", jobs: int = 1
    ) -> None:
        self.ticks, self.runs, self.metric, self.jobs = ticks, runs, metric, jobs
        self.console = open_console(quiet)
        self.prospect = Prospect({})
        self._drawn = not quiet and _draws(self.console)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self._drawn,
            transient=True,
        )
        self._shown: dict[Run, TaskID] = {}
        self._checked = self._bars.add_task("", total=None, visible=False, state="")
        self._whole = self._bars.add_task("", total=None, visible=False, state="")

    def __enter__(self) -> "JobProgress":
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bars."""
        self._bars.stop()

    def check_candidate(self, candidate: str) -> None:
        """A candidate is being checked, before any is trained."""
        self._bars.reset(self._checked, total=None, visible=True, description=f"checking {candidate}", state="")

    def leave_out(self, candidate: str, reason: str) -> None:
        """A candidate takes no part in the job."""
        self.console.print(Text(f"{candidate}: left out, {reason}"), soft_wrap=True)

    def halve(self, candidates: Sequence[str], batch_size: int) -> None:
        """Candidates for which the memory of a device ran out are trained with smaller batches, as settings of their own."""
        words = f"out of memory; trained with batch_size={batch_size}, as settings of their own"
        self.console.print(Text(f"{', '.join(candidates)}: {words}"), soft_wrap=True)

    def begin(self, left: Mapping[Run, float]) -> None:
        """The checks are over; `left` of every run is still to do, in ticks, or in seconds where a budget ends it."""
        self._bars.update(self._checked, visible=False)
        self.prospect = Prospect(left, self.jobs)
        total = len(self.prospect.left)
        self._bars.reset(self._whole, total=total, visible=total > 1, description=self.prospect.words(), state="")

    def share(self, jobs: int) -> None:
        """So many runs are trained at a time from now on."""
        self.prospect.at_a_time = jobs

    def start_run(self, candidate: str, run: int, done: int) -> None:
        """A run begins; `done` of its ticks come from the store."""
        self.prospect.begin(candidate, run)
        if (candidate, run) not in self._shown:
            self._shown[candidate, run] = self._bars.add_task("", total=self.ticks, state="")
        name, task = self._name(candidate, run), self._shown[candidate, run]
        self._bars.reset(task, total=self.ticks, completed=done, visible=True, description=name, state="")

    def end_tick(self, candidate: str, run: int, val_accuracy: float, beta_eff: float, units: float = 1.0) -> None:
        """A tick has been committed; `units` of what is left of its run are done."""
        self.prospect.advance(candidate, run, units)
        if (candidate, run) in self._shown:
            state = f"val {self.metric} {val_accuracy:.3f}  beta_eff {beta_eff:.3g}"
            self._bars.update(self._shown[candidate, run], advance=1, state=state)
        self._bars.update(self._whole, description=self.prospect.words())

    def wait(self, runs: Sequence[RunKey]) -> None:
        """The only runs left are being trained by other drivers."""
        names = ", ".join(self._name(key.candidate, key.run) for key in runs)
        self.console.print(
            Text(f"waiting for another process to finish {names} (Ctrl-C stops waiting)"), soft_wrap=True
        )

    def end_run(self, candidate: str, run: int) -> None:
        """A run has ended, done or failed."""
        self.prospect.end(candidate, run)
        if (candidate, run) in self._shown:
            self._bars.remove_task(self._shown.pop((candidate, run)))
        self._bars.update(self._whole, advance=1, description=self.prospect.words())

    def end_candidate(self, candidate: str, outcome: str) -> None:
        """All runs of a candidate have ended; `outcome` says how, in a few words. Where no bar is drawn, a line says what is left."""
        self.console.print(Text(f"{candidate}: {outcome}"), soft_wrap=True)
        known = self.prospect.seconds_left() is not None
        if known and not self._drawn and self.prospect.finished < self.prospect.candidates:
            self.console.print(Text(self.prospect.words()), soft_wrap=True)

    def _name(self, candidate: str, run: int) -> str:
        return candidate if self.runs == 1 else f"{candidate} run {run}"


def _draws(console: Console) -> bool:
    """Whether bars can be drawn: on a terminal, and in a notebook that has the widgets which rich draws them with."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)
