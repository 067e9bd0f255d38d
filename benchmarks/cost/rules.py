"""What a rule takes to predict a thousand candidates from ten ticks each, beside the same one by one: seconds, and processor time.

    python benchmarks/cost/rules.py [--candidates 1000] [--ticks 10]

The curves are power laws with noise. Rules that learn are fitted once to two hundred others, which their first prediction takes; rules that
need seconds a candidate are left out. One by one, a hundred are timed and the time scaled.
"""

import argparse
import time

import numpy as np

from ncap.rules import RULES, resolve
from ncap.rules.contract import Curve, Outcome

ALONE = 100
HISTORY = 200


def curves(n, ticks, seed):
    rng, t = np.random.default_rng(seed), np.arange(1.0, ticks + 1)
    top, gap, power = rng.uniform(0.4, 0.9, n), rng.uniform(0.1, 0.4, n), rng.uniform(0.4, 1.5, n)
    accuracy = top[:, None] - gap[:, None] * t ** -power[:, None] + rng.normal(0, 0.01, (n, ticks))
    made = [Curve.of(f"c{seed}_{i}", val_accuracy=row, beta_eff=1 / t) for i, row in enumerate(np.clip(accuracy, 0, 1))]
    return made, top


def timed(call):
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=10)
    given = parser.parse_args()
    asked, _ = curves(given.candidates, given.ticks, 0)
    others, tops = curves(HISTORY, 2 * given.ticks, 1)
    history = [Outcome("other", curve, {}, float(top)) for curve, top in zip(others, tops, strict=True)]
    print(f"{'rule':22}{'together s':>12}{'processor s':>13}{'one by one s':>14}")
    for name, rule in RULES.members().items():
        if rule.cost == "high":
            continue
        made = resolve(name).fit(history, ()) if rule.learns else resolve(name)
        wall, processor = timed(lambda made=made: made.predict_many(asked, [{}] * len(asked)))
        alone, _ = timed(lambda made=made: [made.predict(curve, {}) for curve in asked[:ALONE]])
        print(f"{name:22}{wall:12.2f}{processor:13.2f}{alone * len(asked) / min(ALONE, len(asked)):14.2f}")


if __name__ == "__main__":
    main()
