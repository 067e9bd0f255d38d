"""Conformance kits: the laws of each contract as checks that raise AssertionError, for members of ncap and for your own.

There is one file per contract: methods, engines, targets, candidates, rules, scores, studies. `ncap verify` and the test suite run the
same code.

>>> from ncap.rules.last_seen import LastSeen
>>> from ncap import testing
>>> testing.check_rule(LastSeen())      # silent: every law holds
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; loaded on first use
    from ncap.testing.candidates import check_candidate as check_candidate
    from ncap.testing.engines import check_engine as check_engine
    from ncap.testing.methods import check_method as check_method
    from ncap.testing.rules import check_rule as check_rule
    from ncap.testing.scores import check_score as check_score
    from ncap.testing.studies import check_study as check_study
    from ncap.testing.targets import check_target as check_target

_HOME = {
    "check_candidate": "candidates",
    "check_engine": "engines",
    "check_method": "methods",
    "check_rule": "rules",
    "check_score": "scores",
    "check_study": "studies",
    "check_target": "targets",
}
__all__ = list(_HOME)


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'ncap.testing' has no attribute {name!r}; kits: {', '.join(__all__)}")
        return getattr(import_module(f"ncap.testing.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
