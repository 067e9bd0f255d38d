"""Strict by default: one Hypothesis profile without deadlines, quiet TensorFlow, and the shared data by path."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for of_the_developer in ("FORCE_COLOR", "TTY_COMPATIBLE", "NCAP_DEBUG"):  # they change what commands print
    os.environ.pop(of_the_developer, None)

# A shell ignores Ctrl-C for what it starts in the background, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Deadlines measure the machine, not the code. Large draws and slow filters are ours to choose, not errors.
common = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("ncap", max_examples=100, **common)
settings.register_profile("long", max_examples=10_000, **common)
settings.register_profile("long-keras", max_examples=1_000, **common)
# make mutation: the same few examples every time, and no second look at those that fail.
few = {"derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutation", max_examples=30, **few, **common | {"print_blob": False})
settings.load_profile(os.environ.get("NCAP_HYPOTHESIS", "ncap"))


@pytest.fixture(scope="session")
def shared_data():
    """The folder of data that is never committed: $NCAP_DATA, or ../shared/data beside the project."""
    folder = Path(os.environ.get("NCAP_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set NCAP_DATA to a copy of the shared data")
    return folder
