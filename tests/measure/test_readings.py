"""The table of readings: what it lists, how a name or its parts are chosen, and that looking one up loads nothing heavy."""

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import ncap
from ncap.measure import readings

HEAVY = ("keras", "tensorflow", "jax", "torch", "numba", "scipy", "sklearn", "pandas", "matplotlib")


def test_the_readings_are_listed_with_their_methods():
    table = ncap.list_readings()
    assert table.columns.tolist() == ["reading", "summary", "methods", "source"]
    methods = dict(zip(table["reading"], table["methods"], strict=True))
    averaged = {name: methods.pop(name) for name in list(methods) if name.endswith("/batches64")}
    assert averaged == {
        f"{name}/batches64": own.removesuffix(", oracle") for name, own in methods.items() if own != "oracle"
    }
    assert methods == {
        "explicit/magnitude/unit": "closed_form, oracle",
        "explicit/magnitude/relative": "closed_form, oracle",
        "explicit/signed/unit": "closed_form, autodiff, oracle",
        "explicit/signed/relative": "closed_form, autodiff, oracle",
        "hessian/signed/unit": "autodiff, oracle",
        "hessian/signed/relative": "autodiff, oracle",
        "hessian/magnitude/unit": "oracle",
        "hessian/magnitude/relative": "oracle",
        "explicit/magnitude/unit/norms": "closed_form, oracle",
        "explicit/signed/unit/norms": "closed_form, oracle",
        "hessian/signed/unit/norms": "autodiff, oracle",
        "full_hessian/signed/unit": "autodiff, oracle",
        "gradient": "closed_form, autodiff, oracle",
    }
    assert table["summary"].str.len().min() > 20
    assert table["source"].str.contains("section 2|T7").all()


@pytest.mark.parametrize("name", readings.names(of_models=True))
def test_every_method_of_a_reading_has_its_function(name):
    for module in readings.READINGS[name].model_methods.values():
        assert callable(import_module(module).measure)


def test_names_and_parts_are_the_same_readings():
    by_parts = {
        readings.of(interaction, strength, weighting)
        for interaction in ("explicit", "hessian")
        for strength in ("signed", "magnitude")
        for weighting in ("unit", "relative")
    }
    by_parts |= {
        readings.of(interaction, strength, nodes="norms")
        for interaction, strength in (("explicit", "signed"), ("explicit", "magnitude"), ("hessian", "signed"))
    }
    by_parts.add(readings.of("full_hessian", "signed"))
    assert by_parts | {"gradient"} == {name for name, entry in readings.READINGS.items() if not entry.batch}
    for name in by_parts:
        assert str(readings.check(name).parts) == name


