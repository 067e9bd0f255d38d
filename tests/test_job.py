"""The one list of settings: rank()'s keywords, the command's options, the checks and the stored JSON follow from it."""

import inspect
import json
import subprocess
import sys

import click
import pytest

import ncap
from ncap.cli import main
from ncap.job import Job, Place, settings


def test_rank_has_a_keyword_for_every_setting_with_its_default_and_its_help():
    parameters = inspect.signature(ncap.rank).parameters
    for name, setting in settings().items():
        assert parameters[name].default == setting.default
        assert f"{name}: {setting.metadata['help']}" in ncap.rank.__doc__
    assert parameters["candidates"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert list(parameters)[:2] == ["candidates", "target"]


def test_the_command_has_an_option_for_every_setting_with_its_default_and_its_help():
    command = main.get_command(None, "rank")
    options = {parameter.name: parameter for parameter in command.params if isinstance(parameter, click.Option)}
    for name, setting in settings().items():
        assert options[name].help == setting.metadata["help"]
        assert getattr(
            Job(**({} if options[name].default is None else {name: parsed(options[name])})), name
        ) == getattr(Job(), name)


def parsed(option):
    return option.callback(None, option, option.default) if option.callback else option.default


def test_what_is_stored_is_what_changes_training_and_json_can_hold():
    stored = Job().parameters("tensorflow", "0123")
    # for ever: a setting that comes later is stored only where it is not the default, or jobs of 0.1 would not be found
    first = "backend batch_norm batch_size dropout frozen hidden learning_rate norm_momentum optimizer seed target"
    assert sorted(stored) == first.split()
    assert json.loads(json.dumps(stored)) == stored | {"hidden": [256, 128]}
    for unchanged in (
        {"epochs": 9},
        {"runs": 3},
        {"readings": ["gradient"]},
        {"weighting": "relative"},
        {"ticks_per_epoch": (1, 1)},
        {"error": "0.01"},
    ):
        assert Job(**unchanged).parameters("tensorflow", "0123") == stored
    for changed in (
        {"seed": 1},
        {"ticks_per_epoch": 2},
        {"ticks_per_epoch": (4, 1)},
        {"frozen": False},
        {"dropout": 0},
    ):
        assert Job(**changed).parameters("tensorflow", "0123") != stored


def test_an_error_is_wanted_of_readings_that_have_one():
    assert Job(error="0.01").error == 0.01
    assert Job(readings=["gradient", "explicit/signed/relative"], error=0.1).error == 0.1
    with pytest.raises(ValueError, match="'hessian/signed/unit' by method='autodiff' has none; leave error out"):
        Job(readings=["gradient", "hessian/signed/unit"], error=0.1)


def test_a_reading_is_named_by_its_parts_or_by_its_name():
    assert Job().readings == ("explicit/magnitude/unit",)
    assert Job(interaction="hessian", strength="signed").readings == ("hessian/signed/unit",)
    assert Job(readings="gradient, explicit/signed/unit").readings == ("gradient", "explicit/signed/unit")
    assert Job(readings=["gradient", "explicit/magnitude/relative"], weighting="relative").readings[0] == "gradient"
    with pytest.raises(
        ValueError,
        match=r"readings is \['gradient'\], but interaction, strength and weighting describe 'explicit/magnitude/rel",
    ):
        Job(readings=["gradient"], weighting="relative")
    with pytest.raises(ValueError, match="unknown reading 'gradeint'; did you mean 'gradient'"):
        Job(readings=["gradeint"])
    with pytest.raises(TypeError, match="readings must be a list of readings"):
        Job(readings=3)


def test_ticks_lie_inside_epochs():
    assert Job(epochs=3, ticks_per_epoch=(4, 2, 1)).places() == [
        Place(1, 1, 4), Place(1, 2, 4), Place(1, 3, 4), Place(1, 4, 4), Place(2, 1, 2), Place(2, 2, 2), Place(3, 1, 1),
    ]  # fmt: skip
    assert [place.epochs for place in Job(epochs=2, ticks_per_epoch=(4, 1)).places()] == [0.25, 0.5, 0.75, 1.0, 2.0]
    assert len(Job(epochs=2, ticks_per_epoch=3).places()) == 6
    for wrong in (0, (), (4, 0), "4", 1.5, None):
        with pytest.raises(ValueError, match="ticks_per_epoch"):
            Job(ticks_per_epoch=wrong)


def test_a_typing_error_is_answered_before_a_framework_loads():
    code = (
        "import sys, ncap\n"
        "for wrong in ({'epochs': 0}, {'epoch': 3}, {'rule': 'nonsense'}, {'engine': 'moon'}, {'readings': ['x']}, {'weighting': 'y'}):\n"
        "    try: ncap.rank('mini', 'digits', **wrong)\n"
        "    except (ValueError, TypeError): pass\n"
        "    else: raise SystemExit(f'{wrong} was taken')\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'numba', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
