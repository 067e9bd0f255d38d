"""A job and the one list of its settings, from which the keywords of rank(), the command's options, the checks and the stored JSON follow.

A setting is a field of Job: a name and a default, with its help, its check, its form on the command line and whether it changes what
training does in the metadata. Nothing here loads a framework or numba, so a mistyped setting is reported at once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import wraps
from inspect import Parameter, signature
from numbers import Real
from typing import Any, NamedTuple

from ncap import metrics
from ncap.arguments import (
    duration,
    hidden_widths,
    one_of,
    part_size,
    rate,
    relative_error,
    seed_number,
    suggestion,
    switch,
    whole_number,
)

DEFAULT_READING = "explicit/magnitude/unit"


def setting(
    default: Any,
    help: str,
    check: Callable[[str, Any], Any],
    *,
    stored: str = "always",
    cli: Mapping[str, Any] | None = None,
) -> Any:
    """A field of Job.

    Args:
        help: one sentence, for the docstring of rank() and for --help.
        check: (name, value) -> the value in its plain type; raises an error that names the setting.
        stored: for a setting that changes what training does, "always" or "changed" (only if it differs from the default, so that a new
            setting leaves the hash of older jobs as it was); for the rest, "no".
        cli: its form on the command line: "least" for whole numbers, "flags" for a switch, "numbers" for a list of numbers, {} for text
            or a number; None if the command line does not offer it.
    """
    return field(default=default, metadata={"help": help, "check": check, "stored": stored, "cli": cli})


def _positive(name: str, value: Any) -> int:
    return whole_number(name, value, least=1)


def _seed(name: str, value: Any) -> int:
    return seed_number(value)


def _widths(name: str, value: Any) -> tuple[int, ...]:
    return hidden_widths(value)


def _learning_rate(name: str, value: Any) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def _optimizer(name: str, value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, Mapping) and "class_name" in value):
        return value
    raise TypeError(
        f"{name} must be a name such as 'adam' or keras.optimizers.serialize(optimizer), which can be written to a store, "
        f"got {value!r:.80}"
    )


def _readings(name: str, value: Any) -> tuple[str, ...]:
    from ncap.measure.readings import check

    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words) or not words:
        raise TypeError(f"{name} must be a list of readings such as [{DEFAULT_READING!r}], got {value!r:.80}")
    for word in words:
        try:
            check(word).method_for()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if len(set(words)) < len(words):
        raise ValueError(f"{name}: name every reading once, got {list(words)}")
    return tuple(words)


UNLIMITED = 10_000  # epochs of a run that its budget ends
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
AUGMENTATIONS = ("flip", "crop")


def _augmentations(name: str, value: Any) -> tuple[str, ...]:
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"{name} must be a list of {' and '.join(AUGMENTATIONS)}, or empty, got {value!r:.80}")
    for word in words:
        one_of(name, word, AUGMENTATIONS)
    return tuple(kind for kind in AUGMENTATIONS if kind in words)  # "crop, flip" is the same job as "flip, crop"


def _ticks(name: str, value: Any) -> tuple[int, ...]:
    counts = (value,) if not isinstance(value, Sequence) or isinstance(value, str) else value
    if not counts:
        raise ValueError(
            f"{name} must be a whole number, or several of which the last repeats, such as (4, 1), got {value!r}"
        )
    checked = [whole_number(name, count, least=1) for count in counts]
    while len(checked) > 1 and checked[-1] == checked[-2]:  # (4, 1, 1) is (4, 1)
        checked.pop()
    return tuple(checked)


class Place(NamedTuple):
    """Where a tick lies: after part `part` of the `parts` parts of epoch `epoch`; all are counted from 1."""

    epoch: int
    part: int
    parts: int

    @property
    def epochs(self) -> float:
        """The epochs trained up to this tick.

        >>> Place(2, 1, 4).epochs
        1.25
        """
        return self.epoch - 1 + self.part / self.parts


@dataclass(frozen=True)
class Job:
    """How every candidate of a job is trained and read.

    `interaction`, `strength` and `weighting` describe one reading in three words; `readings` lists any number of them by name.

    Raises: ValueError for a value out of range, TypeError for a value of the wrong kind.

    >>> Job(epochs=0)
    Traceback (most recent call last):
    ValueError: epochs must be a whole number of at least 1, got 0
    >>> Job(ticks_per_epoch=(2, 1), epochs=2).places()
    [Place(epoch=1, part=1, parts=2), Place(epoch=1, part=2, parts=2), Place(epoch=2, part=1, parts=1)]
    """

    epochs: int = setting(
        5, "Epochs to observe; the rule capacitance needs 4.", _positive, stored="no", cli={"least": 1}
    )
    budget: float | str | None = setting(
        None,
        "Time that every candidate gets in place of epochs, for the training and readings of all its runs, such as 30min; such a ranking "
        "cannot be reproduced.",
        lambda name, value: None if value is None else duration(name, value),
        stored="no",
        cli={},
    )
    runs: int = setting(1, "Trainings per candidate.", _positive, stored="no", cli={"least": 1})
    seed: int = setting(0, "Seed of splits, probes, sample order and dropout.", _seed, cli={"least": 0})
    optimizer: str | Mapping[str, Any] = setting(
        "adam",
        "Name of a Keras optimizer; from Python also what keras.optimizers.serialize returns, with the same learning_rate.",
        _optimizer,
        cli={},
    )
    learning_rate: float = setting(1e-3, "Learning rate of the optimizer.", _learning_rate, cli={})
    batch_size: int = setting(64, "Training samples per step.", _positive, cli={"least": 1})
    frozen: bool = setting(
        True,
        "Keep the probe as it was initialised and train only the body, or train both.",
        switch,
        cli={"flags": "--frozen/--trained"},
    )
    hidden: Sequence[int] = setting(
        (256, 128), "Widths of the probe's hidden layers, two or more.", _widths, cli={"numbers": True}
    )
    dropout: float = setting(0.4, "Dropout rate in the probe.", rate, cli={})
    batch_norm: bool = setting(
        True,
        "Whether the probe's hidden layers have batch norm.",
        switch,
        cli={"flags": "--batch-norm/--no-batch-norm"},
    )
    norm_momentum: float = setting(0.9, "Momentum of the probe's batch norm.", rate, cli={})
    ticks_per_epoch: int | Sequence[int] = setting(
        1,
        "Observations per epoch: one number, or one per epoch of which the last repeats, such as 4,1.",
        _ticks,
        stored="changed",
        cli={"numbers": True},
    )
    size: int | None = setting(
        None,
        "Side of the square images that candidates are given, for those that take several sizes.",
        lambda name, value: None if value is None else _positive(name, value),
        stored="changed",
        cli={"least": 1},
    )
    augment: Sequence[str] = setting(
        (),
        "Random changes of the training images: flip (left to right; not for digits or letters), crop (moved by up to an eighth).",
        _augmentations,
        stored="changed",
        cli={},
    )
    metric: str = setting(
        "accuracy",
        "What counts as accuracy: accuracy, balanced_accuracy (mean recall of the classes) or macro_f1.",
        metrics.checked,
        stored="changed",
        cli={},
    )
    threads: int | None = setting(
        None,
        "Threads that the framework computes a run with, in every engine; part of the settings, as they change last digits.  "
        "[default: the framework's own choice]",
        lambda name, value: None if value is None else _positive(name, value),
        stored="changed",
        cli={"least": 1},
    )
    precision: str | None = setting(
        None,
        "Precision that candidates are built and trained in: float32, mixed_bfloat16 or mixed_float16; beta_eff is read in float32.  "
        "[default: Keras' own, float32]",
        lambda name, value: None if value is None else one_of(name, value, PRECISIONS),
        stored="changed",
        cli={},
    )
    validation: float | int | None = setting(
        None,
        "Validation images split off data that has no such part: a share below 1, or a number.  [default: 0.2]",
        part_size,
        stored="no",
        cli={},
    )
    test: float | int | None = setting(
        None,
        "Test images split off likewise.  [default: 0.2 of data that is one part, else none]",
        part_size,
        stored="no",
        cli={},
    )
    on_bad: str = setting(
        "fail",
        "What to do with damaged files in a folder of images: fail, naming them, or skip them.",
        lambda name, value: one_of(name, value, ("fail", "skip")),
        stored="no",
        cli={},
    )
    readings: Sequence[str] = setting(
        (),
        f"Readings of beta_eff at every tick; the rule uses the first. `ncap readings` lists the names.  [default: {DEFAULT_READING}]",
        _readings,
        stored="no",
        cli={},
    )
    error: float | None = setting(
        None,
        "Wanted standard error of every reading, relative to beta_eff, such as 0.01: a stratified sample grows to it; not of "
        "second derivatives and mini-batches.  [default: none; at most 4096 samples are read]",
        lambda name, value: None if value is None else relative_error(value),
        stored="no",
        cli={},
    )
    interaction: str = setting(
        "explicit",
        "explicit or hessian; with the next two, describes a single reading.",
        lambda _, v: v,
        stored="no",
        cli={},
    )
    strength: str = setting("magnitude", "magnitude or signed.", lambda _, v: v, stored="no", cli={})
    weighting: str = setting("unit", "unit or relative.", lambda _, v: v, stored="no", cli={})

    def __post_init__(self) -> None:
        """Check every setting and convert it to its plain type."""
        object.__setattr__(self, "readings", _all_readings(self))
        for each in fields(self):
            checked = each.metadata["check"](each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, checked)
        _check_norms(self)
        _check_error(self)
        if self.budget is not None:
            if self.epochs not in (settings()["epochs"].default, UNLIMITED):
                raise ValueError(
                    f"budget takes the place of epochs, got budget={self.budget:g} seconds and epochs={self.epochs}; pass one of them"
                )
            object.__setattr__(self, "epochs", UNLIMITED)

    @property
    def seconds_per_run(self) -> float | None:
        """What a run may take of its candidate's budget; None without one.

        >>> Job(budget="30min", runs=2).seconds_per_run
        900.0
        """
        return None if self.budget is None else float(self.budget) / self.runs

    def places(self) -> list[Place]:
        """The ticks of a run, in order."""
        counts = self.ticks_per_epoch
        assert isinstance(counts, tuple)
        per_epoch = [counts[min(epoch, len(counts)) - 1] for epoch in range(1, self.epochs + 1)]
        return [
            Place(epoch, part, parts) for epoch, parts in enumerate(per_epoch, start=1) for part in range(1, parts + 1)
        ]

    def parameters(self, backend: str, target: str) -> dict[str, Any]:
        """Everything that changes what training does, as JSON values; not how long, how often, or what is read.

        backend: that of Keras; target: the fingerprint of the data.

        >>> sorted(Job().parameters("tensorflow", "0123"))[:4], "ticks_per_epoch" in Job(ticks_per_epoch=2).parameters("", "")
        (['backend', 'batch_norm', 'batch_size', 'dropout'], True)
        """
        own = {}
        for each in fields(self):
            value, stored = getattr(self, each.name), each.metadata["stored"]
            if stored == "always" or (stored == "changed" and value != each.metadata["check"](each.name, each.default)):
                own[each.name] = value
        return own | {"backend": backend, "target": target}


def _all_readings(job: Job) -> Any:
    """The readings as given, or the one that interaction, strength and weighting describe; ValueError if they describe another."""
    from ncap.measure.readings import READINGS, of

    parts = (job.interaction, job.strength, job.weighting)
    if not job.readings:
        if not READINGS[of(*parts)].model_methods:
            raise ValueError(
                f"interaction={job.interaction!r} can be read with strength='signed' only, got {job.strength!r}"
            )
        return (of(*parts),)
    if "/".join(map(str, parts)) != DEFAULT_READING and of(*parts) not in job.readings:
        raise ValueError(
            f"readings is {job.readings!r:.80}, but interaction, strength and weighting describe {of(*parts)!r}; pass one or the other"
        )
    return job.readings


def _check_norms(job: Job) -> None:
    """Raise ValueError for a reading of the probe's norms where the probe gets none."""
    from ncap.measure.readings import READINGS

    needing = [name for name in job.readings if READINGS[name].needs_norms]
    if needing and not job.batch_norm:
        raise ValueError(
            f"reading {needing[0]!r} has the norms of the probe as nodes, and batch_norm=False leaves them out; leave the reading out, or "
            "use batch_norm=True"
        )


