"""The candidates that ncap knows by name. What is listed here is read from the card beside the weights, without Keras."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import suggestion

if TYPE_CHECKING:
    import keras

Factory = Callable[[], "keras.Model"]

WEIGHTS = Path(__file__).parent / "weights"
_COLLECTION = "mini"


@cache
def card() -> dict[str, Any]:
    """How the shipped weights were trained, and name, family, size and accuracy of each candidate (weights/mini.json)."""
    return dict(json.loads((WEIGHTS / f"{_COLLECTION}.json").read_text(encoding="utf-8")))


def names() -> list[str]:
    """The candidates that can be named.

    >>> len(names())
    10
    """
    return list(card()["candidates"])


def describe() -> list[tuple[str, str, int, tuple[int, int, int]]]:
    """Per candidate: name, family, number of parameters, input shape.

    >>> describe()[0]
    ('plain', 'VGG', 23296, (16, 16, 1))
    """
    return [
        (name, entry["family"], entry["parameters"], tuple(entry["input_shape"]))
        for name, entry in card()["candidates"].items()
    ]


def resolve(spec: str | Sequence[str] | Mapping[str, Factory]) -> dict[str, Factory]:
    """The candidates that `spec` stands for: {name: () -> a fresh pre-trained body without head}.

    spec: the collection "mini", a candidate's name, several of these in a list or separated by commas, or a dictionary of
    factories, which is passed through. Raises ValueError for an unknown name, with the nearest known one, and for none at all.

    >>> resolve("mini").keys() == set(names())
    True
    """
    if isinstance(spec, Mapping):
        chosen = dict(spec)
        for name, factory in chosen.items():
            if not isinstance(name, str) or not name or not callable(factory):
                raise TypeError(
                    f"candidates: {{name: function that returns a body}} is needed, got {{{name!r:.80}: {factory!r:.80}}}"
                )
            # A model is callable too; looked at without importing Keras.
            if hasattr(factory, "get_weights") or not _takes_no_argument(factory):
                raise TypeError(
                    f"candidates: the function of {name!r} must take no argument and return a fresh body, got {factory!r:.80}; "
                    "a model itself is passed as a function that builds it"
                )
    else:
        words = spec.split(",") if isinstance(spec, str) else spec
        if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
            raise TypeError(
                f"candidates: a list of names, or {{name: function that returns a body}}, is needed, got {spec!r:.80}"
            )
        chosen = {name: partial(load, name) for word in words for name in _expand(word.strip())}
    if not chosen:
        raise ValueError(f"candidates: at least one is needed, got {spec!r}")
    return chosen


def load(name: str) -> "keras.Model":
    """A fresh copy of the pre-trained body `name`; needs Keras, on any backend."""
    from ncap.models.hdf5 import load_weights
    from ncap.models.mini import BODIES

    _, body = BODIES[name]
    model = body()
    load_weights(model, WEIGHTS / f"{name}.h5")
    return model


def _takes_no_argument(factory: Callable[..., Any]) -> bool:
    try:
        signature(factory).bind()
    except TypeError:
        return False
    except ValueError:  # a builtin, whose signature Python does not know
        return True
    return True


def _expand(word: str) -> list[str]:
    if word == _COLLECTION:
        return names()
    if word in names():
        return [word]
    known = [_COLLECTION, *names()]
    raise ValueError(
        f"unknown candidate {word!r:.80}; {suggestion(word, known)}known: {_COLLECTION} (all of them), {', '.join(names())}; "
        "networks of your own are passed from Python, ncap.rank({name: function}, ...)"
    )
