"""Ctrl-C in a call from Python: one line, nothing lost, and the session lives on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from waiting import ticks, wait_for

from ncap import interrupt
from ncap.records.loading import load

SCRIPT = """
import signal, sys
sys.path.insert(0, {tests!r})
import tiny
try:
    tiny.ranked({store!r}, runs=1, epochs=100_000)
finally:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print("the session lives on", flush=True)
"""


def test_a_call_from_python_ends_with_one_line_and_goes_on(tmp_path):
    store = tmp_path / "runs.db"
    script = SCRIPT.format(tests=str(Path(__file__).parent), store=str(store))
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        try:
            wait_for(lambda: ticks(store), process)
            process.send_signal(signal.SIGINT)
            output, message = process.communicate(timeout=60)
        finally:
            process.kill()
    assert output == "the session lives on\n"
    assert process.returncode in (-signal.SIGINT, 130)
    assert message.rstrip().endswith("KeyboardInterrupt: ncap.rank was interrupted; the same call goes on from here")
    assert len(message.splitlines()) < 25
    assert "tensorflow" not in message
    assert "keras" not in message
    done = len(load(store).observations)
    again = tiny.ranked(store, runs=1, epochs=done + 1)
    assert again.observations["tick"].tolist() == list(range(1, done + 2))


def steps_reached(*steps):
    """How many of the steps a block goes through before it leaves as a KeyboardInterrupt of its own words."""
    reached = 0
    with pytest.raises(KeyboardInterrupt, match=r"^said$"), interrupt.kept_until_safe("said"):  # noqa: PT012
        for step in steps:
            step()
            reached += 1
    return reached


def press():
    signal.raise_signal(signal.SIGINT)


def test_the_signal_waits_for_a_check_and_a_second_one_does_not(capfd):
    assert steps_reached(press, interrupt.check) == 1
    assert "Ctrl-C again" in capfd.readouterr().err
    assert steps_reached(press, press) == 1
    assert steps_reached(press) == 1  # nobody asks before the end
    interrupt.check()  # what was pressed is over
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_else_stays():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append("theirs"))
    try:
        with interrupt.kept_until_safe("said"):
            signal.raise_signal(signal.SIGINT)
            interrupt.check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == ["theirs"]
