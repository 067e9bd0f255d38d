"""The pruner in real studies of Optuna: one that is killed and resumed, and one beside Optuna's own pruners on the same curves."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny
from waiting import end_by_kill, wait_for

import ncap

optuna = pytest.importorskip("optuna")

from pruned_study import EPOCHS, FINISHED, RATES, run  # noqa: E402  they need optuna

from ncap.integrations.optuna import KEY, RulePruner, report  # noqa: E402
from ncap.integrations.trial_callback import TrialCallback  # noqa: E402
from ncap.rules.contract import Prediction, Rule  # noqa: E402

SCRIPT = Path(__file__).with_name("pruned_study.py")
optuna.logging.set_verbosity(optuna.logging.WARNING)


def outcomes(study):
    """What became of every rate: state, value and the reported curve."""
    finished = study.get_trials(states=FINISHED)
    assert [trial.params["rate"] for trial in finished] == list(RATES)
    return [(trial.state.name, trial.value, trial.intermediate_values, trial.user_attrs) for trial in finished]


def test_a_study_that_is_killed_and_resumed_equals_the_undisturbed_one(tmp_path):
    storage = f"sqlite:///{tmp_path}/killed.db"
    for moment in (1, 3 * EPOCHS):  # reports: inside the first trial, and later
        kill_after(moment, storage)
    study = run(storage, "last_seen")
    undisturbed = run(f"sqlite:///{tmp_path}/undisturbed.db", "last_seen")
    assert outcomes(study) == outcomes(undisturbed)
    states = {state for state, *_ in outcomes(study)}
    assert states == {"COMPLETE", "PRUNED"}
    killed = study.get_trials(states=(optuna.trial.TrialState.FAIL,))
    assert 1 <= len(killed) <= 2
    assert all(set(trial.user_attrs[KEY]) == {"train_loss"} for trial in study.get_trials(states=FINISHED))


def kill_after(count, storage):
    process = subprocess.Popen([sys.executable, SCRIPT, storage, "last_seen"], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: reports(storage) >= count, process, seconds=600, every=0.05)
    end_by_kill(process)


def reports(storage):
    try:
        trials = optuna.load_study(study_name="rates", storage=storage).trials
    except Exception:  # the study is not there yet, or its tables are just being made
        return 0
    return sum(len(trial.intermediate_values) for trial in trials)


def replayed(pruner, curves):
    """The number of steps that each curve gets, in a study that prunes."""
    study = optuna.create_study(direction="maximize", pruner=pruner)

    def objective(trial):
        curve = curves[trial.number]
        for step, accuracy in enumerate(curve):
            report(trial, step, accuracy)
            if trial.should_prune():
                raise optuna.TrialPruned
        return curve[-1]

    study.optimize(objective, n_trials=len(curves))
    return [len(trial.intermediate_values) for trial in study.trials]


def curves(count=40, steps=6, noise=0.0):
    rng = np.random.default_rng(0)
    ends, speeds = rng.uniform(0.3, 1, count), rng.uniform(0.2, 1, count)
    rising = ends[:, None] * (1 - np.exp(-speeds[:, None] * np.arange(1, steps + 1)))
    return np.clip(rising + rng.normal(0, noise, rising.shape) if noise else rising, 0, 1).tolist()


def test_the_rule_last_seen_on_curves_that_never_fall_is_optunas_median_pruner():
    for start in (1, 5):
        own = replayed(RulePruner("last_seen", n_startup_trials=start), curves())
        median = optuna.pruners.MedianPruner(n_startup_trials=start, n_warmup_steps=0)
        assert own == replayed(median, curves())
        assert min(own) < 6 == max(own)


def test_the_pruner_keeps_a_share_warms_up_and_drops_what_has_diverged():
    given = curves(noise=0.05)
    steps = {keep: sum(replayed(RulePruner("last_seen", 5, keep=keep), given)) for keep in (0.25, 0.5, 0.9)}
    assert steps[0.25] < steps[0.5] < steps[0.9]
    assert min(replayed(RulePruner("last_seen", 5, n_warmup_steps=3), given)) == 4
    assert replayed(RulePruner("last_seen", 2), [[0.5] * 3, [0.6] * 3, [float("nan")] * 3]) == [3, 3, 1]


def test_studies_of_one_name_in_two_storages_share_a_pruner_and_nothing_else():
    pruner = RulePruner("last_seen", n_startup_trials=2)
    for good, expected in ((0.9, "PRUNED"), (0.1, "COMPLETE")):
        study = optuna.create_study(study_name="same", direction="maximize", pruner=pruner)

        def objective(trial, good=good):
            accuracy = 0.5 if trial.number == 2 else good
            report(trial, 0, accuracy)
            if trial.should_prune():
                raise optuna.TrialPruned
            return accuracy

        study.optimize(objective, n_trials=3)
        assert study.trials[2].state.name == expected


class Extrapolating(Rule):
    """The accuracy at beta_eff 0 on the straight line through the last two epochs; a score where there are none."""

    name, summary, needs, source = "extrapolating", "A test.", ("val_accuracy", "beta_eff"), "this test"

    def predict(self, curve, scores):
        if len(curve) < 2:
            return Prediction.of_score(0.0, curve)
        (b0, b1), (a0, a1) = curve.beta_eff[-2:], curve.val_accuracy[-2:]
        return Prediction.of_accuracy(a1 - b1 * (a1 - a0) / (b1 - b0), curve)


def test_a_rule_reads_what_was_reported_with_the_accuracy_and_decides_by_it():
    """Two epochs that look alike: the line through the third trial's reaches 0.6, below the others' 0.9."""
    study = optuna.create_study(direction="maximize", pruner=RulePruner(Extrapolating(), n_startup_trials=2))
    betas = {0: (4.0, 3.0), 1: (4.0, 3.0), 2: (2.0, 1.0)}

    def objective(trial):
        for step, (beta, accuracy) in enumerate(zip(betas[trial.number], (0.4, 0.5), strict=True)):
            report(trial, step, accuracy, beta_eff=beta)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 0.5

    study.optimize(objective, n_trials=3)
    assert [(trial.state.name, trial.last_step) for trial in study.trials] == [
        ("COMPLETE", 1),
        ("COMPLETE", 1),
        ("PRUNED", 1),
    ]
    assert study.pruner.predicted(study.trials[2], 1).value == pytest.approx(0.6)
    assert study.pruner.predicted(study.trials[0], 1).value == pytest.approx(0.8)


def test_a_reading_of_0_of_a_network_whose_features_have_died_is_none():
    study = optuna.create_study(direction="maximize", pruner=RulePruner(Extrapolating()))

    def objective(trial):
        for step, (beta, right, accuracy) in enumerate([(0.0, 0.1, 0.1), (2.0, 0.2, 0.2), (0.0, 1.0, 0.3)]):
            report(trial, step, accuracy, beta_eff=beta, train_accuracy=right)
        return 0.3

    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert np.isnan(study.pruner.predicted(trial, 1).order)  # the line of the first two steps has one end
    assert study.pruner.predicted(trial, 2).value == pytest.approx(0.3)  # converged: 0 is a reading


def test_bad_arguments_and_studies_are_refused():
    for given, message in [
        ({"rule": "last_sen"}, "unknown rule 'last_sen'; did you mean 'last_seen'"),
        ({"n_startup_trials": -1}, "n_startup_trials must be a whole number of at least 0, got -1"),
        ({"n_warmup_steps": 1.5}, "n_warmup_steps must be"),
        ({"keep": 0}, r"keep must lie in \(0, 1\), got 0"),
        ({"keep": 1}, "keep must lie in"),
        ({"horizon": 0}, "horizon must be a positive number"),
    ]:
        with pytest.raises(ValueError, match=message):
            RulePruner(**given)
    study = optuna.create_study(direction="minimize", pruner=RulePruner())

    def objective(trial):
        with pytest.raises(TypeError, match=r"columns: 'beta' is none that a rule reads; known: .*beta_eff"):
            report(trial, 0, 0.5, beta=1.0)
        report(trial, 0, 0.5)
        return trial.should_prune()

    with pytest.raises(ValueError, match="create the study with direction='maximize'"):
        study.optimize(objective, n_trials=1)


def trained(trial):
    """Five epochs of a network under its probe; Keras' history."""
    target = tiny.target()
    keras.utils.set_random_seed(0)
    model = ncap.attach_probe(tiny.body(), classes=10, hidden=(8, 6), frozen=False)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    callbacks = [ncap.CapacitanceCallback(target.x_train, target.y_train), TrialCallback(trial)]
    val = target.read("val", np.arange(200))
    x, y = target.x_train, target.y_train
    return model.fit(x, y, validation_data=val, epochs=5, verbose=0, callbacks=callbacks).history


def test_a_keras_training_reports_reading_and_accuracy_and_ends_where_it_is_pruned():
    histories = []

    def objective(trial):
        histories.append(trained(trial))
        return histories[-1]["val_accuracy"][-1]

    study = optuna.create_study(direction="maximize", pruner=RulePruner("capacitance"))
    study.optimize(objective, n_trials=1)
    (trial,), (history,) = study.trials, histories
    assert trial.intermediate_values == dict(enumerate(history["val_accuracy"]))
    named = {"loss": "train_loss", "val_loss": "val_loss", "accuracy": "train_accuracy"}
    for key in (*named, "beta_eff", "beta_eff_error"):
        assert list(trial.user_attrs[KEY][named.get(key, key)].values()) == history[key]
    assert [study.pruner.predicted(trial, step).value for step in range(5)] == history["beta_eff_prediction"]

    strict = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=1.0, n_warmup_steps=1)
    )
    strict.optimize(objective, n_trials=1)
    assert strict.trials[0].state.name == "PRUNED"
    assert list(strict.trials[0].intermediate_values) == [0, 1]
    assert len(histories) == 1
