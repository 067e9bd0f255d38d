"""Fashion-MNIST, MNIST, CIFAR-10 and CIFAR-100: from a .npz file in the folder $NCAP_DATA, else from keras.datasets and its cache."""

from functools import partial

from ncap import framework
from ncap.folders import keras_folder
from ncap.targets import npz
from ncap.targets.arrays import load_arrays
from ncap.targets.contract import Loading, Source, Target
from ncap.targets.places import local_copy, looked_for


def load(name: str, loading: Loading) -> Target:
    """The target in $NCAP_DATA/images/<name>.npz, else that of keras.datasets; `loading` decides the splits.

    Raises ValueError where there is neither such a file nor a network.
    """
    if file := local_copy(f"{name}.npz"):
        return npz.read(file, loading)
    framework.load()
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # keras raises a bare Exception when the download fails
        raise ValueError(
            f"target {name!r} cannot be reached: {looked_for(f'{name}.npz')}, and keras.datasets.{name} cannot be downloaded "
            f"({error}); set NCAP_DATA to a folder with that file, or connect to a network once"
        ) from error
    return load_arrays(name, {"train": train, "test": test}, loading)


def _at_hand(name: str, cached: str) -> str:
    return "yes" if local_copy(f"{name}.npz") or any(keras_folder("datasets").glob(cached)) else "to download"


def _source(name: str, input_shape: tuple[int, int, int], classes: int, cached: str, licence: str) -> Source:
    """A data set of keras.datasets; `cached` is what its cache has once it was downloaded."""
    where = f"$NCAP_DATA/images/{name}.npz, else keras.datasets"
    return Source(name, input_shape, classes, where, partial(load, name), licence, partial(_at_hand, name, cached))


_CIFAR = "not stated; cite Krizhevsky 2009"
FASHION_MNIST = _source("fashion_mnist", (28, 28, 1), 10, "fashion-mnist/train-images*", "MIT (Zalando)")
MNIST = _source("mnist", (28, 28, 1), 10, "mnist.npz", "CC BY-SA 3.0 (LeCun and Cortes)")
CIFAR10 = _source("cifar10", (32, 32, 3), 10, "cifar-10-batches-py*", _CIFAR)
CIFAR100 = _source("cifar100", (32, 32, 3), 100, "cifar-100-python*", _CIFAR)
