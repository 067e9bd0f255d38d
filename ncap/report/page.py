"""The report: ranking.csv, the figures as PNG files, and one page that holds everything."""

import base64
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ncap.arguments import make_folder
from ncap.leaderboard import COLUMNS, Ranking
from ncap.report import numbers
from ncap.report.comparison import Comparison, compare
from ncap.report.figures import beta_eff, canvas, cost, fit, learning_curves, predicted_vs_true
from ncap.report.series import DRAWN, Series, by_rank

CAPTIONS = {
    "learning_curves": "Validation accuracy per epoch, one panel per candidate in predicted order. The thick line is what the "
    "prediction has read; the dotted line is what it predicts. Compare the dotted line with where the dashed one ends.",
    "beta_eff": "beta_eff per epoch with its standard error over samples. Where it is flat, or rises, h has little to "
    "extrapolate from.",
    "fit": "Accuracy against beta_eff, mean over runs per epoch. The line h is continued to beta_eff = 0, and its value there, the "
    "diamond, is the prediction. The wider the gap between the points and 0, the less the diamond rests on data.",
    "predicted_vs_true": "Left: a marker on the dashed diagonal is a perfect prediction; the filled marker is ncap, the hollow one "
    "last-seen accuracy. Right: lines that cross are pairs in the wrong order.",
    "cost": "Median time of one training epoch and of one reading of beta_eff, and their ratio. The first epoch of a run contains "
    "compilation and is left out where the run has more than one. The paper's ratio was measured on four V100 GPUs.",
}


@dataclass(frozen=True)
class _Picture:
    """A figure of the page: its file's stem, its caption, its PNG as a data address and the width at which it is read well."""

    name: str
    caption: str
    source: str
    width: int


def write_report(
    ranking: Ranking, out: str | Path, truth: pd.DataFrame | None = None, title: str = "Ranking by neural capacitance"
) -> Path:
    """Write ranking.csv, the figures and report.html into the folder `out`, and return the path of report.html.

    Args:
        ranking: A ranking; only its tables, target and facts are read.
        out: The folder; created if missing, and files of an earlier report in it are replaced.
        truth: None, or what the networks really ended with: columns candidate, true_accuracy (0..1), true_epochs. The page then
            shows the predicted order beside the true one.
        title: Heading of the page.

    Raises:
        TypeError or ValueError: The ranking is none or lacks a column, `out` can be no folder, or `truth` is malformed.
    """
    if not isinstance(ranking, Ranking):
        raise TypeError(f"ranking must be an ncap.Ranking, as ncap.rank returns it, got {type(ranking).__name__}")
    for name, columns in (("table", COLUMNS), ("observations", DRAWN)):
        missing = [column for column in columns if column not in getattr(ranking, name).columns]
        if missing:
            raise ValueError(f"ranking.{name}: missing {missing}; pass the columns {', '.join(columns)}")
    if not isinstance(title, str):
        raise TypeError(f"title must be a text, got {title!r:.80}")
    table = ranking.table[COLUMNS]
    comparison = None if truth is None else compare(table, truth)
    folder = make_folder("out", out)
    series = by_rank(table, ranking.runs, ranking.observations)
    page = folder / "report.html"
    try:
        table.to_csv(folder / "ranking.csv", index=False, lineterminator="\n")
        pictures = _draw(folder, series, comparison)
        page.write_text(_render(ranking, table, series, comparison, pictures, title), encoding="utf-8")
    except OSError as error:
        raise OSError(
            f"{folder}: the report could not be written ({error.strerror or error}); `ncap report` makes it again from the store"
        ) from error
    return page


def _draw(folder: Path, series: list[Series], comparison: Comparison | None) -> dict[str, _Picture]:
    """Write each figure's PNG file; a figure with nothing to show leaves none behind."""
    palette = canvas.colours([one.candidate for one in series])
    pictures = {}
    with canvas.style():
        figures: dict[str, Figure | None] = {
            "predicted_vs_true": None if comparison is None else predicted_vs_true.draw(comparison, palette),
            "fit": fit.draw(series, palette),
            "learning_curves": learning_curves.draw(series, palette),
            "beta_eff": beta_eff.draw(series, palette),
            "cost": cost.draw(series, palette),
        }
        for name, figure in figures.items():
            file = folder / f"{name}.png"
            if figure is None:
                file.unlink(missing_ok=True)
                continue
            image = canvas.png(figure)
            file.write_bytes(image)
            source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            pictures[name] = _Picture(name, CAPTIONS[name], source, round(figure.get_figwidth() * 106))
    return pictures


