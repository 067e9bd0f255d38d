"""What one reading costs on the probe of the paper, 1280-256-128-10, batch 512: every reading by every method, in gradients."""

import keras
import numpy as np
import pytest

import ncap
from ncap.measure.probe import find_probe
from ncap.measure.readings import READINGS


@pytest.fixture(scope="module")
def probe_on_features():
    body = keras.Sequential([keras.Input((1280,)), keras.layers.Identity()])
    rng = np.random.default_rng(0)
    return (
        ncap.attach_probe(body, 10, frozen=False),
        rng.normal(size=(512, 1280)).astype("float32"),
        rng.integers(0, 10, 512),
    )


@pytest.mark.parametrize(
    ("reading", "method"), [(name, method) for name, entry in READINGS.items() for method in entry.model_methods]
)
@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_one_reading(benchmark, probe_on_features, reading, method):
    model, x, y = probe_on_features
    benchmark.group = "probe 1280-256-128-10, batch 512"
    benchmark(lambda: ncap.capacitance(model, x, y, method, reading=reading, batch_size=512))


def test_one_training_step(benchmark, probe_on_features):
    """The unit: one step of plain gradient descent on the same probe and batch."""
    model, x, y = probe_on_features
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    find_probe(model).trainable = True
    benchmark.group = "probe 1280-256-128-10, batch 512"
    benchmark(lambda: model.train_on_batch(x, y))
