"""Figures against what the prediction read: the lines and markers that are drawn, taken from the figure itself."""

import math

import made_records
import numpy as np
import pandas as pd
import pytest
from made_records import tables

from ncap.ranking.order import rank_records
from ncap.records.loading import load
from ncap.report.figures import FIGURES, canvas, cost
from ncap.report.figures.drawing import Content
from ncap.report.page import write_report
from ncap.report.series import by_rank

SIX = [(float(6 - t), 0.3 + 0.1 * t - 0.01 * (t % 2)) for t in range(6)]


def without(made, run, tick):
    """The tables without one tick of one run."""
    return {
        name: table[(table["run"] != run) | (table["tick"] != tick)].reset_index(drop=True)
        for name, table in made.items()
    }


def content(ranking):
    series = by_rank(ranking)
    return Content(series, canvas.colours([one.candidate for one in series]))


def drawn(name, ranking):
    """The axes of a figure's panels."""
    return FIGURES.get(name).draw(content(ranking)).axes


def x_of(axes, marker, linestyle=None):
    """x of all points drawn with a marker (and a line style), in order."""
    return sorted(
        float(x)
        for line in axes.lines
        if line.get_marker() == marker and linestyle in (None, line.get_linestyle())
        for x in line.get_xdata()
    )


@pytest.fixture(name="gap")
def _gap():
    """Two runs of six epochs, one of which lacks epoch 2."""
    return rank_records(without(tables(a_0=SIX, a_1=SIX), run=1, tick=2))


def test_a_tick_that_a_run_lacks_does_not_shift_what_was_read(gap):
    (one,) = by_rank(gap)
    assert sorted(one.ticks) == [1, 3, 4, 5, 6]
    assert sorted(set(one.observed["tick"])) == [1, 3, 4, 5, 6]
    assert len(one.afterwards) == 0
    assert one.last_read == 6.0


def test_the_page_counts_and_draws_the_ticks_that_were_read(gap, tmp_path):
    (curves,) = drawn("learning_curves", gap)
    assert x_of(curves, "o") == [1, 3, 4, 5, 6]
    assert "--" not in {line.get_linestyle() for line in curves.lines}  # nothing came afterwards
    page = write_report(gap, tmp_path).read_text(encoding="utf-8")
    assert "read 5 epochs of 2 runs" in page
    assert "epoch 2 not read: some run lacks it" in page
    (readings,) = drawn("beta_eff", gap)
    assert set(x_of(readings, "o")) == {1, 3, 4, 5, 6}


def test_the_fit_is_drawn_from_the_points_of_the_prediction(gap):
    fit = gap.predictions["a"].fit
    (panel,) = drawn("fit", gap)
    assert x_of(panel, "o") == sorted(fit.beta)
    assert len(fit.beta) == 5
    (line,) = [line for line in panel.lines if len(line.get_xdata()) == 60]
    np.testing.assert_array_equal(line.get_ydata(), fit.line(line.get_xdata())[0])
    (diamond,) = [line for line in panel.lines if line.get_marker() == "D"]
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (0.0, gap.table.loc[0, "predicted_accuracy"])
    assert gap.predictions["a"].order == fit.line(np.zeros(1))[0][0]  # the diamond, unclipped, lies on the line


def test_epochs_need_not_count_from_one():
    """Observed at epochs 10, 20, .. 60: all six are read, and drawn at their epochs."""
    ranking = rank_records(tables(epochs=range(10, 70, 10), a=SIX))
    (curves,) = drawn("learning_curves", ranking)
    assert x_of(curves, "o") == [10, 20, 30, 40, 50, 60]
    low, high = curves.get_xlim()
    assert low < 10
    assert high > 60
    (readings,) = drawn("beta_eff", ranking)
    assert x_of(readings, "o") == [10, 20, 30, 40, 50, 60]
    assert len(x_of(drawn("fit", ranking)[0], "o")) == 6


def test_ticks_inside_an_epoch_are_drawn_at_their_fractions(tmp_path):
    ranking = rank_records(tables(epochs=[0.25, 0.5, 0.75, 1, 2, 3], a=SIX))
    (curves,) = drawn("learning_curves", ranking)
    assert x_of(curves, "o") == [0.25, 0.5, 0.75, 1, 2, 3]
    assert 0 < curves.get_xlim()[0] < 0.25
    assert "read 6 ticks of 1 run" in write_report(ranking, tmp_path).read_text(encoding="utf-8")


def test_what_came_afterwards_is_drawn_apart():
    full = load(tables(a=SIX, b=SIX))
    ranking = rank_records(full.of(ticks=4))
    longer = type(ranking)(**{**vars(ranking), "observations": full.observations, "readings": full.readings})
    for one in by_rank(longer):
        assert one.observed["tick"].tolist() == [1, 2, 3, 4]
        assert one.afterwards["tick"].tolist() == [5, 6]
    curves = drawn("learning_curves", longer)[0]
    assert x_of(curves, "o") == [1, 2, 3, 4]
    assert x_of(curves, "None", "--") == [4, 5, 6]
    assert x_of(drawn("fit", longer)[0], ".") == sorted(beta for beta, _ in SIX[4:])


def test_a_forecast_is_drawn_where_it_was_read():
    ranking = rank_records(made_records.demo(epochs=5), "capacitance_forecast")
    panels = drawn("fit", ranking)
    for panel, name in zip(panels, ranking.candidates, strict=True):
        fit = ranking.predictions[name].fit
        (diamond,) = [line for line in panel.lines if line.get_marker() == "D"]
        assert diamond.get_xdata()[0] == fit.at > 0


def test_the_mean_over_runs_is_drawn_and_not_the_median():
    runs = {
        f"a_{run}": [(beta, accuracy + shift) for beta, accuracy in SIX] for run, shift in enumerate((0.0, 0.0, 0.06))
    }
    (curves,) = drawn("learning_curves", rank_records(tables(**runs)))
    (mean,) = [line for line in curves.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(mean.get_ydata(), [accuracy + 0.02 for _, accuracy in SIX])


def test_a_fallback_is_drawn_with_its_points_and_no_line():
    (panel,) = drawn("fit", rank_records(tables(a=SIX[:3])))
    assert x_of(panel, "o") == sorted(beta for beta, _ in SIX[:3])
    assert all(len(line.get_xdata()) < 60 for line in panel.lines)


def test_degenerate_readings_are_crossed_and_not_drawn_as_values():
    made = tables(a=[*SIX[:4], (0.0, 0.6), (math.nan, 0.7)])
    made["readings"].loc[4, "reason"] = "zero"
    (readings,) = drawn("beta_eff", rank_records(made))
    assert x_of(readings, "o") == [1, 2, 3, 4]
    assert x_of(readings, "x") == [5, 6]


def test_cost_leaves_the_compiling_tick_out_where_it_can():
    rows = pd.DataFrame(
        {
            "run": [0] * 4,
            "tick": [1, 2, 3, 4],
            "seconds_train": [9.0, 1.0, 3.0, 8.0],
            "seconds_beta": [8.0, 2.0, 2.0, 5.0],
        }
    )
    assert cost.seconds(rows) == (3.0, 2.0)
    assert cost.seconds(rows[:1]) == (9.0, 8.0)


def test_every_figure_says_what_it_is():
    for name, drawing in FIGURES.members().items():
        assert drawing.name == name
        assert drawing.caption.endswith(".")
