"""Data sets that no loader downloads: .npz files in the folder $NCAP_DATA/images."""

from functools import partial

from ncap.targets import npz
from ncap.targets.contract import Loading, Source, Target
from ncap.targets.places import local_copy, looked_for


def load(name: str, file: str, loading: Loading) -> Target:
    """The target `name` in $NCAP_DATA/images/<file>; ValueError where there is no such file."""
    path = local_copy(file)
    if path is None:
        raise ValueError(
            f"target {name!r} cannot be reached: {looked_for(file)}, and nothing downloads it; set NCAP_DATA to a folder with that "
            "file, or pass your own copy of the data as a path"
        )
    return npz.read(path, loading, name)


def _at_hand(file: str) -> str:
    return "yes" if local_copy(file) else "no"


def _source(name: str, file: str, input_shape: tuple[int, int, int], classes: int, what: str, licence: str) -> Source:
    where = f"{what}: $NCAP_DATA/images/{file}"
    return Source(name, input_shape, classes, where, partial(load, name, file), licence, partial(_at_hand, file))


SVHN_SMALL = _source(
    "svhn_small", "svhn_small.npz", (32, 32, 3), 10, "827 digits of SVHN", "non-commercial (Netzer et al. 2011)"
)
BIRDS = _source(
    "birds", "birds64.npz", (64, 64, 3), 34, "34 species of CUB-200-2011", "non-commercial research (CUB-200-2011)"
)
FLOWERS = _source(
    "flowers", "flowers64.npz", (64, 64, 3), 5, "Kaggle flowers", "photographs of mixed ownership: for tests only"
)
STREETLETTERS = _source(
    "streetletters", "streetchars32.npz", (32, 32, 3), 12, "12 letters of Chars74K", "not stated: tests and research"
)
