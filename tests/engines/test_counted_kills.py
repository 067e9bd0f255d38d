"""Everything that can be killed is killed, at random moments, and counted: `NCAP_KILLS=FILE make heavy` goes on counting in that file."""

import os
from pathlib import Path

import pytest
from counted_kills import count_kills

MORE = 20  # in one call


@pytest.mark.heavy
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_jobs_survive_kills_at_random_moments(engine, tmp_path):
    if engine == "ray":
        pytest.importorskip("ray", reason="make heavy tests it in an environment with Ray")
    killed = count_kills(Path(os.environ.get("NCAP_KILLS", tmp_path / "kills.json")), engine, MORE)
    print(f"{engine}: {sum(killed.values())} kills so far, {killed}")
    assert sum(killed.values()) >= MORE
