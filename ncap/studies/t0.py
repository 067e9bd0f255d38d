"""At which tick the observations that a rule reads should begin."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ncap.records.schema import OBSERVATIONS, Column, Table
from ncap.records.tables import Records
from ncap.studies.case import Case
from ncap.studies.contract import LADDER, RULE, TARGET, Asked, Study, judged, measured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ncap.rules.contract import Rule

USUAL = 5  # ticks in a window


class FirstTick(Study):
    """rho from the k ticks t0, ..., t0 + k - 1, for every t0 of `LADDER`, and from all ticks up to the same last one.

    The rules on beta_eff, which choose t0 themselves by BIC among the ticks that they read, are fitted to the whole window instead. A
    window that begins later costs more training: compare it with all ticks up to its end, which cost the same.
    """

    name: ClassVar[str] = "t0"
    summary: ClassVar[str] = "From which tick on should a rule read, if it reads as many in each case?"
    shows: ClassVar[str] = "Fig. 3b"
    caption: ClassVar[str] = (
        "Spearman's rho from a window of observations of the same length, by its first tick. Dashed: from all observations up to the "
        "end of the window, where the rules on beta_eff choose t0 by BIC; that takes the same training."
    )
    lacks: ClassVar[str] = "run as long as the window"
    table: ClassVar[Table] = judged(
        (
            TARGET,
            RULE,
            Column("reads", str, "", "window: the ticks from `start` on; all: every tick up to the same last one"),
            Column("start", int, "", "first tick of the window, t0 counted from 1"),
            Column("ticks", int, "", "number of ticks in the window"),
        ),
        "t0",
        "how well rules order the candidates, by the first tick that they read",
        (Column("last", int, "", "last tick that is read"),),
    )

    def rows(self, cases: Sequence[Case], asked: Asked) -> list[dict[str, Any]]:
        """Two rows per target, rule, length and first tick: from the window, and from all ticks up to its end."""
        made = []
        for case in cases:
            whole = case.trial(asked.horizon)
            windows = [
                (start, last, case.trial(asked.horizon, window(case.records, start, last)))
                for length in asked.counts((USUAL,), case.last)
                for start in LADDER
                if (last := start + length - 1) <= case.last
            ]
            for rule in asked.rules:
                for start, last, part in windows:
                    known = {
                        "target": case.target,
                        "rule": rule.name,
                        "start": start,
                        "ticks": last - start + 1,
                        "last": last,
                    }
                    read = part.row(from_the_first(rule), None)
                    if start > 1:  # whoever reads a window has trained up to its end
                        before = case.records.of(ticks=start - 1).observations["seconds_train"]
                        read["seconds"] += float(before.sum(skipna=False))
                    made.append(known | {"reads": "window"} | measured(read))
                    made.append(known | {"reads": "all"} | measured(whole.row(rule, last)))
        return made

    def draw(self, table: "pd.DataFrame") -> "Figure":
        """A panel per target; a solid line per rule for the windows, a dashed one for all ticks."""
        from ncap.studies.lines import draw_lines

        several = table["ticks"].nunique() > 1
        words = table["reads"].map({"window": "the window", "all": "all up to its end"})
        kinds = words + (", " + table["ticks"].astype(str) + " ticks" if several else "")
        lengths = " or ".join(map(str, sorted(set(table["ticks"]))))
        return draw_lines(table.assign(kind=kinds), "start", f"t0: first observation of a window of {lengths}", "kind")


def from_the_first(rule: "Rule") -> "Rule":
    """The rule, fitted to all ticks that it is given where it would choose among them.

    >>> from ncap.rules.capacitance import Capacitance
    >>> from ncap.rules.last_seen import LastSeen
    >>> from_the_first(Capacitance()).t0, from_the_first(LastSeen()).name
    (0, 'last_seen')
    """
    if getattr(rule, "t0", None) != "bic":
        return rule
    whole: Any = copy(rule)
    whole.t0 = 0
    return cast("Rule", whole)


def window(records: Records, first: int, last: int) -> Records:
    """The rows of the ticks from `first` to `last`, as if no other had been observed.

    >>> import pandas as pd
    >>> from ncap.records.loading import load
    >>> seen = pd.DataFrame({"settings": "s", "target": "t", "candidate": "a", "run": 0, "tick": [1, 2, 3], "epoch": [1, 2, 3]})
    >>> window(load({"observations": seen}), 2, 3).observations["tick"].tolist()
    [2, 3]
    """
    upto = records.of(ticks=last)
    kept = upto.observations[upto.observations["tick"] >= first].reset_index(drop=True)
    readings = upto.readings.merge(kept[list(OBSERVATIONS.key)], on=list(OBSERVATIONS.key), how="inner")
    return replace(upto, observations=kept, readings=readings)
