"""N-LEEP: LEEP of the components of a Gaussian mixture, for networks without a head (Li et al., CVPR 2021).

The features are projected on the principal components that hold 80 % of their variance, and a mixture of 5 C Gaussians is fitted to them,
C the number of labels; LEEP then takes the components' posterior probabilities for those of a source.

Here the Gaussians have diagonal covariances, because 5 C full ones need more samples than a sample has; there are at most n / 4 of them;
and the fit stops after 50 steps of expectation and maximisation, or where the likelihood of a sample grows by less than 0.001.
"""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike

from ncap.scores.contract import Score
from ncap.scores.decomposition import centre, principal
from ncap.scores.samples import one_class, own_order, samples
from ncap.scores.transferability.expected_empirical_prediction import expected_prediction

COMPONENTS = 5  # a label
SHARE = 0.8  # of the variance
_STEPS = 50


def n_leep(features: ArrayLike, y: ArrayLike) -> float:
    """N-LEEP of features (n, d) and labels (n,), in nats; at most 0, and larger is better, as published.

    The mixture starts from centres that a fixed seed draws from the samples in an order of their own, so that the same samples give the
    same number in whatever order they come. Features without any variance tell nothing: the mean log frequency of the labels. NaN where
    all samples are of one class. Features that are shifted, scaled by one factor or in float32 have another such order, and so another
    start: the number then moves by about 0.03, as measured with 200 samples in 10 dimensions and 2,000 in 64 (a standard deviation), and
    two candidates that lie closer than that are not told apart.

    Raises: ValueError as `samples` does.

    >>> y = np.arange(40) % 2
    >>> bool(np.isclose(n_leep(np.ones((40, 3)), y), np.log(1 / 2)))
    True
    >>> round(n_leep(10 * np.eye(2)[y] + np.random.default_rng(0).normal(size=(40, 2)), y), 6) == 0
    True
    """
    z, classes = samples(features, y)
    if not classes.max():
        return math.nan
    order = own_order(z)
    z, classes = z[order], classes[order]
    reduced = principal(centre(z), share=SHARE)
    posterior = _posterior(reduced, COMPONENTS * (int(classes.max()) + 1)) if reduced.size else np.ones((len(z), 1))
    return expected_prediction(posterior, classes)


def _posterior(z: np.ndarray, components: int) -> np.ndarray:
    """The posterior probabilities (n, k) of the components of a mixture fitted to z (n, d)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    k = max(1, min(components, len(z) // 4))
    mixture = GaussianMixture(k, covariance_type="diag", init_params="k-means++", max_iter=_STEPS, random_state=0)
    scaled = z / np.sqrt(z.var(axis=0).mean())  # scikit-learn adds 1e-6 to every variance, whatever the scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fit so far is as good a source
        return mixture.fit(scaled).predict_proba(scaled)


SCORE = Score(
    name="n_leep",
    needs="features",
    source="Li et al., CVPR 2021",
    summary="LEEP of a Gaussian mixture of the features, in place of a source's head",
    function=n_leep,
    undefined=one_class,
    cost="fit",
)
