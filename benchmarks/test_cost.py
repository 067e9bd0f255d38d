"""T_beta / T_train: one training epoch, and one reading of beta_eff by each method, of the demo's candidates.

pytest benchmarks/test_cost.py --benchmark-only --benchmark-group-by=param:training
"""

import itertools

import pytest

from ncap import data, models
from ncap.cost import METHODS, prepare, read_beta
from ncap.demo import TRAINING_IMAGES


@pytest.fixture(scope="module", params=models.resolve("mini"), name="training")
def _training(request):
    target = data.load("digits").few(TRAINING_IMAGES, seed=0)
    training = prepare(request.param, models.resolve("mini")[request.param], target)
    training.fit(1)
    return training


def test_training_epoch(benchmark, training):
    epochs = itertools.count(2)
    logs = benchmark.pedantic(lambda: training.fit(next(epochs)), rounds=5, warmup_rounds=1)
    assert logs["loss"] > 0


@pytest.mark.parametrize("method", METHODS)
def test_reading(benchmark, training, method):
    reading = benchmark.pedantic(read_beta, args=(training, method), rounds=5, warmup_rounds=1)
    assert reading.n_samples == TRAINING_IMAGES
