"""What scores cost: on features of 10,000 samples and 2,048 columns, and per candidate and target in `ncap score`.

    python benchmarks/cost/scores.py [--n 10000] [--d 2048] [--classes 10]
    NCAP_DATA=../shared/data python benchmarks/cost/scores.py --cells mini32 --target cifar10 --n 2500

The first prints the seconds of every score of features beside those of one thin singular value decomposition of the same matrix by scipy,
by the clock and of processor time; on a machine that others use, the second is the one to compare. The second prints, per candidate, the
forward passes and each score.
"""

import argparse
import os
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def drawn(n, d, classes):
    """Rectified features, whose variances fall by a factor of 100, of classes in other places."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    mixed = rng.normal(size=(n, d)) @ (rng.normal(size=(d, d)) * np.logspace(0, -2, d))
    return np.maximum(mixed + 2 * rng.normal(size=(classes, d))[y], 0), y


def timed(work):
    """What work() returns, and its seconds by the clock and of the processor."""
    started, worked = time.perf_counter(), time.process_time()
    value = work()
    return value, time.perf_counter() - started, time.process_time() - worked


def of_features(n, d, classes):
    from scipy.linalg import svd

    from ncap.scores import SCORES

    features, y = drawn(n, d, classes)
    _, clock, unit = timed(lambda: svd(features, full_matrices=False))
    print(f"{'one thin SVD':26} {'':>10} {clock:7.2f} s {unit:7.2f} s of processor time")
    for name, score in SCORES.members().items():
        if score.needs == "features":
            score.function(features[:200], y[:200])  # what is imported with the first call
            value, clock, worked = timed(lambda one=score: one.function(features, y))
            print(f"{name:26} {value:10.4g} {clock:7.2f} s {worked:7.2f} s, {worked / unit:5.2f} SVDs", flush=True)


def of_cells(candidates, target, n):
    import ncap

    table, clock, worked = timed(lambda: ncap.score(candidates, target, n=n))
    print(table.to_string(index=False))
    count = table["candidate"].nunique()
    print(f"\nmedian seconds of a score, forward pass included\n{table.groupby('score')['seconds'].median().round(3)}")
    print(f"\n{count} candidates: {clock / count:.1f} s and {worked / count:.1f} s of processor time each")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("n", 10_000), ("d", 2048), ("classes", 10)):
        options.add_argument(f"--{name}", type=int, default=default)
    options.add_argument("--cells", metavar="CANDIDATES")
    options.add_argument("--target", default="digits")
    given = options.parse_args()
    if given.cells:
        of_cells(given.cells, given.target, given.n)
    else:
        of_features(given.n, given.d, given.classes)


if __name__ == "__main__":
    main()
