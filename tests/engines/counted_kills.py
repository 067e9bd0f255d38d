"""SIGKILLs of everything that can be killed, at random moments of short jobs, counted in a file over any number of calls.

python counted_kills.py COUNTS ENGINE MORE kills MORE more processes. After each job its table must be the undisturbed one, and every kill
may have cost no more than the ticks that were being trained.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import raylets
import scripted
from scripted import RUNS

from ncap.engines.local import Local
from ncap.records.schema import FAILURES, OBSERVATIONS, READINGS
from ncap.records.store import Store
from ncap.testing.engines import TICKS, run_scripted

TARGETS = {"local": ("driver", "trainer"), "ray": ("driver", "trainer", "task", "machine")}
AT_A_TIME = 2


def tables(path):
    with Store(path, create=False) as store:
        return [store.table(table) for table in (OBSERVATIONS, READINGS, FAILURES)]


def lines(log):
    return log.read_text().splitlines() if log.exists() else []


class Job:
    """One job in its folder, and the cluster that it runs on, if any."""

    def __init__(self, folder, cluster, rng):
        self.store, self.log, self.cluster, self.rng = folder / "runs.db", folder / "log", cluster, rng
        self.process = None

    def start(self):
        address = [] if self.cluster is None else [self.cluster.address]
        arguments = [scripted.__file__, self.store, self.log, AT_A_TIME, "logged", *address]
        environment = os.environ | {scripted.PAUSE: "0.1"}
        with self.log.with_name("errors").open("a") as errors:
            self.process = subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, stderr=errors)

    def wait_for_a_moment(self):
        """Usually until some more ticks have been begun, at times while the driver still starts."""
        if self.rng.random() < 0.15:
            time.sleep(self.rng.uniform(0, 3))
            return
        enough, deadline = len(lines(self.log)) + self.rng.integers(1, 6), time.monotonic() + 60
        while len(lines(self.log)) < enough and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(self.rng.uniform(0, 0.1))

    def kill(self, what):
        """Whether there was something of that kind to be killed."""
        if self.process.poll() is not None:
            return False
        if what == "driver":
            self.process.kill()
        elif what == "machine":
            raylets.kill_machine(self.cluster)
            raylets.add_machine(self.cluster)
        else:
            found = raylets.trainers(psutil.Process(self.process.pid) if self.cluster is None else None)
            if not found:
                return False
            with suppress(psutil.Error):
                victim = self.rng.choice(np.array(found, dtype=object))
                (victim if what == "trainer" else victim.parent()).kill()
                return True
            return False
        return True

    def finish(self):
        """Repeat the job until all is there; a run whose processes were killed may be recorded as failed."""
        for _ in range(10):
            self.process.wait(timeout=300)
            if self.process.returncode == 0 and tables(self.store)[2].empty:
                return
            if self.store.exists():
                assert tables(self.store)[2]["reason"].str.contains("SIGKILL|was lost").all()
            self.start()
        raise AssertionError(f"the job does not end: {self.log.with_name('errors').read_text()[-2000:]}")

    def check(self, undisturbed, kills):
        for found, expected in zip(tables(self.store), undisturbed, strict=True):
            pd.testing.assert_frame_equal(found, expected, check_exact=True)
        ticks = Counter(tuple(line.split()[1:]) for line in lines(self.log))
        assert len(ticks) == len(RUNS) * TICKS
        assert ticks.total() - len(ticks) <= AT_A_TIME * kills, "a recorded tick was trained again"


def count_kills(counts, engine, more):
    """Kill `more` more and add them to the file as they are survived; what has been killed since the file began, by kind."""
    rng = np.random.default_rng()
    with (
        tempfile.TemporaryDirectory() as folder,
        raylets.two_machines() if engine == "ray" else nullcontext() as cluster,
    ):
        run_scripted(Local(), Path(folder) / "undisturbed.db", runs=RUNS)
        undisturbed = tables(Path(folder) / "undisturbed.db")
        so_far, number = 0, 0
        while so_far < more:
            number += 1
            place = Path(folder) / str(number)
            place.mkdir()
            killed = _one_job(Job(place, cluster, rng), engine, undisturbed, rng.integers(1, 5))
            so_far += killed.total()
            total = _add(counts, engine, killed)
    return total


def _one_job(job, engine, undisturbed, most):
    killed = Counter()
    job.start()
    while killed.total() < most and (job.process.poll() is None or killed["driver"]):
        if job.process.poll() is not None:
            if job.process.returncode == 0:
                break
            job.start()
        job.wait_for_a_moment()
        what = job.rng.choice(TARGETS[engine], p=None if engine == "local" else [0.35, 0.3, 0.25, 0.1])
        if job.kill(what):
            killed[str(what)] += 1
            if what == "driver":
                job.process.wait()
    job.finish()
    job.check(undisturbed, killed.total())
    return killed


def _add(counts, engine, killed):
    before = json.loads(counts.read_text()) if counts.exists() else {}
    before[engine] = dict(Counter(before.get(engine, {})) + killed)
    written = counts.with_suffix(".new")
    written.write_text(json.dumps(before, indent=1))
    written.replace(counts)
    return before[engine]


if __name__ == "__main__":
    counts, engine, more = sys.argv[1:]
    print(count_kills(Path(counts), engine, int(more)))
