"""The table of readings: each definition of beta_eff, where it comes from, and the methods that give it.

A *reading* is one of the definitions that the paper's text allows (MATHEMATICS.md, section 2). Whatever names, checks, takes, times or
verifies readings goes through this table; a new one is one line here and the module that computes it, under the contract of
`ncap.measure.method`. Importing the table loads no framework, no numba and no scipy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ncap.arguments import suggestion

if TYPE_CHECKING:
    import pandas as pd

    from ncap.reference.verdict import Reading

# Method -> where it is computed, cheapest first. The oracle reads a network in numpy, float64, and no Keras model.
CLOSED_FORM = {"closed_form": "ncap.measure.closed_form"}
NORMS = {"closed_form": "ncap.measure.norm_nodes"}
AUTODIFF = {"autodiff": "ncap.measure.autodiff"}
ORACLE = {"oracle": "ncap.reference"}

_WHY_NOT = {("autodiff", "strength"): "a gradient sums before |.| can be taken"}


@dataclass(frozen=True)
class Entry:
    """One reading.

    name: as in the tables, "interaction/strength/weighting", then "norms" and "batches64" where it is so; or a word of its own.
    summary, source: what it is, and where it is defined.
    methods: method -> module that computes it, cheapest first.
    definition: the interaction, strength, weighting and nodes that its Capacitance carries; by default the parts of the name.
    batch: None, or the number of samples of the mini-batches over which beta_eff is averaged.

    >>> READINGS["hessian/signed/unit"].method_for()
    'autodiff'
    >>> READINGS["gradient"].definition, READINGS["gradient/batches64"].batch
    (('gradient', 'magnitude', 'relative'), 64)
    """

    name: str
    summary: str
    source: str
    methods: Mapping[str, str]
    definition: tuple[str, ...] = field(default=())
    batch: int | None = None

    def __post_init__(self) -> None:
        """Take the definition from the name where none is given."""
        object.__setattr__(self, "definition", self.definition or tuple(self.name.split("/")))

    @property
    def parts(self) -> "Reading":
        """The definition as the verdict reads it."""
        from ncap.reference.verdict import Reading

        return Reading(*self.definition)

    @property
    def model_methods(self) -> dict[str, str]:
        """The methods that read a Keras model: all but the oracle."""
        return {method: module for method, module in self.methods.items() if method not in ORACLE}

    @property
    def needs_norms(self) -> bool:
        """Whether it reads the probe's norms as nodes, and so a probe with norms only."""
        return "norms" in self.definition

    def method_for(self, method: str | None = None) -> str:
        """The method itself where it gives this reading of a Keras model, the cheapest that does where it is None.

        Raises: ValueError for a method that is unknown or does not give the reading, and for a reading that only the oracle has.

        >>> READINGS["hessian/signed/unit"].method_for("closed_form")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: reading 'hessian/signed/unit': method='closed_form' gives interaction='explicit' only; use method='autodiff'...
        """
        if method is not None and method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, got {method!r:.80}")
        if not self.model_methods:
            raise ValueError(
                f"reading {self.name!r} is taken by the oracle alone, from a P built entry by entry: use ncap.reference.capacitance "
                f"on an MLP of at most 2,000 weights, or another reading: `ncap readings` (ncap.list_readings()) says which have a method"
            )
        if method is None:
            return next(iter(self.model_methods))
        if method not in self.model_methods:
            raise ValueError(f"reading {self.name!r}: {_not_given(self, method)}")
        return method


BATCH = 64  # samples of a mini-batch, where beta_eff of mini-batches is averaged


def _table(*entries: Entry) -> dict[str, Entry]:
    """Every reading, and behind them the mean over mini-batches of each that can be taken of a Keras model."""
    averaged = [_of_batches(entry) for entry in entries if entry.model_methods]
    return {entry.name: entry for entry in (*entries, *averaged)}


def _of_batches(entry: Entry) -> Entry:
    """The reading as a loop over mini-batches gives it: the mean of their beta_eff, which is not beta_eff of all samples."""
    summary = f"mean over mini-batches of {BATCH} in training order of {entry.name}"
    return Entry(f"{entry.name}/batches{BATCH}", summary, entry.source, entry.model_methods, entry.definition, BATCH)


