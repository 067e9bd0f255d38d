"""Importing the oracle brings no deep-learning framework, and nothing else of ncap."""

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import ncap
from ncap import reference as ref


def loaded_by(code):
    """The modules that a fresh interpreter holds after running the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_oracle_is_light():
    loaded = loaded_by("from ncap.reference import *; beta_eff([[0]])")
    assert not {"tensorflow", "keras", "jax", "sklearn", "pandas", "matplotlib", "networkx"} & loaded
    assert {name.split(".")[1] for name in loaded if name.startswith("ncap.")} == {"reference"}


@pytest.mark.parametrize("module", ["", ".verdict", ".arguments", ".loss", ".sums"])
def test_what_all_of_ncap_shares_waits_for_no_compiler_and_no_solver(module):
    assert not {"numba", "scipy", "pandas"} & loaded_by(f"import ncap.reference{module}")


def test_what_is_not_asked_for_is_not_loaded():
    loaded = loaded_by("from ncap import reference as ref; ref.capacitance")
    assert "ncap.reference.dynamics" not in loaded
    assert "scipy.integrate" not in loaded


def test_lazy_names_behave_as_names():
    everything = {}
    exec("from ncap.reference import *", everything)
    assert set(ref.__all__) == set(everything) - {"__builtins__"} <= set(dir(ref))
    assert all(everything[name] is getattr(ref, name) for name in ref.__all__)
    dynamics = pickle.loads(pickle.dumps(ref.epidemic))
    assert dynamics is ref.epidemic
    assert loaded_by("from ncap import reference as ref; ref.mlp.__doc__") >= {"ncap.reference.mlp"}
    with pytest.raises(
        AttributeError, match=r"'ncap\.reference' has no attribute 'gamma_eff'; public names: AveragePooling2D, "
    ):
        ref.gamma_eff  # noqa: B018


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


@pytest.mark.parametrize(("module", "names"), [(ncap, ncap.__all__[1:]), (ref, ref.__all__)], ids=["ncap", "oracle"])
def test_every_public_name_is_found_and_documented(module, names):
    for name in names:
        assert getattr(module, name).__doc__


def test_a_measure_of_an_order_needs_no_framework():
    assert not {"keras", "tensorflow"} & loaded_by("import ncap; ncap.regret")


@pytest.mark.parametrize("module", [ncap, ref], ids=["ncap", "oracle"])
def test_type_checkers_see_the_public_names(module):
    """Both __init__.py say twice where a name lives: to Python on first use, and to type checkers."""
    (block,) = [node for node in ast.parse(Path(module.__file__).read_text()).body if isinstance(node, ast.If)][:1]
    told = {alias.asname: node.module for node in block.body for alias in node.names}
    below = "" if module is ncap else "ncap.reference."
    assert told == {name: below + home for name, home in module._HOME.items()}
