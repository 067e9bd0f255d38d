"""What a type checker is told of ncap: that it has types at all, and the same names as Python."""

import ast
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest


def test_type_checkers_are_told_that_the_package_has_types():
    assert files("ncap").joinpath("py.typed").is_file()


@pytest.mark.parametrize("package", ["ncap", "ncap.reference", "ncap.testing"])
def test_the_names_that_are_public_are_those_that_type_checkers_see(package):
    module = import_module(package)
    blocks = [
        node for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body if isinstance(node, ast.If)
    ]
    told = {alias.asname for node in blocks[0].body for alias in node.names}
    assert told == set(module.__all__) - {"__version__"}
    for node in blocks[0].body:
        for alias in node.names:
            assert getattr(module, alias.name) is getattr(import_module(node.module), alias.name)
