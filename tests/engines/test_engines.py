"""Every engine keeps the laws of the contract; and the kit notices one that does not."""

import pytest

from ncap.engines import ENGINES
from ncap.engines.contract import Engine, Resources, attempt
from ncap.testing.engines import check_engine
from ncap.training.failure import TrainingFailedError


@pytest.mark.parametrize("name", ENGINES.names())
def test_every_engine_keeps_the_laws(name):
    engine = ENGINES.get(name)
    assert (engine.name, bool(engine.summary)) == (name, True)
    if name != "ray":  # test_ray.py has a cluster for it
        check_engine(engine)


def test_an_engine_of_one_machine_takes_no_address():
    with pytest.raises(ValueError, match=r"engine 'local' trains on this machine alone, got address='auto'"):
        ENGINES.get("local")(Resources(address="auto"))


class Forgetting(Engine):
    """Leaves the last run out."""

    name, summary = "forgetting", ""

    def run(self, runs, train, ledger):
        for key in runs:
            if key != runs[-1]:
                attempt(key, train, ledger)
            ledger.end(key)


class Stopping(Engine):
    """Stops at the first failure."""

    name, summary = "stopping", ""

    def run(self, runs, train, ledger):
        for key in runs:
            for tick in train(key, ledger.start(key)):
                ledger.add(key, tick)
            ledger.end(key)


class Late(Engine):
    """Keeps the ticks of a run to itself until the run is over, and loses those of a run that fails."""

    name, summary = "late", ""

    def run(self, runs, train, ledger):
        for key in runs:
            attempt(key, lambda key, start: list(train(key, start)), ledger)
            ledger.end(key)


class Silent(Engine):
    """Never says that a candidate is over."""

    name, summary = "silent", ""

    def run(self, runs, train, ledger):
        for key in runs:
            attempt(key, train, ledger)


@pytest.mark.parametrize("engine", [Forgetting, Stopping, Late, Silent])
def test_the_kit_notices_an_engine_that_breaks_a_law(engine):
    with pytest.raises((AssertionError, TrainingFailedError)):
        check_engine(engine)


def test_an_unknown_engine_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown engine 'locl'; did you mean 'local'"):
        ENGINES.check("locl")
