"""How numbers are written for a person: accuracies with three decimals, what is missing as a dash."""

import math

MISSING = "-"


def accuracy(value: float) -> str:
    """An accuracy in 0..1.

    >>> accuracy(0.91249), accuracy(float("nan"))
    ('0.912', '-')
    """
    return f"{value:.3f}" if _present(value) else MISSING


def with_deviation(value: float, std: float) -> str:
    """An accuracy and its standard deviation.

    >>> with_deviation(0.9, 0.012), with_deviation(0.9, float("nan"))
    ('0.900 ± 0.012', '0.900')
    """
    return f"{accuracy(value)} ± {std:.3f}" if _present(value) and _present(std) else accuracy(value)


def between(low: float, high: float) -> str:
    """The ends of a range of accuracies.

    >>> between(0.9, 0.95)
    '0.900-0.950'
    """
    return f"{accuracy(low)}-{accuracy(high)}"


def signed(value: float) -> str:
    """A difference of accuracies.

    >>> signed(0.0123), signed(-0.2)
    ('+0.012', '-0.200')
    """
    return f"{value:+.3f}" if _present(value) else MISSING


def beta(value: float) -> str:
    """A capacitance, whose scale differs by orders of magnitude between networks: three digits.

    >>> beta(0.012345), beta(0.0), beta(3.2e-7)
    ('0.0123', '0', '3.2e-07')
    """
    return f"{value:.3g}" if _present(value) else MISSING


def score(value: float) -> str:
    """A score, of whatever scale: four digits, as candidates often differ in the third.

    >>> score(-1.23456), score(270912.0), score(float("nan"))
    ('-1.235', '2.709e+05', '-')
    """
    return f"{value:.4g}" if _present(value) else MISSING


def seconds(value: float) -> str:
    """A time in seconds.

    >>> seconds(0), seconds(0.01234), seconds(2.5), seconds(314.15)
    ('0', '0.012', '2.5', '314')
    """
    if not _present(value):
        return MISSING
    return f"{value:.3f}" if 0 < value < 1 else f"{value:.1f}" if 1 <= value < 100 else f"{value:.0f}"


def duration(value: float) -> str:
    """A time for a person to wait.

    >>> duration(0.4), duration(42), duration(600), duration(9000), duration(400_000)
    ('0.4 s', '42 s', '10 min', '2.5 h', '4.6 days')
    """
    if value >= 7200:
        return f"{value / 3600:.1f} h" if value < 172_800 else f"{value / 86_400:.1f} days"
    return f"{value / 60:.0f} min" if round(value) >= 120 else f"{value:.0f} s" if value >= 2 else f"{value:.1f} s"


def few(value: int) -> str:
    """A small count as a sentence has it: 1 is "one".

    >>> few(1), few(3)
    ('one', '3')
    """
    return "one" if value == 1 else str(value)


def whole(value: float) -> str:
    """A count, which pandas may have turned into a float.

    >>> whole(3.0), whole(float("nan"))
    ('3', '-')
    """
    return f"{value:.0f}" if _present(value) else MISSING


def count(value: float | None) -> str:
    """A large number in three digits and a unit.

    >>> count(950), count(23_296), count(14_714_688), count(1.5346e10), count(None)
    ('950', '23.3 k', '14.7 M', '15.3 G', '-')
    """
    if value is None or not _present(value):
        return MISSING
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


def milliseconds(value: float | None) -> str:
    """A time in milliseconds.

    >>> milliseconds(0.0423), milliseconds(12.34), milliseconds(315.2), milliseconds(None)
    ('0.042', '12', '315', '-')
    """
    if value is None or not _present(value):
        return MISSING
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _present(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
