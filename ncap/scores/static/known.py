"""What is known of a candidate without running it, as the static scores are called with it."""

from dataclasses import dataclass, field

import numpy as np

from ncap.arguments import same_name


@dataclass(frozen=True)
class Known:
    """What is known of one candidate; None, and no places, where it is not.

    Attributes:
        parameters: number of weights of the body.
        multiply_adds: of one image through the body.
        source_accuracy: on the test images of the data set that it was trained on, in 0..1.
        places: per other target, the place of the candidate among those tried there, 1 the best and 0 the last; see `places`.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    source_accuracy: float | None = None
    places: tuple[float, ...] = field(default=())


def places(accuracies: dict[str, dict[str, float]], target: str) -> dict[str, tuple[float, ...]]:
    """Candidate -> its place on every target but `target`, however that is written, on which it and another candidate have an accuracy.

    accuracies: target -> candidate -> accuracy, of which NaN ones are passed over. The place of r of m is (m - r) / (m - 1), and equal
    accuracies share the mean of their places.

    >>> places({"a": {"x": 0.9, "y": 0.8, "z": 0.7}, "b": {"x": 0.5, "y": 0.5}, "c": {"x": 0.1, "y": 0.9}}, target="c")
    {'x': (1.0, 0.5), 'y': (0.5, 0.5), 'z': (0.0,)}
    """
    found: dict[str, tuple[float, ...]] = {}
    for other, of_candidates in accuracies.items():
        tried = {name: value for name, value in of_candidates.items() if np.isfinite(value)}
        if same_name(other, target) or len(tried) < 2:
            continue
        values = np.array(list(tried.values()))
        for name, value in tried.items():
            below = (values < value).sum() + ((values == value).sum() - 1) / 2
            found[name] = (*found.get(name, ()), float(below / (len(values) - 1)))
    return found
