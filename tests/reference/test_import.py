"""Importing the oracle brings no deep-learning framework, and nothing else of ncap."""

import ast
import os
import subprocess
import sys
from pathlib import Path


def test_the_oracle_is_light():
    code = "import ncap.reference, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for heavy in ("tensorflow", "keras", "jax", "sklearn", "pandas", "matplotlib"):
        assert heavy not in loaded
    assert {name for name in loaded if name.startswith("ncap.")} == {
        "ncap.reference",
        *(
            f"ncap.reference.{part}"
            for part in [
                "arguments",
                "closed_form",
                "cnn",
                "connections",
                "convolution",
                "dynamics",
                "gradient_form",
                "graph",
                "hessian",
                "interaction",
                "interchange",
                "junction",
                "kernels",
                "linear_operator",
                "mlp",
                "network",
                "perturbation",
                "pooling",
                "reduction",
                "resilience",
                "shared_weights",
                "verdict",
                "window",
            ]
        ),
    }


def test_the_oracle_works_where_no_cache_can_be_written():
    """As in a read-only container: numba has no folder for the compiled kernels, here because it may look nowhere."""
    code = (
        "from ncap import reference as ref\n"
        "net = ref.MLP([[[2]], [[3]], [[1]]], loss='squared_error')\n"
        "print(ref.capacitance(net, [[1]], [[5.0]]).beta_eff)"
    )
    nowhere = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=nowhere)
    assert float(done.stdout) == 2 / 3


def test_every_public_name_of_ncap_is_found_and_documented():
    import ncap

    for name in ncap.__all__[1:]:
        assert getattr(ncap, name).__doc__
    code = "import ncap, sys; ncap.regret; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow"} & set(loaded)


def test_type_checkers_see_the_public_names():
    """ncap/__init__.py says twice where a name lives: to Python on first use, and to type checkers."""
    import ncap

    (block,) = [node for node in ast.parse(Path(ncap.__file__).read_text()).body if isinstance(node, ast.If)][:1]
    told = {alias.asname: node.module for node in block.body for alias in node.names}
    assert told == ncap._HOME
