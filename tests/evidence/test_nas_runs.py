"""The runs over NAS-Bench-201: which cells are drawn, that a run goes on where it stopped, and what the table makes of the values."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "benchmarks" / "nas").is_dir():
    pytest.skip("the benchmarks are not part of a wheel", allow_module_level=True)
sys.path.append(str(ROOT))

from benchmarks.nas import cells, proxies, table, training  # noqa: E402  from the repository
from ncap import scores, targets  # noqa: E402
from ncap.job import Job  # noqa: E402

EMPTY = "nb201:|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
THIN = "nb201:|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


@pytest.fixture
def published(shared_data, monkeypatch):
    monkeypatch.setenv("NCAP_DATA", str(shared_data))
    return cells.published()


def test_every_beginning_of_a_draw_is_spread_over_the_space(published):
    drawn = cells.drawn(published, 200, seed=0)
    assert cells.drawn(published, 60, seed=0) == drawn[:60]
    assert cells.drawn(published, 60, seed=1) != drawn[:60]
    assert published[published["candidate"].isin(drawn)]["unique"].is_unique
    place = published.set_index("candidate")["cifar10"].rank(pct=True)
    for n in (10, 60, 200):
        assert np.bincount((place[drawn[:n]] * 10).clip(upper=9.999).astype(int)) == pytest.approx(
            np.full(10, n / 10), abs=1
        )
    with pytest.raises(ValueError, match="n must be from 10 to 1562, got 9"):
        cells.drawn(published, 9, seed=0)


def test_proxies_go_on_where_they_stopped(tmp_path):
    out = tmp_path / "proxies.csv"
    others = [name for name in scores.names() if name not in ("snip", "naswot")]
    proxies.compute([EMPTY], out, "digits", others)
    first = out.read_text()
    proxies.compute([EMPTY, THIN], out, "digits", others)
    assert out.read_text().startswith(first)
    values = pd.read_csv(out)
    assert list(values) == ["candidate", "seconds", "parameters", "multiply_adds", "snip", "naswot"]
    assert values["candidate"].tolist() == [EMPTY, THIN]
    assert values["snip"].tolist() == [0.0, pytest.approx(values["snip"][1])]  # nothing gets through an empty cell
    assert values["snip"][1] > 0
    assert values["naswot"].isna().tolist() == [True, False]
    whole = out.read_text()
    with pytest.raises(
        ValueError, match=r"holds the columns candidate, .*, snip, naswot; go on with the same --without"
    ):
        proxies.compute([EMPTY, THIN], out, "digits", [*others, "snip"])
    assert out.read_text() == whole


def test_what_is_not_defined_comes_last():
    names = [f"cell {i}" for i in range(20)]
    truth = pd.DataFrame({"candidate": names} | {data_set: np.arange(20.0) for data_set in cells.DATA_SETS})
    values = pd.DataFrame(
        {
            "candidate": names,
            "seconds": 1.0,
            "good": np.arange(20.0),
            "bad": -np.arange(20.0),
            "lost": [np.nan, *range(1, 20)],
        }
    )
    found = table.of_proxies(values.sample(frac=1, random_state=0), truth).set_index("score")
    assert found["cifar100"].to_dict() == {"good": 1.0, "lost": 1.0, "bad": -1.0}
    assert found["undefined"].to_dict() == {"good": 0, "lost": 1, "bad": 0}
    assert found.loc["good", "cifar100_low"] == found.loc["good", "cifar100_high"] == 1


def test_the_sizes_order_the_cells_alike(published):
    """Of the whole table: both count the convolutions, the 3 x 3 before the 1 x 1."""
    sizes = table.of_sizes(published).set_index("score")
    assert sizes.loc["parameters"].tolist() == sizes.loc["multiply_adds"].tolist() == [0.578, 0.553, 0.52]


def test_cells_are_trained_with_every_reading(published):
    job = Job(**training.settings())
    assert (job.epochs, job.runs, job.frozen) == (training.EPOCHS, 1, False)
    assert len(job.places()) == 4 + 11
    assert len(job.readings) > 9


@pytest.mark.heavy
def test_a_cell_is_trained(tmp_path, published, monkeypatch):
    """The least cell, one epoch of the settings above."""
    monkeypatch.setattr(training, "EPOCHS", 1)
    monkeypatch.setattr(training, "IMAGES", 256)
    training.train([THIN], tmp_path / "store.db", jobs=1)
    rules = table.of_rules(tmp_path / "store.db", published, [4])
    assert set(rules["data_set"]) == set(cells.DATA_SETS)
    assert targets.load("cifar10").classes == 10
