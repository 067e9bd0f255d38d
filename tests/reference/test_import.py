"""Importing the oracle brings no deep-learning framework, and nothing else of ncap."""

import subprocess
import sys


def test_the_oracle_is_light():
    code = "import ncap.reference, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for heavy in ("tensorflow", "keras", "jax", "sklearn", "pandas", "matplotlib"):
        assert heavy not in loaded
    assert {name for name in loaded if name.startswith("ncap.")} == {
        "ncap.reference",
        *(
            f"ncap.reference.{part}"
            for part in ["closed_form", "graph", "hessian", "interaction", "kernels", "mlp", "resilience", "verdict"]
        ),
    }


def test_every_public_name_of_ncap_is_found_and_documented():
    import ncap

    for name in ncap.__all__[1:]:
        assert getattr(ncap, name).__doc__
    code = "import ncap, sys; ncap.regret; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow"} & set(loaded)
