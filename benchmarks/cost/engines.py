"""What the driver of each engine does for a run: 10, 100 and 1,000 runs of one tick that cost nothing to train.

    python benchmarks/cost/engines.py [--runs 10,100,1000] [--jobs 2] [--megabytes 0,20] [--engines local,ray]

`seconds` are by the clock, from the first run to the last, and depend on what else the machine does. `driver` is the processor time of the
driver, in milliseconds per run: it reads where a run starts, takes its tick, flushes a checkpoint and a row to the disk, and closes the
run. 1,000 / `driver` is the most ticks that it can take in a second, whatever the number of machines; the rest of the time it waits for
them and for the disk. `megabytes` is the state of a tick, the weights and optimizer variables of a candidate. `start` are the seconds
until Ray is there.
"""

import argparse
import contextlib
import logging
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ncap.engines import ENGINES
from ncap.engines.contract import Resources
from ncap.records.schema import RunKey
from ncap.testing.engines import run_scripted, scripted_tick
from ncap.training.tick import State, Tick


def short(key, start, megabytes):
    """One tick with a state of that size."""
    tick = scripted_tick(key, 1)
    weights = [np.ones((megabytes, 2**18), np.float32)] if megabytes else tick.state.weights
    yield Tick(tick.observation, tick.readings, State(tick.state.body, weights, [], []))


@contextlib.contextmanager
def started(engine, jobs):
    """The seconds until the engine's cluster, if it has one, is there."""
    if engine != "ray":
        yield 0.0
        return
    import ray

    begun = time.monotonic()
    ray.init(address="local", num_cpus=jobs, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield time.monotonic() - begun
    ray.shutdown()


def measure(engine, jobs, runs, megabytes):
    keys = [RunKey("s", "digits", f"c{number // 2}", number % 2) for number in range(runs)]
    with tempfile.TemporaryDirectory() as folder:
        clock, before = time.monotonic(), time.process_time()
        run_scripted(
            ENGINES.get(engine)(Resources(jobs)), Path(folder) / "runs.db", partial(short, megabytes=megabytes), keys
        )
        seconds, driver = time.monotonic() - clock, time.process_time() - before
    return {"seconds": seconds, "ms per run": 1e3 * seconds / runs, "driver": 1e3 * driver / runs}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", default="10,100,1000")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--megabytes", default="0,20")
    parser.add_argument("--engines", default="local,ray")
    options = parser.parse_args()
    lines = []
    for engine in options.engines.split(","):
        with started(engine, options.jobs) as start:
            measure(engine, options.jobs, 2 * options.jobs, 0)  # starts the processes
            for megabytes in map(int, options.megabytes.split(",")):
                for runs in map(int, options.runs.split(",")):
                    kind = {"engine": engine, "jobs": options.jobs, "megabytes": megabytes, "runs": runs}
                    lines.append(kind | measure(engine, options.jobs, runs, megabytes) | {"start": start})
                    print(*(f"{name}={value}" for name, value in lines[-1].items()), flush=True)
    print(f"\n{len(os.sched_getaffinity(0))} cores\n")
    print(pd.DataFrame(lines).round(2).to_string(index=False))


if __name__ == "__main__":
    main()
