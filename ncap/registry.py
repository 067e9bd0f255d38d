"""Registries: the names of a contract's members, and where each member is defined.

Candidates, targets, engines, scores, rules and figures each have a folder whose `__init__` holds a Registry with one line per member. A
member is imported when it is first asked for, so that listing names costs nothing.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

from ncap.arguments import suggestion

Member = TypeVar("Member")


class Registry(Generic[Member]):
    """The members of one contract, by name.

    Args:
        kind: what a member is called in messages, such as "rule".
        homes: name -> "module:attribute" of the member.

    >>> rules = Registry("rule", {"last_seen": "ncap.rules.last_seen:LastSeen"})
    >>> rules.names()
    ['last_seen']
    >>> rules.get("last_sen")
    Traceback (most recent call last):
    ValueError: unknown rule 'last_sen'; did you mean 'last_seen'? known: last_seen
    """

    def __init__(self, kind: str, homes: Mapping[str, str]) -> None:
        self.kind, self._homes = kind, dict(homes)

    def names(self) -> list[str]:
        """The registered names, in the order of registration."""
        return list(self._homes)

    def __contains__(self, name: object) -> bool:
        """Whether a name is registered."""
        return name in self._homes

    def check(self, name: Any, also: str = "") -> str:
        """The name itself if it is known; nothing is imported. `also` ends the error message and says what else may be passed.

        Raises: TypeError for anything but text, ValueError for an unknown name, with the nearest known one.
        """
        if not isinstance(name, str):
            raise TypeError(f"{self.kind} must be a name, got {name!r:.80}; known: {', '.join(self._homes)}{also}")
        if name not in self._homes:
            nearest = suggestion(name, self.names())
            raise ValueError(f"unknown {self.kind} {name!r:.80}; {nearest}known: {', '.join(self._homes)}{also}")
        return name

    def get(self, name: Any) -> Member:
        """The member of that name, imported on the spot. Raises as `check` does."""
        module, _, attribute = self._homes[self.check(name)].partition(":")
        member: Member = getattr(import_module(module), attribute)
        return member

    def members(self) -> dict[str, Member]:
        """All members by name, imported on the spot."""
        return {name: self.get(name) for name in self._homes}
