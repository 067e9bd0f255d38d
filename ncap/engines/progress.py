"""Progress of a job: a bar per run and a line per finished candidate; nothing if quiet."""

from collections.abc import Sequence
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ncap.records.schema import RunKey
from ncap.terminal import open_console


class JobProgress:
    """The progress of one job. Bars appear only on a terminal, lines also in a pipe or file.

    Candidate names are data: they are printed as plain text, never interpreted as markup.
    """

    def __init__(self, ticks: int, runs: int, quiet: bool = False, metric: str = "accuracy") -> None:
        self.ticks, self.runs, self.metric = ticks, runs, metric
        self.console = open_console(quiet)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
            transient=True,
        )
        self._task = self._bars.add_task("", total=ticks, visible=False, state="")

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
        self._bars.reset(self._task, total=None, visible=True, description=f"checking {candidate}", state="")

    def leave_out(self, candidate: str, reason: str) -> None:
        """A candidate takes no part in the job."""
        self.console.print(Text(f"{candidate}: left out, {reason}"), soft_wrap=True)

    def start_run(self, candidate: str, run: int, done: int) -> None:
        """A run begins; `done` of its ticks come from the store."""
        name = self._name(candidate, run)
        self._bars.reset(self._task, total=self.ticks, completed=done, visible=True, description=name, state="")

    def end_tick(self, val_accuracy: float, beta_eff: float) -> None:
        """A tick has been committed."""
        self._bars.update(self._task, advance=1, state=f"val {self.metric} {val_accuracy:.3f}  beta_eff {beta_eff:.3g}")

    def wait(self, runs: Sequence[RunKey]) -> None:
        """The only runs left are being trained by other processes."""
        names = ", ".join(self._name(key.candidate, key.run) for key in runs)
        self._bars.update(self._task, visible=False)
        self.console.print(
            Text(f"waiting for another process to finish {names} (Ctrl-C stops waiting)"), soft_wrap=True
        )

    def end_candidate(self, candidate: str, outcome: str) -> None:
        """All runs of a candidate have ended; `outcome` says how, in a few words."""
        self._bars.update(self._task, visible=False)
        self.console.print(Text(f"{candidate}: {outcome}"), soft_wrap=True)

    def _name(self, candidate: str, run: int) -> str:
        return candidate if self.runs == 1 else f"{candidate} run {run}"
