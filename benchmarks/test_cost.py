"""T_beta / T_train: one training epoch, and one reading of beta_eff by each method, of the demo's candidates.

The ratios are printed at the end, the paper's beside them.

pytest benchmarks/test_cost.py --benchmark-only --benchmark-group-by=param:training
"""

import itertools
import statistics
import tomllib
from pathlib import Path

import pytest

from ncap import candidates, targets
from ncap.cost import prepare, read_beta, train_epoch
from ncap.demo import TRAINING_IMAGES
from ncap.measure.readings import METHODS

PUBLISHED = tomllib.loads(Path(__file__).parents[1].joinpath("reference", "published.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", name="seconds")
def _seconds(request):
    """Median seconds by (work, candidate); what they come to is printed when all are there."""
    seconds = {}
    yield seconds
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print("\n\nT_beta / T_train, median over the candidates")
        for method in METHODS:
            trained = [candidate for work, candidate in seconds if work == "train" and (method, candidate) in seconds]
            if trained:
                ratio = statistics.median(seconds[method, one] / seconds["train", one] for one in trained)
                print(f"  {method:12} {ratio:6.3f}   {len(trained)} candidates, here")
        paper = PUBLISHED["cost"]
        print(f"  {'the paper':12} {paper['ratio']['value']:6.3f}   {paper['gpus']['value']} {paper['gpus']['unit']}")


@pytest.fixture(scope="module", params=candidates.resolve("mini"), name="training")
def _training(request):
    target = targets.load("digits").few(TRAINING_IMAGES, seed=0)
    training = prepare(candidates.resolve("mini")[request.param], target)
    train_epoch(training, 1)
    return training


def test_training_epoch(benchmark, training, seconds):
    epochs = itertools.count(2)
    logs = benchmark.pedantic(lambda: train_epoch(training, next(epochs)), rounds=5, warmup_rounds=1)
    assert logs["loss"] > 0
    seconds["train", training.candidate.name] = benchmark.stats.stats.median


@pytest.mark.parametrize("method", METHODS)
def test_reading(benchmark, training, seconds, method):
    reading = benchmark.pedantic(read_beta, args=(training, method), rounds=5, warmup_rounds=1)
    assert reading.n_samples == TRAINING_IMAGES
    seconds[method, training.candidate.name] = benchmark.stats.stats.median
