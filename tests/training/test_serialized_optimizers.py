"""What a serialized optimizer says is what a job does, or it is refused."""

import keras
import pytest
from tiny import ranked

from ncap.job import Job
from ncap.training.run import make_optimizer

DECAY = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)


@pytest.mark.parametrize(
    ("optimizer", "says"),
    [
        (keras.optimizers.SGD(0.1), r"optimizer has the learning rate 0.1, but learning_rate is 0.001; pass learning_rate=0.1"),
        (keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "optimizer has the learning rate 0.1, but"),
        (keras.optimizers.SGD(DECAY), "its learning rate is a schedule, .*ExponentialDecay"),
        (keras.optimizers.SGD(0.001, use_ema=True), "use_ema, Keras replaces the weights by their average"),
    ],
)  # fmt: skip
def test_an_optimizer_that_would_not_do_what_it_says_is_refused(tmp_path, optimizer, says):
    """Its own learning rate was replaced by the setting without a word, and the average of the weights by that of each tick."""
    with pytest.raises(ValueError, match=says):
        ranked(tmp_path / "runs.db", optimizer=keras.optimizers.serialize(optimizer))


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=2),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
)
def test_an_optimizer_that_agrees_with_the_setting_is_taken(optimizer):
    serialized = keras.optimizers.serialize(optimizer)
    made = make_optimizer(Job(optimizer=serialized, learning_rate=0.1))
    assert float(made.learning_rate) == pytest.approx(0.1)
    assert type(made) is type(optimizer)
