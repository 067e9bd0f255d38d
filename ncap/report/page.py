"""The report: ranking.csv, the figures as PNG files, and one page that holds everything."""

import base64
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from ncap.arguments import make_folder
from ncap.balance import Balance
from ncap.files import write_new
from ncap.metrics import of_facts as metric_of
from ncap.ranking.doubts import Chance
from ncap.ranking.order import COLUMNS, Ranking, score_columns
from ncap.records.candidate_facts import KEY as CANDIDATES
from ncap.records.candidate_facts import CandidateFacts
from ncap.report import numbers
from ncap.report.figures import FIGURES, canvas
from ncap.report.figures.cost import unit
from ncap.report.figures.drawing import Content
from ncap.report.series import DRAWN, Series, by_rank
from ncap.report.truth import joined_words, rho_text, truth_of
from ncap.rules import RULES
from ncap.rules.contract import Rule

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a formula begins with, or a cell that becomes one


@dataclass(frozen=True)
class _Picture:
    """A figure of the page: its file's stem, heading and caption, its PNG and the width at which it is read well."""

    name: str
    heading: str
    caption: str
    image: bytes
    width: int

    @property
    def source(self) -> str:
        """The PNG as a data address."""
        return f"data:image/png;base64,{base64.b64encode(self.image).decode()}"


def write_report(
    ranking: Ranking,
    out: str | Path,
    truth: pd.DataFrame | None = None,
    rules: Sequence[str | Rule] | None = None,
    title: str | None = None,
) -> Path:
    """Write ranking.csv, the figures and report.html into the folder `out`, and return the path of report.html.

    A name in ranking.csv that begins as a formula does, such as =1+1, has an apostrophe before it: a spreadsheet shows it as text.

    Args:
        ranking: What to report; nothing is fitted again.
        out: The folder, made if it is missing; files of an earlier report in it are replaced, links among them and not what they lead to.
        truth: None, or what the networks really ended with: columns candidate, true_accuracy (0..1), true_epochs. The page then
            shows what the rules predicted beside it.
        rules: The rules that are then compared with the ranking's own; None takes `ncap.report.truth.USUAL`.
        title: Heading of the page; None names the rule.

    Raises:
        TypeError or ValueError: `ranking` is no Ranking or lacks a column, `out` cannot be a folder, `truth` is malformed, or a rule
            is unknown.
        OSError: A file cannot be written.
    """
    content = _content(ranking, truth, rules, title)
    folder = make_folder("out", out)
    page = folder / "report.html"
    try:
        write_new(folder / "ranking.csv", csv_bytes(ranking.table[[*COLUMNS, *score_columns(ranking.table)]]))
        pictures = _draw(content)
        for name in (drawing.name for drawing in FIGURES.members().values()):
            if name in pictures:
                write_new(folder / f"{name}.png", pictures[name].image)
            else:  # with nothing to show, one of an earlier report would be taken for this one's
                (folder / f"{name}.png").unlink(missing_ok=True)
        _write_page(page, _render(ranking, content, pictures, title or f"Ranking by {ranking.rule}"))
    except OSError as error:
        raise OSError(
            f"{folder}: the report could not be written ({error.strerror or error}); `ncap report` makes it again from the store"
        ) from error
    return page


def write_unfinished(ranking: Ranking, out: str | Path, unfinished: str, title: str | None = None) -> Path:
    """Write report.html alone, of the candidates that have been trained so far, into the folder `out`, and return its path.

    The page says that it is unfinished and loads itself again every half minute; a table or a figure beside it might pass for a result.

    Args:
        ranking: of these candidates.
        out: The folder, made if it is missing.
        unfinished: how far the job has come, such as "3 of 7 candidates".
        title: as in `write_report`.

    Raises: TypeError, ValueError or OSError as `write_report` does.
    """
    content = _content(ranking, title=title)
    page = make_folder("out", out) / "report.html"
    return _write_page(
        page, _render(ranking, content, _draw(content), title or f"Ranking by {ranking.rule}", unfinished)
    )


def _write_page(page: Path, text: str) -> Path:
    return write_new(page, text.encode("utf-8", "backslashreplace"))  # the store's path may be no UTF-8