_SECTION = "MATHEMATICS.md, section 2"
_ALL = CLOSED_FORM | AUTODIFF | ORACLE
READINGS: dict[str, Entry] = _table(
    Entry("explicit/magnitude/unit", "the line graph's links, |.| of each impact: nothing cancels", _SECTION, CLOSED_FORM | ORACLE),
    Entry("explicit/magnitude/relative", "the same of relative changes, diag|w| P diag|w|", f"{_SECTION}; T7", CLOSED_FORM | ORACLE),
    Entry("explicit/signed/unit", "the line graph's links, P by the letter of Eq. 7", _SECTION, _ALL),
    Entry("explicit/signed/relative", "the same of relative changes, diag(w) P diag(w)", f"{_SECTION}; T7 (a)", _ALL),
    Entry("hessian/signed/unit", "second derivatives of the loss by weights of adjacent layers", _SECTION, AUTODIFF | ORACLE),
    Entry("hessian/signed/relative", "the same of relative changes, diag(w) P diag(w)", f"{_SECTION}; T7", AUTODIFF | ORACLE),
    Entry("hessian/magnitude/unit", "|.| of every sample's second derivatives, for at most 2,000 weights", _SECTION, ORACLE),
    Entry("hessian/magnitude/relative", "the same of relative changes, diag|w| P diag|w|", f"{_SECTION}; T7", ORACLE),
    Entry("explicit/magnitude/unit/norms", "norms' scales and shifts as nodes between the kernels, in magnitude", _SECTION, NORMS | ORACLE),
    Entry("explicit/signed/unit/norms", "the same by the letter of Eq. 7, in a chain of Keras' layers", _SECTION, NORMS | ORACLE),
    Entry("hessian/signed/unit/norms", "second derivatives by neighbours in the chain of kernels and norms", _SECTION, AUTODIFF | ORACLE),
    Entry("full_hessian/signed/unit", "second derivatives by all parameters of the probe: |H 1|^2 / 1'H 1", _SECTION, AUTODIFF | ORACLE),
    Entry("gradient", "from w dC/dw alone: no pole, 0 at stationary points", "T7 (b)", _ALL, ("gradient", "magnitude", "relative")),
)  # fmt: skip

# Every method that reads a Keras model, cheapest first.
METHODS = tuple(dict.fromkeys(method for entry in READINGS.values() for method in entry.model_methods))

# The parts that a reading may be named by, and what each may be; "gradient" has no such parts.
PARTS = ("interaction", "strength", "weighting", "nodes")
_VALUES = {
    "interaction": ("explicit", "hessian", "full_hessian"),
    "strength": ("signed", "magnitude"),
    "weighting": ("unit", "relative"),
    "nodes": ("kernels", "norms"),
}


def names(of_models: bool = False) -> list[str]:
    """The names of all readings, or of those that can be taken of a Keras model.

    >>> len(names()), len(names(of_models=True))
    (24, 22)
    """
    return [name for name, entry in READINGS.items() if entry.model_methods or not of_models]


def check(name: Any) -> Entry:
    """The reading of that name.

    Raises: TypeError for a value that is not text, ValueError for an unknown name, with the nearest known one.

    >>> check("explicit/magnitud/unit")
    Traceback (most recent call last):
    ValueError: unknown reading 'explicit/magnitud/unit'; did you mean 'explicit/magnitude/unit'? `ncap readings` lists all 24
    """
    if not isinstance(name, str):
        raise TypeError(f"reading must be a name such as 'explicit/magnitude/unit', got {name!r:.80}")
    if name not in READINGS:
        raise ValueError(
            f"unknown reading {name!r:.80}; {suggestion(name, names())}`ncap readings` lists all {len(READINGS)}"
        )
    return READINGS[name]


