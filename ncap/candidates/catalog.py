"""The candidates that ncap knows by name, and what a description of candidates stands for. No framework is loaded here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from ncap.arguments import is_name, suggestion
from ncap.candidates import SOURCES
from ncap.candidates.contract import Candidate
from ncap.candidates.factory import FactoryCandidate

if TYPE_CHECKING:
    import keras
    import pandas as pd

Factory = Callable[[], "keras.Model"]


def names() -> list[str]:
    """The candidates that can be listed, of every collection; each once, although it may belong to several.

    >>> names()[:2], "ResNet50" in names()
    (['plain', 'batch_norm'], True)
    """
    return list(dict.fromkeys(name for source in SOURCES.members().values() for name in source.names()))


class Description(NamedTuple):
    """What is known of a candidate without building it; see `Candidate`, whose attributes these are. `weights` says where they are."""

    name: str
    family: str
    source: str
    parameters: int | None
    multiply_adds: int | None
    input: tuple[int | None, int | None, int] | None
    licence: str
    weights: str

    @classmethod
    def of(cls, one: Candidate) -> Self:
        """What a candidate says of itself."""
        return cls(
            one.name,
            one.family,
            one.source,
            one.parameters,
            one.multiply_adds,
            one.input_shape,
            one.licence,
            one.weights(),
        )


def describe(spec: str | Sequence[str] | None = None) -> list[Description]:
    """What is known of candidates without building any: of those that `spec` stands for, or of all that are listed.

    Raises: as `resolve` does.

    >>> describe("mini")[0][:4]
    ('plain', 'VGG', 'fashion_mnist', 23296)
    """
    return [Description.of(one) for one in resolve(names() if spec is None else spec).values()]


def list_candidates(spec: str | Sequence[str] | None = None) -> "pd.DataFrame":
    """The candidates that can be named, a row each; where a number or a word is not known, its cell is empty.

    Columns: name, family, source (the data set that it was trained on), parameters, multiply_adds (of one image), input ("h x w x c"),
    licence (of the weights), weights ("at hand", "to download" or "missing").

    Args:
        spec: a collection or candidates, as `ncap.rank` takes their names; None lists every collection.

    Raises: TypeError or ValueError for a name that cannot be used.

    >>> list_candidates("plain,mlp")[["name", "family", "parameters", "input", "weights"]]
        name                 family  parameters        input  weights
    0  plain                    VGG       23296  16 x 16 x 1  at hand
    1    mlp  multilayer perceptron       51488  16 x 16 x 1  at hand
    """
    import pandas as pd

    table = pd.DataFrame(describe(spec), columns=Description._fields)
    counts = {name: table[name].astype("Int64") for name in ("parameters", "multiply_adds")}
    return table.assign(**counts, input=[_shape(one) for one in table["input"]])


def resolve(spec: str | Sequence[str] | Mapping[str, Factory | Candidate] | Candidate) -> dict[str, Candidate]:
    """The candidates that `spec` stands for, by name, in its order.

    spec: a collection such as "mini", a candidate's name, either with ":random" behind it for untrained weights, several of these in a
    list or separated by commas, a dictionary {name: function that returns a fresh body, or Candidate}, or one Candidate. Raises
    ValueError for an unknown name, with the nearest known one, and where there is no candidate at all; TypeError for anything else.

    >>> list(resolve("mini")) == names()[:10]
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
        chosen = _by_name([one for word in words for one in _named(word.strip())])
    if not chosen:
        raise ValueError(f"candidates: at least one is needed, got {spec!r}")
    return chosen


def _by_name(named: list[Candidate]) -> dict[str, Candidate]:
    """Each candidate once. Raises ValueError where two differ and have one name, such as two files, and for a name of odd bytes."""
    chosen: dict[str, Candidate] = {}
    for one in named:
        if not is_name(one.name):
            raise ValueError(
                f"candidates: the name {one.name!r} cannot be written as UTF-8; name it yourself, ncap.rank({{name: candidate}}, ...)"
            )
        other = chosen.setdefault(one.name, one)
        if type(other) is not type(one) or vars(other) != vars(one):
            raise ValueError(
                f"candidates: two different ones are called {one.name!r}; rename a file, or name them yourself, "
                "ncap.rank({name: candidate}, ...)"
            )
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
    listed = [name for name, source in sources.items() if source.names()]
    collections = ", ".join(f"{name} (all of them)" for name in listed)
    raise ValueError(
        f"unknown candidate {word!r:.80}; {suggestion(word, [*listed, *names()])}known: {collections}, and their members, which "
        "`ncap models` lists; a network of your own is path/model.keras, NAME=weights.h5 with the name of one of these, "
        "package.module:function, or passed from Python, ncap.rank({name: function}, ...)"
    )


def _shape(shape: tuple[int | None, int | None, int] | None) -> str:
    return "" if shape is None else " x ".join("any" if side is None else str(side) for side in shape)
