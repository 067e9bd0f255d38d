"""A device whose memory runs out: half the batch, as settings of its own."""

import keras
import pytest
import tensorflow as tf
import tiny
from keras import layers
from tiny import ranked, without_times

from ncap.ranking.order import rank_records
from ncap.records.loading import load
from ncap.records.store import Store

MOST = 16  # samples that fit


class Large(layers.Layer):
    """Runs out of memory, in TensorFlow's own way, on more samples than fit."""

    def call(self, x):
        def allocate(samples):
            if samples > MOST:
                raise MemoryError
            return samples

        with tf.control_dependencies([tf.numpy_function(allocate, [tf.shape(x)[0]], tf.int32)]):
            return tf.identity(x)


def large():
    inside = [layers.Rescaling(1 / 255), Large(), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((8, 8, 1)), *inside])


def evaluated_on_few(monkeypatch):
    monkeypatch.setattr("ncap.training.run.EVALUATION_BATCH", MOST)


@pytest.mark.filterwarnings(tiny.RAW)
def test_a_candidate_that_does_not_fit_is_trained_with_half_the_batch_as_settings_of_its_own(
    tmp_path, monkeypatch, capsys
):
    evaluated_on_few(monkeypatch)
    store, bodies = tmp_path / "runs.db", {"large": large, "narrow": tiny.narrow}
    ranking = ranked(store, bodies, epochs=2, runs=1, batch_size=64, progress=True)
    said = capsys.readouterr().out
    assert "large: out of memory; trained with batch_size=32, as settings of their own\n" in said
    assert "large: out of memory; trained with batch_size=16, as settings of their own\n" in said
    table = ranking.table.set_index("candidate")
    assert table["status"].tolist() == ["fallback", "failed"]
    note = table.loc["large", "note"]
    assert "failed in epoch 1: ResourceExhaustedError" in note
    with Store(store, create=False) as opened:
        by_size = {job["parameters"]["batch_size"]: job["settings"] for job in opened.jobs()}
    assert note.endswith(
        f"trained with batch_size=16 as settings of its own, which do not compare: ncap report --settings {by_size[16]}"
    )
    halved = rank_records(load(store, by_size[16]), "last_seen")
    assert halved.table["candidate"].tolist() == ["large"]
    alone = ranked(tmp_path / "alone.db", {"large": large}, epochs=2, runs=1, batch_size=16)
    assert without_times(halved.observations).equals(without_times(alone.observations))
    # the job that was asked for, although it was written first
    assert load(store).settings == ranking.facts["settings"]
    assert load(store, by_size[16]).facts["halved_from"] == ranking.facts["settings"]
    # now the other is asked for itself, and nothing of it is left to train
    ranked(store, {"large": large}, epochs=2, runs=1, batch_size=16)
    assert load(store).settings == by_size[16]
