"""The candidates that ncap knows by name, and what a description of candidates stands for. No framework is loaded here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ncap.arguments import suggestion
from ncap.candidates import SOURCES
from ncap.candidates.contract import Candidate
from ncap.candidates.factory import FactoryCandidate

if TYPE_CHECKING:
    import keras
    import pandas as pd

Factory = Callable[[], "keras.Model"]


def names() -> list[str]:
    """The candidates that can be named, of every collection.

    >>> len(names())
    10
    """
    return [name for source in SOURCES.members().values() for name in source.names()]


def describe() -> list[tuple[str, str, str, int | None, tuple[int | None, int | None, int] | None]]:
    """Per candidate: name, family, source, number of parameters, input shape (h, w, c); None where it is not known.

    >>> describe()[0]
    ('plain', 'VGG', 'fashion_mnist', 23296, (16, 16, 1))
    """
    return [(one.name, one.family, one.source, one.parameters, one.input_shape) for one in resolve(names()).values()]


def list_candidates() -> "pd.DataFrame":
    """The candidates that can be named: columns name, family, source (data set), parameters, input ("h x w x c").

    >>> list_candidates().loc[[0, 9], ["name", "family", "parameters", "input"]]
        name                 family  parameters        input
    0  plain                    VGG       23296  16 x 16 x 1
    9    mlp  multilayer perceptron       51488  16 x 16 x 1
    """
    import pandas as pd

    table = pd.DataFrame(describe(), columns=["name", "family", "source", "parameters", "input"])
    return table.assign(parameters=table["parameters"].astype("Int64"), input=[_shape(one) for one in table["input"]])


def resolve(spec: str | Sequence[str] | Mapping[str, Factory | Candidate] | Candidate) -> dict[str, Candidate]:
    """The candidates that `spec` stands for, by name, in its order.

    spec: a collection such as "mini", a candidate's name, either with ":random" behind it for untrained weights, several of these in a
    list or separated by commas, a dictionary {name: function that returns a fresh body, or Candidate}, or one Candidate. Raises
    ValueError for an unknown name, with the nearest known one, and where there is no candidate at all; TypeError for anything else.

    >>> list(resolve("mini")) == names()
    True
    """
    if isinstance(spec, Candidate):
        return {spec.name: spec}
    if isinstance(spec, Mapping):
        chosen = {
            name: own if isinstance(own, Candidate) else FactoryCandidate(name, own) for name, own in spec.items()
        }
    else:
        words = spec.split(",") if isinstance(spec, str) else spec
        if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
            raise TypeError(
                f"candidates: a list of names, or {{name: function that returns a body}}, is needed, got {spec!r:.80}"
            )
        chosen = {one.name: one for word in words for one in _named(word.strip())}
    if not chosen:
        raise ValueError(f"candidates: at least one is needed, got {spec!r}")
    return chosen


def _named(word: str) -> list[Candidate]:
    name, colon, suffix = word.rpartition(":")
    if colon and suffix == "random":
        return [one.untrained() for one in _named(name)]
    sources = SOURCES.members()
    if word in sources and sources[word].names():
        return [sources[word].candidate(name) for name in sources[word].names()]
    for source in sources.values():
        if source.accepts(word):
            return [source.candidate(word)]
    collections = ", ".join(f"{name} (all of them)" for name in sources)
    raise ValueError(
        f"unknown candidate {word!r:.80}; {suggestion(word, [*sources, *names()])}known: {collections}, {', '.join(names())}; "
        "networks of your own are passed from Python, ncap.rank({name: function}, ...)"
    )


def _shape(shape: tuple[int | None, int | None, int] | None) -> str:
    return "" if shape is None else " x ".join("any" if side is None else str(side) for side in shape)