def _render(
    ranking: Ranking, table: pd.DataFrame, series: list[Series], comparison: Comparison | None,
    pictures: dict[str, _Picture], title: str,
) -> str:  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ncap.report", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for name in ("accuracy", "with_deviation", "beta", "seconds", "whole", "signed"):
        environment.filters[name] = getattr(numbers, name)
    readings = sorted({str(reading) for reading in table["reading"].dropna() if reading})
    return environment.get_template("page.html").render(
        title=title,
        target=ranking.target,
        rows=table.to_dict("records"),
        interval=_interval(table),
        spread=_spread(ranking.runs),
        readings=readings,
        headline=headline(table),
        caution=caution(table),
        comparison=comparison,
        compared=[] if comparison is None else comparison.rows.to_dict("records"),
        pictures=pictures,
        remarks=[(one.candidate, remarks(one)) for one in series if remarks(one)],
        facts=ranking.facts,
    )


def headline(table: pd.DataFrame) -> dict[Hashable, Any] | None:
    """The line of the selected candidate, or None if no candidate has a prediction."""
    predicted = table[table["predicted_accuracy"].notna()].sort_values("rank")
    return None if predicted.empty else predicted.iloc[0].to_dict()


def caution(table: pd.DataFrame) -> str:
    """What a reader of the headline must know before acting on it; empty if nothing.

    >>> table = pd.DataFrame({"rank": [1, 2], "candidate": ["a", "b"], "predicted_accuracy": [0.91, 0.90],
    ...                       "predicted_std": [0.02, 0.01], "status": "ok"})
    >>> caution(table)
    'The next one, b, is predicted 0.010 lower, less than one standard deviation of the difference (0.022).'
    """
    predicted = table[table["predicted_accuracy"].notna()].sort_values("rank").to_dict("records")
    if len(predicted) < 2:
        return ""
    first, second = predicted[:2]
    gap = first["predicted_accuracy"] - second["predicted_accuracy"]
    deviation = math.hypot(first["predicted_std"], second["predicted_std"])
    if gap == 0:
        return f"The next one, {second['candidate']}, is predicted the same."
    if not gap < deviation:
        return ""
    return (
        f"The next one, {second['candidate']}, is predicted {gap:.3f} lower, less than one standard deviation of the "
        f"difference ({deviation:.3f})."
    )


def remarks(one: Series) -> list[str]:
    """What is unusual about one candidate, in the order of weight."""
    status, note = one.summary["status"], one.summary["note"]
    found = []
    if status != "ok" or (isinstance(note, str) and note):
        words = note if isinstance(note, str) and note else "no reason was recorded"
        found.append(words if status == "ok" else f"{status}: {words}")
    silent = int((one.observed["beta_eff"].isna() & ~one.observed["degenerate"]).sum())
    if silent:
        found.append(f"{silent} of {len(one.observed)} readings of beta_eff are missing")
    if one.rows.empty and status != "failed":
        found.append("no row of observations: it is in the tables but in no figure")
    return found


def _spread(runs: pd.DataFrame) -> dict[str, str]:
    """Lowest and highest prediction of single runs, per candidate; empty where there is one run only."""
    if runs["run"].nunique() < 2:
        return {}
    predictions = runs.groupby("candidate")["predicted_accuracy"].agg(["min", "max"]).dropna()
    return {str(name): numbers.between(low, high) for name, low, high in predictions.itertuples()}


def _interval(table: pd.DataFrame) -> dict[str, Markup]:
    """A small drawing per candidate: prediction (dot) with its deviation (bar) and last-seen accuracy (tick), on one scale."""
    std = table["predicted_std"].fillna(0.0)
    seen = [table["predicted_accuracy"] - std, table["predicted_accuracy"] + std, table["last_seen_accuracy"]]
    values = pd.concat(seen).dropna().clip(0.0, 1.0)
    if values.empty:
        return {}
    low, high = values.min(), values.max()
    span = max(high - low, 0.02)

    def position(value: float) -> float:
        return 6 + 88 * (min(max(value, 0.0), 1.0) - float(low)) / float(span)

    drawings = {}
    for row, deviation in zip(table.to_dict("records"), std, strict=True):
        parts = []
        value = row["predicted_accuracy"]
        if not math.isnan(value):
            left, right = position(value - deviation), position(value + deviation)
            parts.append(f'<line class="deviation" x1="{left:.1f}" x2="{right:.1f}" y1="8" y2="8"/>')
        if not math.isnan(row["last_seen_accuracy"]):
            at = position(row["last_seen_accuracy"])
            parts.append(f'<line class="seen" x1="{at:.1f}" x2="{at:.1f}" y1="2" y2="14"/>')
        if not math.isnan(value):
            parts.append(f'<circle cx="{position(value):.1f}" cy="8" r="4"/>')
        drawings[row["candidate"]] = Markup(  # numbers only: no text of a user is in it
            f'<svg class="interval" width="100" height="16" viewBox="0 0 100 16" aria-hidden="true">{"".join(parts)}</svg>'
        )
    return drawings