def _content(
    ranking: Ranking,
    truth: pd.DataFrame | None = None,
    rules: Sequence[str | Rule] | None = None,
    title: str | None = None,
) -> Content:
    """What figures draw, after a look at all that was given. Raises as `write_report` does."""
    if not isinstance(ranking, Ranking):
        raise TypeError(f"ranking must be an ncap.Ranking, as ncap.rank returns it, got {type(ranking).__name__}")
    for name, columns in (("table", COLUMNS), ("observations", DRAWN)):
        missing = [column for column in columns if column not in getattr(ranking, name).columns]
        if missing:
            raise ValueError(f"ranking.{name}: missing {missing}; pass the columns {', '.join(columns)}")
    if not np.isfinite(ranking.observations["epoch"]).all():
        raise ValueError(
            "ranking.observations: epoch must be given in every row, since figures are drawn over it; pass 1, 2, 3, ..."
        )
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a text or None, got {title!r:.80}")
    known = None if truth is None else truth_of(ranking, truth, rules)
    series = by_rank(ranking)
    return Content(series, canvas.colours([one.candidate for one in series]), known, metric_of(ranking.facts))


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The table as CSV. A text that a spreadsheet would take for a formula has an apostrophe before it, and is shown as text."""
    texts = table.select_dtypes(exclude="number")
    harmless = texts.map(lambda text: f"'{text}" if str(text).startswith(_FORMULA) else text)
    return table.assign(**harmless).to_csv(index=False, lineterminator="\n").encode("utf-8", "backslashreplace")


def _draw(content: Content) -> dict[str, _Picture]:
    """The figures that have something to show, by name."""
    pictures = {}
    with canvas.style():
        for drawing in FIGURES.members().values():
            figure = drawing.draw(content)
            if figure is None:
                continue
            image, width = canvas.png(figure), round(figure.get_figwidth() * 106)
            heading, caption = (drawing.said(text, content.metric) for text in (drawing.heading, drawing.caption))
            pictures[drawing.name] = _Picture(drawing.name, heading, caption, image, width)
    return pictures


def _render(ranking: Ranking, content: Content, pictures: dict[str, _Picture], title: str, unfinished: str = "") -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ncap.report", "."),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for name in ("accuracy", "with_deviation", "beta", "seconds", "whole", "signed", "count", "milliseconds", "score"):
        environment.filters[name] = getattr(numbers, name)
    environment.filters["rho"] = rho_text
    table = ranking.table[COLUMNS]
    truth = content.truth
    return environment.get_template("page.html").render(
        title=title,
        unfinished=unfinished,
        target=ranking.target,
        rule=ranking.rule,
        about=RULES.get(ranking.rule) if ranking.rule in RULES else None,
        rows=table.to_dict("records"),
        scores=score_columns(ranking.table),
        scored=ranking.table.to_dict("records"),
        interval=_interval(table),
        spread=_spread(ranking.runs),
        reading=ranking.reading,
        headline=headline(table),
        caution=caution(table),
        unordered=joined_words(ranking.unordered) if ranking.unordered else "",
        ties=[joined_words(names) for names in ranking.ties],
        truth=truth,
        compared=[] if truth is None else truth.by_candidate,
        is_accuracy=all(one.is_accuracy for one in ranking.predictions.values()),
        fitted=any(one.fit is not None for one in content.series),
        unit=unit([one.rows for one in content.series]),
        pictures=pictures,
        remarks=[(one.candidate, remarks(one)) for one in content.series if remarks(one)],
        facts={name: value for name, value in ranking.facts.items() if name != CANDIDATES},
        candidates=_candidates(ranking),
        chance=Chance.of(ranking.facts),
        metric=content.metric,
        balance=Balance.of_facts(ranking.facts),
    )


def _candidates(ranking: Ranking) -> list[tuple[str, CandidateFacts]]:
    """What the check before training found out about each candidate, in the ranking's order; nothing of those without facts."""
    known = [(str(name), CandidateFacts.of(ranking.facts, name)) for name in ranking.table["candidate"]]
    return [(name, facts) for name, facts in known if facts is not None]


def headline(table: pd.DataFrame) -> dict[Hashable, Any] | None:
    """The line of the selected candidate, or None if no candidate has a prediction."""
    ranked = table[(table["status"] == "ok") | table["predicted_accuracy"].notna()].sort_values("rank")
    return None if ranked.empty else ranked.iloc[0].to_dict()


def caution(table: pd.DataFrame) -> str:
    """What a reader of the headline must know before acting on it: every candidate that is predicted as good; empty if none is.

    >>> table = pd.DataFrame({"rank": [1, 2, 3], "candidate": ["a", "b", "c"], "predicted_accuracy": [0.91, 0.90, 0.5],
    ...                       "predicted_std": [0.02, 0.01, 0.01], "status": "ok"})
    >>> caution(table)
    'The next one, b, is predicted 0.010 lower, less than one standard deviation of the difference (0.022).'
    >>> caution(table.assign(predicted_accuracy=1.0))
    'b and c are predicted the same.'
    """
    predicted = table[table["predicted_accuracy"].notna()].sort_values("rank").to_dict("records")
    first, others = predicted[:1], predicted[1:]
    gaps = [(row, first[0]["predicted_accuracy"] - row["predicted_accuracy"]) for row in others]
    deviations = [math.hypot(first[0]["predicted_std"], row["predicted_std"]) for row in others]
    same = [str(row["candidate"]) for row, gap in gaps if gap == 0]
    near = [(row, gap, std) for (row, gap), std in zip(gaps, deviations, strict=True) if 0 < gap < std]
    words = []
    if same:
        words.append(f"{joined_words(same)} {'is' if len(same) == 1 else 'are'} predicted the same.")
    if len(near) == 1:
        row, gap, std = near[0]
        words.append(
            f"The next one, {row['candidate']}, is predicted {gap:.3f} lower, less than one standard deviation of the "
            f"difference ({std:.3f})."
        )
    elif near:
        names = joined_words([f"{row['candidate']} ({gap:.3f})" for row, gap, _ in near])
        words.append(f"{names} are predicted lower by less than one standard deviation of the difference.")
    return " ".join(words)


def remarks(one: Series) -> list[str]:
    """What is unusual about one candidate, in the order of weight."""
    status, note = one.summary["status"], one.summary["note"]
    found = []
    if status != "ok" or (isinstance(note, str) and note):
        words = note if isinstance(note, str) and note else "no reason was recorded"
        found.append(words if status == "ok" else f"{status}: {words}")
    observed = one.observed
    silent = int((observed["beta_eff"].isna() & (observed["reason"] == "") & observed["seconds_beta"].notna()).sum())
    if silent:
        found.append(f"{silent} of {len(observed)} readings of beta_eff are missing")
    skipped = sorted(set(one.rows["tick"]) - one.ticks - set(one.afterwards["tick"]))
    if skipped and status != "failed":
        epochs = [f"{epoch:g}" for epoch in one.rows.groupby("tick")["epoch"].mean().loc[skipped]]
        found.append(
            f"epoch{'s' * (len(epochs) > 1)} {joined_words(epochs)} not read: some run lacks {'it' if len(epochs) == 1 else 'them'}"
        )
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