def _check_error(job: Job) -> None:
    """Raise ValueError where an error is wanted of a reading that has none."""
    if job.error is None:
        return
    from ncap.measure.readings import READINGS
    from ncap.measure.sample import check_error

    for name in job.readings:
        check_error(job.error, READINGS[name], READINGS[name].method_for())


def settings() -> dict[str, "Field[Any]"]:
    """The fields of Job, by name: the one list of settings."""
    return {each.name: each for each in fields(Job)}


def check_names(names: Sequence[str]) -> None:
    """Raise TypeError for a keyword that is not a setting, with the nearest one."""
    for name in names:
        if name not in settings():
            raise TypeError(
                f"unknown setting {name!r}; {suggestion(name, list(settings()))}the settings are {', '.join(settings())}"
            )


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that takes **settings the signature and the documentation of every setting.

    The line `{settings}` in its docstring becomes one line per setting.
    """
    own = signature(function)
    kept = [each for each in own.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    added = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None if each.default is MISSING else each.default,
            annotation=each.type,
        )
        for name, each in settings().items()
    ]
    lines = "\n".join(f"        {name}: {each.metadata['help']}" for name, each in settings().items())

    @wraps(function)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        check_names([name for name in keywords if name not in own.parameters])
        return function(*arguments, **keywords)

    checked.__doc__ = (function.__doc__ or "").replace("        {settings}", lines)
    checked.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
    return checked
