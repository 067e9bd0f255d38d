"""Networks of your own: a name, and a function that returns a fresh pre-trained body."""

import sys
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

from ncap.arguments import is_name
from ncap.candidates.contract import Candidate
from ncap.heads import head_of

if TYPE_CHECKING:
    import keras


class FactoryCandidate(Candidate):
    """A candidate of which nothing is known but how to build it.

    Args:
        name: what tables and stores call it.
        factory: takes no argument and returns a fresh pre-trained keras.Model, whose first layer takes raw images 0..255. A head is cut off
            where it is clear where the features end, and refused where it is not. It may also return a torch.nn.Module, or what
            `candidates.from_torch` makes of one, which says how its images are normalised.

    Raises: TypeError for a name that is not a text and for anything but such a function, a model itself among it.

    >>> FactoryCandidate("mine", lambda: None)
    FactoryCandidate('mine')
    """

    def __init__(self, name: str, factory: "Callable[[], keras.Model]") -> None:
        if not is_name(name) or not callable(factory):
            raise TypeError(
                f"candidates: {{name: function that returns a body}} is needed, got {{{name!r:.80}: {factory!r:.80}}}"
            )
        # A model is callable too; looked at without importing Keras.
        if hasattr(factory, "get_weights") or not _takes_no_argument(factory):
            raise TypeError(
                f"candidates: the function of {name!r} must take no argument and return a fresh body, got {factory!r:.80}; "
                "a model itself is passed as a function that builds it"
            )
        self.name, self.factory = name, factory

    def build(self) -> "keras.Model":
        """What the function returns; without its head, if it has one and it is clear where the features end, which `notes` then says."""
        model = self.factory()
        if (candidate := self._candidate(model)) is not None:
            body, self.notes = candidate.build(), candidate.notes
            return body
        if head_of(model):
            from ncap.candidates.cut import without_head

            model, self.notes = without_head(model)
        return model

    def _candidate(self, made: Any) -> Candidate | None:
        """What was made as a candidate, if it is one, or a module of PyTorch; a backend other than PyTorch is refused by name."""
        if isinstance(made, Candidate):
            return made
        torch = sys.modules.get("torch")
        if (
            torch is None or not isinstance(made, torch.nn.Module) or hasattr(made, "get_weights")
        ):  # Keras' own are both, on PyTorch
            return None
        from ncap.candidates.torch_modules import TorchCandidate

        return TorchCandidate(self.name, lambda: made)


def _takes_no_argument(factory: Callable[..., Any]) -> bool:
    try:
        signature(factory).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin, whose signature Python does not know
        return True
    return True
