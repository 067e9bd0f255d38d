"""How many training images are enough to order the candidates."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ncap.records.schema import Column, Table
from ncap.studies.case import Case
from ncap.studies.contract import RULE, TARGET, TICKS, Asked, Portion, Study, judged, measured

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# The paper's, of the 35,000 that CIFAR-10 has left when 15,000 are held out for validation.
SHARES = tuple(thousands / 35 for thousands in (10, 15, 20, 25, 30))
ENOUGH = 25 / 35  # the share that the paper finds sufficient
USUAL = 5  # ticks


class Size(Study):
    """rho after k ticks on a part of the training images, judged by how the candidates end on all of them.

    The truth is shared by all sizes, as in the paper: a small part is to tell how the whole would end. Smaller parts are trained for k
    ticks and no longer.
    """

    name: ClassVar[str] = "size"
    summary: ClassVar[str] = "On how many of the training images must the candidates be observed?"
    shows: ClassVar[str] = "Fig. 3c"
    caption: ClassVar[str] = (
        "Spearman's rho between the order that a rule predicts from observations on a part of the training images and the order in which "
        "the candidates end on all of them. The grey line is the share that the paper finds sufficient."
    )
    lacks: ClassVar[str] = (
        "job on the same data with another number of training images: pass candidates and a target, to train them"
    )
    options: ClassVar[tuple[str, ...]] = ("rules", "ticks", "images", "draw")
    table: ClassVar[Table] = judged(
        (TARGET, Column("images", int, "images", "training images"), RULE, TICKS),
        "size",
        "how well rules order the candidates, by the number of training images",
        (Column("share", float, "0..1", "of all training images"),),
    )
    by_size: ClassVar[bool] = True

    def portions(self, images: int, asked: Asked) -> list[Portion]:
        """The parts asked for, in order of size, and the whole last.

        >>> Size().portions(35_000, Asked(ticks=(5, 10)))[0], [portion.images for portion in Size().portions(35_000, Asked())]
        (Portion(images=10000, ticks=10), [10000, 15000, 20000, 25000, 30000, 35000])
        """
        wanted = [round(size * images) if size < 1 else int(size) for size in asked.images or SHARES]
        if more := [size for size in wanted if size > images]:
            raise ValueError(
                f"images: there are {images} training images, got {more[0]}; pass fewer, or shares below 1"
            )
        longest = max(asked.ticks or (USUAL,))
        return [*(Portion(size, longest) for size in sorted({*wanted} - {images})), Portion(images)]

    def rows(self, cases: Sequence[Case], asked: Asked) -> list[dict[str, Any]]:
        """A row per target, number of images, rule and number of ticks."""
        made = []
        for target in dict.fromkeys(case.target for case in cases):
            sizes = sorted((case for case in cases if case.target == target), key=lambda case: case.images)
            whole = sizes[-1]
            if len({case.images for case in sizes}) < 2 or not sizes[0].images:
                continue
            horizon = float(whole.records.observations["epoch"].max()) if asked.horizon is None else asked.horizon
            for case in sizes:
                trial, known = case.trial(horizon, truth=whole.truth), {"target": target, "images": case.images}
                made += [
                    known
                    | {"rule": rule.name, "ticks": count, "share": case.images / whole.images}
                    | measured(trial.row(rule, count))
                    for rule in asked.rules
                    for count in asked.counts((USUAL,), case.last)
                ]
        return made

    def draw(self, table: "pd.DataFrame") -> "Figure":
        """A panel per target, a line per rule, by the share of the images."""
        from ncap.studies.lines import draw_lines

        several = table["ticks"].nunique() > 1
        kind = table["ticks"].astype(str) + " ticks" if several else ""
        targets = table.groupby("target")["images"].max()
        of = f" ({targets.iloc[0]:,} in all)" if len(targets) == 1 else ""
        return draw_lines(
            table.assign(kind=kind),
            "share",
            f"share of the training images{of}",
            "kind",
            mark=(ENOUGH, "enough in the paper: 25 of 35 thousand"),
        )
