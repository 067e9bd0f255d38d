"""P v and P' u of the oracle's linear operator against the gradient, in one process: seconds and their ratio.

    OMP_NUM_THREADS=1 python benchmarks/cost/products.py [--rounds 25]

The networks are the paper's probe on 1,280 features and a deeper MLP, in float64. An operator is made once, from one
forward and one backward pass, which is counted by itself ("made"); a gradient makes both passes every time. The three take turns, and
the median of a ratio's rounds counts, with its quartiles: on a machine that others use single rounds say little.
"""

import argparse
import itertools
import statistics
import time

import numpy as np

from ncap import reference as ref


def mlp(*widths):
    rng = np.random.default_rng(0)
    return ref.MLP([rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in itertools.pairwise(widths)])


NETWORKS = {
    "probe 1280-256-128-10": mlp(1280, 256, 128, 10),
    "MLP 256-256-256-256-256-10": mlp(256, 256, 256, 256, 256, 10),
}
SAMPLES = 512


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(net, rounds):
    """Seconds by work, `rounds` of each in turns, the first round of all left out."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(SAMPLES, net.layers[0].kernel.shape[0])), rng.integers(0, 10, SAMPLES)
    P = ref.interaction_operator(net, x, y)
    v = rng.normal(size=P.shape[0])
    works = {
        "gradient": lambda: ref.gradients(net, x, y),
        "made": lambda: ref.interaction_operator(net, x, y),
        "P v": lambda: P.matvec(v),
        "P' u": lambda: P.rmatvec(v),
    }
    taken = [{name: seconds(work) for name, work in works.items()} for _ in range(rounds + 1)]
    return {name: [one[name] for one in taken[1:]] for name in works}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    for title, net in NETWORKS.items():
        taken = measured(net, rounds)
        print(f"\n{title}, {SAMPLES} samples: gradient {1e3 * statistics.median(taken['gradient']):.1f} ms")
        for name in ("made", "P v", "P' u"):
            ratios = [one / of for one, of in zip(taken[name], taken["gradient"], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"  {name:5} {middle:5.2f} gradients ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
