"""What any network costs: time and peak memory of Eq. 2 and of what stands around it, at 10^4, 10^6 and 10^7 links.

Run with `make bench`, or `pytest benchmarks --benchmark-only`. The networks are drawn with a mean degree of 10; memory is
the peak of numpy's arrays beyond the input, measured in an own process, in bytes a link. The input takes 16.8 of them.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from ncap import reference as ref

MEASURED = {
    "beta_eff": ref.beta_eff,
    "beta_eff of the giant component": lambda P: ref.beta_eff(P, giant_component=True),
    "decompose": ref.decompose,
    "network_average": lambda P: ref.network_average(P, np.ones(P.shape[0])),
    "one point of a perturbation curve": lambda P: ref.perturbation_curve(P, "links", [0.5], repeats=1),
    "one unit of time of an epidemic": lambda P: ref.simulate(P, ref.epidemic(B=5), 0.5, [0, 1], rtol=1e-3),
}
MEMORY = """
import sys, tracemalloc
sys.path.insert(0, {folder!r})
from test_resilience import MEASURED, drawn
P = drawn({links})
MEASURED[{name!r}](drawn(1000))
tracemalloc.start()
MEASURED[{name!r}](P)
print(tracemalloc.get_traced_memory()[1])
"""


def drawn(links):
    rng = np.random.default_rng(0)
    n = links // 10
    ends = rng.integers(0, n, (2, links), dtype=np.int32)
    return sparse.csr_array(sparse.coo_array((rng.random(links), ends), shape=(n, n)))


@pytest.mark.parametrize("links", [10_000, 1_000_000, 10_000_000], ids="{:.0e}".format)
@pytest.mark.parametrize("name", MEASURED)
def test_cost_of_any_network(benchmark, name, links):
    code = MEMORY.format(folder=str(Path(__file__).parent), links=links, name=name)
    peak = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    benchmark.extra_info["peak bytes a link"] = round(peak / links, 1)
    P = drawn(links)
    benchmark.pedantic(MEASURED[name], args=(P,), rounds=5, warmup_rounds=1)
    print(f"\n{name}, {links:.0e} links: {benchmark.stats['min'] * 1e3:.4g} ms, peak {peak / links:.1f} bytes a link")
