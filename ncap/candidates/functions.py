"""Functions that build a network, named as "package.module:function"; the current folder is searched too, as by `python -m`."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import suggestion
from ncap.candidates.contract import Candidate
from ncap.candidates.factory import FactoryCandidate

if TYPE_CHECKING:
    import keras

_FORM = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")


class FunctionCandidate(Candidate):
    """What a function of a module builds, called "package.module:function". The module is imported when it is first built."""

    def __init__(self, name: str) -> None:
        self.name = name

    def build(self) -> "keras.Model":
        """What the function returns, without its head; see FactoryCandidate.

        Raises ValueError where the module has no such function, and whatever importing it raises.
        """
        factory = FactoryCandidate(self.name, self._function())
        body = factory.build()
        self.notes = factory.notes
        return body

    def _function(self) -> Callable[[], Any]:
        module_name, _, function = self.name.partition(":")
        with _current_folder():
            module = importlib.import_module(module_name)
        found = getattr(module, function, None)
        if not callable(found):
            known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise ValueError(
                f"candidate {self.name!r}: module {module_name!r} has no function {function!r}; {suggestion(function, known)}".rstrip(
                    "; "
                )
            )
        return found


class Functions:
    """Words of the form module:function.

    >>> FUNCTIONS.accepts("nets.small:build"), FUNCTIONS.accepts("nets.small")
    (True, False)
    """

    def names(self) -> list[str]:
        """None: any function can be named."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether it has the form; the module may be missing."""
        return _FORM.fullmatch(word) is not None

    def candidate(self, word: str) -> FunctionCandidate:
        """The function of that name. Raises ValueError where there is no such module; nothing is imported."""
        form = _FORM.fullmatch(word)
        package = form["module"].partition(".")[0] if form else ""
        with _current_folder():
            found = package in sys.modules or importlib.util.find_spec(package) is not None
        if not found:
            raise ValueError(
                f"candidate {word!r}: there is no module {package!r} in {str(Path.cwd())!r} or among the installed packages; "
                "a function of your own is named package.module:function"
            )
        return FunctionCandidate(word)


FUNCTIONS = Functions()


@contextmanager
def _current_folder() -> Iterator[None]:
    """Within the block, modules of the current folder can be imported; what is installed comes first."""
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
