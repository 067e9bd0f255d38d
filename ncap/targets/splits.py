"""Stratified splits: each class keeps its share in every part, and a seed decides which sample goes where."""

import numpy as np

from ncap.arguments import seed_number, whole_number
from ncap.targets.labels import as_labels

# with five samples of a class, splits of 60/20/20 and of 80/20 % leave at least one in every part
_FEWEST = 5


def stratified_subset(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Sorted indices of min(n, len(y)) samples in which each class keeps its share, up to rounding.

    y: (N,) integer labels; n: at least 1; seed: from 0 to 2^32 - 1. The same three give the same indices. Raises ValueError for
    any other labels, number or seed.

    >>> y = np.repeat([0, 1], [60, 30])
    >>> np.bincount(y[stratified_subset(y, 9, seed=0)])
    array([6, 3])
    """
    y, n, seed = as_labels(y, "y"), whole_number("n", n, least=1), seed_number(seed)
    everyone = np.arange(len(y))
    if n >= len(y):
        return everyone
    # not train_test_split, which refuses classes of one sample and remainders smaller than the number of classes
    from sklearn.utils import resample

    return np.sort(resample(everyone, replace=False, n_samples=n, stratify=y, random_state=seed))


def hold_out(y: np.ndarray, fraction: float, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint sorted indices (kept, held out) of a stratified split of y, `fraction` of the samples held out.

    Raises ValueError when a class has fewer than five samples.

    >>> kept, held_out = hold_out(np.repeat([0, 1], 5), 0.2, seed=0, name="y")
    >>> len(kept), len(held_out)
    (8, 2)
    """
    _refuse_rare_classes(y, name)
    return _halves(y, fraction, seed)


def three_way(y: np.ndarray, seed: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Disjoint sorted indices (training, validation, test) of a stratified split of y: 60, 20 and 20 % of the samples.

    Raises ValueError when a class has fewer than five samples.

    >>> [len(part) for part in three_way(np.repeat([0, 1], 10), seed=0, name="y")]
    [12, 4, 4]
    """
    _refuse_rare_classes(y, name)
    train, rest = _halves(y, 0.4, seed)
    val, test = _halves(y[rest], 0.5, seed)
    return train, rest[val], rest[test]


def _halves(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    chosen = {"test_size": fraction, "stratify": y, "random_state": seed_number(seed)}
    kept, held_out = train_test_split(np.arange(len(y)), **chosen)
    return np.sort(kept), np.sort(held_out)


def _refuse_rare_classes(y: np.ndarray, name: str) -> None:
    counts = np.bincount(y)
    rarest = int(counts.argmin())
    if counts[rarest] < _FEWEST:
        raise ValueError(
            f"{name}: a stratified split needs at least {_FEWEST} samples of each class, class {rarest} has "
            f"{counts[rarest]}; pass x_val, y_val (and x_test, y_test), or leave the class out"
        )