@pytest.mark.parametrize(
    ("asked", "name", "method"),
    [
        ({}, "explicit/magnitude/unit", "closed_form"),
        ({"method": "autodiff"}, "explicit/signed/unit", "autodiff"),
        ({"method": "autodiff", "interaction": "hessian"}, "hessian/signed/unit", "autodiff"),
        ({"interaction": "hessian"}, "hessian/signed/unit", "autodiff"),
        ({"interaction": "hessian", "weighting": "relative"}, "hessian/signed/relative", "autodiff"),
        ({"weighting": "relative"}, "explicit/magnitude/relative", "closed_form"),
        ({"reading": "explicit/signed/unit"}, "explicit/signed/unit", "closed_form"),
        ({"reading": "explicit/signed/unit", "method": "autodiff"}, "explicit/signed/unit", "autodiff"),
        ({"reading": "hessian/signed/relative"}, "hessian/signed/relative", "autodiff"),
        ({"reading": "explicit/signed/unit", "strength": "signed"}, "explicit/signed/unit", "closed_form"),
        ({"reading": "gradient"}, "gradient", "closed_form"),
        ({"nodes": "norms"}, "explicit/magnitude/unit/norms", "closed_form"),
        ({"nodes": "norms", "strength": "signed"}, "explicit/signed/unit/norms", "closed_form"),
        ({"nodes": "norms", "interaction": "hessian"}, "hessian/signed/unit/norms", "autodiff"),
        ({"interaction": "full_hessian"}, "full_hessian/signed/unit", "autodiff"),
        ({"reading": "gradient/batches64"}, "gradient/batches64", "closed_form"),
    ],
)
def test_what_a_call_asks_for(asked, name, method):
    entry, chosen = readings.chosen(**asked)
    assert (entry.name, chosen) == (name, method)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"interaction": "hessian", "method": "closed_form"},
            "gives interaction='explicit' only; use method='autodiff' for 'hessian'",
        ),
        ({"interaction": "hessian", "strength": "magnitude"}, "taken by the oracle alone"),
        ({"reading": "hessian/signed/unit", "method": "closed_form"}, "use method='autodiff' for 'hessian'"),
        ({"reading": "hessian/magnitude/unit"}, "taken by the oracle alone"),
        ({"reading": "gradient", "interaction": "explicit"}, "interaction='explicit' contradict"),
        ({"reading": "explicit/signed/unit", "strength": "magnitude"}, "strength='magnitude' contradict"),
        ({"reading": "explicit/signed/relative", "weighting": "unit"}, "weighting='unit' contradict"),
        ({"method": "oracle"}, "method must be one of 'closed_form', 'autodiff', got 'oracle'"),
        ({"reading": "Gradient"}, "did you mean 'gradient'"),
        ({"interaction": "full_hessian", "strength": "magnitude"}, "there is no reading 'full_hessian/magnitude/unit'"),
        ({"nodes": "norms", "weighting": "relative"}, "nodes='norms' goes with unit"),
        ({"reading": "explicit/signed/unit/norms", "nodes": "kernels"}, "nodes='kernels' contradict"),
        (
            {"reading": "explicit/signed/unit/norms", "method": "autodiff"},
            "does not give reading 'explicit/signed/unit/norms'",
        ),
        ({"reading": "full_hessian/signed/unit", "method": "closed_form"}, "use method='autodiff' for 'full_hessian'"),
    ],
)
def test_what_no_call_may_ask_for(asked, message):
    with pytest.raises(ValueError, match=message):
        readings.chosen(**asked)


@pytest.mark.filterwarnings("ignore::ncap.reference.CapacitanceWarning")
def test_a_new_reading_is_one_entry_and_its_module(monkeypatch):
    """A trial: P doubled, so that A is four times and D twice what it was."""
    import keras
    import numpy as np

    from ncap.measure import closed_form

    def measure(data, reading, batch_size):
        sums = closed_form.measure(data, reading, batch_size)
        return sums._replace(
            moments=sums.moments._replace(
                numerator=4 * sums.moments.numerator, denominator=2 * sums.moments.denominator
            )
        )

    doubled = ModuleType("doubled")
    doubled.measure = measure
    monkeypatch.setitem(sys.modules, "doubled", doubled)
    entry = readings.Entry("doubled", "P, doubled", "T7", {"closed_form": "doubled"}, ("explicit", "magnitude", "unit"))
    monkeypatch.setitem(readings.READINGS, "doubled", entry)

    model = ncap.attach_probe(keras.Sequential([keras.Input((3,)), keras.layers.Identity()]), 2, (5, 4), frozen=False)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.eye(3, dtype="float32"), np.array([0, 1, 0])
    once, twice = (ncap.capacitance(model, x, y, reading=name) for name in ("explicit/magnitude/unit", "doubled"))
    assert twice.beta_eff == 2 * once.beta_eff
    callback = ncap.CapacitanceCallback(x, y, reading="doubled")
    model.fit(x, y, verbose=0, callbacks=[callback])
    assert callback.last == ncap.capacitance(model, x, y, reading="doubled")
    assert ncap.list_readings()["reading"].iloc[-1] == "doubled"
    with pytest.raises(ValueError, match="did you mean 'doubled'"):
        readings.check("doubeld")


def test_a_name_is_checked_without_a_framework():
    code = (
        "import sys; from ncap.measure import readings\n"
        "try: readings.check('gradiant')\n"
        "except ValueError as error: assert 'gradient' in str(error)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
