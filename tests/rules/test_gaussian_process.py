"""The freeze-thaw process against scikit-learn's, and in the limits that are known."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, StationaryKernelMixin

from ncap.rules.contract import Curve
from ncap.rules.gaussian_process import SETTINGS, GaussianProcess, conditioned, freeze_thaw, posterior

pytestmark = pytest.mark.filterwarnings("error")


class FreezeThaw(StationaryKernelMixin, Kernel):
    """The kernel as scikit-learn takes it, entry by entry."""

    def __init__(self, alpha, beta, amplitude):
        self.alpha, self.beta, self.amplitude = alpha, beta, amplitude

    def __call__(self, X, Y=None, eval_gradient=False):
        Y = X if Y is None else Y
        power = [[(self.beta / (s + t + self.beta)) ** self.alpha for (t,) in Y] for (s,) in X]
        return self.amplitude**2 * np.array(power)

    def diag(self, X):
        return np.diag(self(X))


@pytest.mark.parametrize("setting", SETTINGS[::17], ids=str)
def test_mean_variance_and_likelihood_are_those_of_scikit_learn(setting):
    rng = np.random.default_rng(0)
    t = np.array([0.25, 0.5, 1.0, 2.0, 3.0])
    y = np.sort(rng.random((3, 5)), axis=1)
    mean, variance, likelihood = conditioned(setting, t, y, 30.0)
    kernel = ConstantKernel(setting.asymptote**2) + FreezeThaw(setting.alpha, setting.beta, setting.amplitude)
    for row in range(3):
        naive = GaussianProcessRegressor(kernel, alpha=setting.noise**2, optimizer=None)
        naive.fit(t[:, None], y[row] - y[row, -1])
        naive_mean, naive_std = naive.predict([[30.0]], return_std=True)
        assert mean[row] == pytest.approx(naive_mean[0] + y[row, -1], abs=1e-6)
        assert variance[row] == pytest.approx(naive_std[0] ** 2, abs=1e-6)
        assert likelihood[row] == pytest.approx(naive.log_marginal_likelihood_value_, abs=1e-5)


def test_the_kernel_is_a_mixture_of_decays():
    """E exp(-r (s + t)) over rates r ~ Gamma(alpha, rate beta), by sampling 200,000 rates: an error of about 1e-3."""
    rates = np.random.default_rng(0).gamma(2.0, 1 / 3.0, 200_000)
    sampled = np.exp(-rates * 2.5).mean()
    assert float(freeze_thaw(np.array(1.0), np.array(1.5), 2.0, 3.0)) == pytest.approx(sampled, abs=3e-3)


def test_the_average_lies_among_the_settings_and_a_rising_curve_goes_on_to_rise():
    t, y = np.arange(1.0, 9.0), (0.8 - 0.5 / np.arange(1.0, 9.0))[None]
    means = np.array([conditioned(setting, t, y, 30.0)[0][0] for setting in SETTINGS])
    mean, std = posterior(t, y, 30.0)
    assert means.min() <= mean[0] <= means.max()
    assert y[0, -1] < mean[0] < 0.85
    assert 0 < std[0] < 0.1


def test_the_interval_widens_with_the_horizon_and_one_tick_is_too_few():
    curve = {"val_accuracy": [0.3, 0.5, 0.6, 0.65]}
    near, far = (GaussianProcess().predict(Curve.of(**curve, horizon=end), {}) for end in (5, 500))
    assert near.high - near.low < far.high - far.low
    one = GaussianProcess().predict(Curve.of(val_accuracy=[0.3]), {})
    assert (one.value, one.status, one.note) == (0.3, "fallback", "last-seen accuracy: 1 ticks, 2 needed")
