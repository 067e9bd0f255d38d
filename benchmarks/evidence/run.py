"""Train a tier of the benchmark, or measure what it would cost.

    NCAP_DATA=../shared/data nice -n 19 python -m benchmarks.evidence.run small|real|subtargets --store ../evidence/store.db [--processes 2]
    ... --estimate      # train two epochs of every candidate, print what the tier will take, and keep nothing

The store lies outside the repository. The command may be ended at any moment, by Ctrl-C, SIGTERM or SIGKILL, and goes on from the last tick
when it is repeated, with any number of processes; a second command on the same store shares the work. What the committed table has is not
trained again. `python -m benchmarks.evidence.collect` turns what is complete into a part of the table.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = FOLDER / "table"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tier", help="small, real or subtargets")
    parser.add_argument("--store", type=Path, help="SQLite file outside the repository")
    parser.add_argument(
        "--table", type=Path, default=TABLE, help="the committed table, whose trainings are not repeated"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--estimate", action="store_true", help="measure and print the cost, train nothing")
    parser.add_argument("--retry", action="store_true", help="train again what failed")
    parser.add_argument("--protocol", type=Path, default=FOLDER / "protocol.toml", help="another one, for trials")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)  # the process that started this one
    options = parser.parse_args()
    if not options.estimate:
        if options.store is None or options.store.resolve().is_relative_to(FOLDER.parents[1]):
            parser.error(f"--store: a file outside the repository is needed, got {options.store}")
        options.store.parent.mkdir(parents=True, exist_ok=True)
    if options.worker is None and not options.estimate:
        return share(options.processes)
    from benchmarks.evidence.protocol import read

    protocol = read(options.protocol)
    if options.estimate:
        from benchmarks.evidence.plan import ONE_THREAD

        os.environ.update(ONE_THREAD)
        from benchmarks.evidence.cost import estimate

        print(estimate(protocol, protocol.tiers[options.tier], options.processes))
        return 0
    from benchmarks.evidence import worker

    return worker.main(
        protocol, protocol.tiers[options.tier], options.store, options.table, options.worker, options.retry
    )


def share(processes: int) -> int:
    """Start this command again as so many workers, each on one core, and end them when this process is ended."""
    from benchmarks.evidence.plan import ONE_THREAD

    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **ONE_THREAD}
    command = [sys.executable, "-m", "benchmarks.evidence.run", *sys.argv[1:], "--worker", str(os.getpid())]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment)

    workers = [start() for _ in range(processes)]

    def end(number: int, _frame: object) -> None:
        for worker in workers:
            worker.terminate()
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    failures = 0
    while workers:
        pid, status = os.wait()
        worker = next(one for one in workers if one.pid == pid)
        workers.remove(worker)
        code = worker.returncode = os.waitstatus_to_exitcode(status)
        failures += code not in (0, START_AGAIN)
        if code not in (0, START_AGAIN):
            print(f"a worker ended with status {code}, {failures} of {PATIENCE}", file=sys.stderr, flush=True)
        if code and failures < PATIENCE:
            workers.append(start())
    return 1 if failures else 0


PATIENCE = (
    5  # a worker that fails, as where the store was locked for a minute, is started again up to so many times in all
)
START_AGAIN = 75  # the exit status of a worker that has grown too large


if __name__ == "__main__":
    sys.exit(main())