def of(
    interaction: str = "explicit", strength: str = "magnitude", weighting: str = "unit", nodes: str = "kernels"
) -> str:
    """The name of the reading with these parts.

    Raises: ValueError, naming the part, for a value that a part does not have, and for parts that do not go together.

    >>> of("hessian", "signed")
    'hessian/signed/unit'
    >>> of(strength="loud")
    Traceback (most recent call last):
    ValueError: strength must be one of 'signed', 'magnitude', got 'loud'
    """
    parts = (interaction, strength, weighting, nodes)
    for part, value in zip(PARTS, parts, strict=True):
        allowed = _VALUES[part]
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"{part} must be one of {', '.join(map(repr, allowed))}, got {value!r:.80}")
    name = "/".join(parts[:3] if nodes == "kernels" else parts)
    if name not in READINGS:
        raise ValueError(
            f"there is no reading {name!r}: full_hessian is signed, unit and of all parameters, and nodes='norms' goes with unit, and "
            "with signed for hessian; `ncap readings` lists those that there are"
        )
    return name


def chosen(
    reading: str | None = None,
    method: str | None = None,
    interaction: str | None = None,
    strength: str | None = None,
    weighting: str | None = None,
    nodes: str | None = None,
) -> tuple[Entry, str]:
    """The reading and the method that a call asks for: a reading by its name, or by its parts as 0.1 did.

    No method means the cheapest that gives the reading. By parts, a part that is None means explicit, unit, kernels, and magnitude, but
    signed for the method autodiff, for hessian and for full_hessian.

    Raises: TypeError or ValueError for an unknown name, part or method, for a part that contradicts the reading's name, and for a method
    that does not give the reading.

    >>> entry, method = chosen("hessian/signed/unit")
    >>> entry.name, method
    ('hessian/signed/unit', 'autodiff')
    >>> chosen(method="autodiff")[0].name, chosen(interaction="hessian")[0].name
    ('explicit/signed/unit', 'hessian/signed/unit')
    >>> chosen("gradient", strength="signed")
    Traceback (most recent call last):
    ValueError: reading='gradient' and strength='signed' contradict each other; pass the reading alone
    """
    parts = dict(zip(PARTS, (interaction, strength, weighting, nodes), strict=True))
    if reading is None:
        signed = method == "autodiff" or (method is None and interaction in ("hessian", "full_hessian"))
        defaults = ("explicit", "signed" if signed else "magnitude", "unit", "kernels")
        given = (default if part is None else part for part, default in zip(parts.values(), defaults, strict=True))
        entry = READINGS[of(*given)]
        # Of a reading that has no method but the oracle, the method's own limit is the nearer answer.
        if method in METHODS and method not in entry.methods:
            raise ValueError(_not_given(entry, method))
        return entry, entry.method_for(method)
    entry = check(reading)
    for (part, value), own in zip(parts.items(), entry.parts, strict=True):
        if value is not None and value != own:
            raise ValueError(
                f"reading={entry.name!r} and {part}={value!r:.80} contradict each other; pass the reading alone"
            )
    if method in METHODS and entry.model_methods and method not in entry.methods:
        raise ValueError(f"reading={entry.name!r}: {_not_given(entry, method)}")
    return entry, entry.method_for(method)


def _not_given(entry: Entry, method: str) -> str:
    """Why a method does not give a reading, in the first part whose value none of the method's readings has."""
    named = [other for other in READINGS.values() if other.parts.interaction in _VALUES["interaction"]]
    for index, part in enumerate(PARTS):
        values, wanted = dict.fromkeys(e.parts[index] for e in named if method in e.methods), entry.parts[index]
        if wanted not in values:
            others = [other for other in METHODS if any(e.parts[index] == wanted and other in e.methods for e in named)]
            why = f", {_WHY_NOT[method, part]}" if (method, part) in _WHY_NOT else ""
            remedy = f"use method={' or '.join(map(repr, others))} for {wanted!r}"
            return f"method={method!r} gives {part}={' or '.join(map(repr, values))} only{why}; {remedy}"
    return f"method={method!r} does not give reading {entry.name!r}; use method={entry.method_for()!r}"


def list_readings() -> "pd.DataFrame":
    """Every reading of beta_eff, the oracle's own included, in the order of the table.

    Returns: columns reading, summary, methods (cheapest first, separated by commas), source.

    >>> list_readings().loc[0, ["reading", "methods"]].tolist()
    ['explicit/magnitude/unit', 'closed_form, oracle']
    """
    import pandas as pd

    columns = ["reading", "summary", "methods", "source"]
    rows = [(entry.name, entry.summary, ", ".join(entry.methods), entry.source) for entry in READINGS.values()]
    return pd.DataFrame(rows, columns=columns)
