"""The laws of `ncap.candidates.Candidate`, for any member."""

from typing import TYPE_CHECKING

import numpy as np

from ncap.candidates import Candidate

if TYPE_CHECKING:
    import keras


def check_candidate(candidate: Candidate) -> None:
    """Raise AssertionError unless the candidate keeps the laws of its contract, which the message names; builds it twice."""
    import keras

    assert isinstance(candidate, Candidate)
    assert candidate.name, "a candidate has a name"
    body, again = candidate.build(), candidate.build()
    assert isinstance(body, keras.Model), "build() must return a keras.Model"
    _check_freshness(body, again)
    if candidate.input_shape is not None:
        assert body.input_shape[1:] == tuple(candidate.input_shape), f"takes images {body.input_shape[1:]}"
    if candidate.parameters is not None:
        assert body.count_params() == candidate.parameters, f"has {body.count_params()} parameters"
    _check_features(body)


def _check_freshness(body: "keras.Model", again: "keras.Model") -> None:
    assert not {id(one) for one in body.variables} & {id(one) for one in again.variables}, "two models share a variable"
    pairs = list(zip(body.get_weights(), again.get_weights(), strict=True))
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs, err_msg="two models differ in a weight")
    body.set_weights([ours + 1 for ours, _ in pairs])
    for variable, (_, theirs) in zip(again.get_weights(), pairs, strict=True):
        np.testing.assert_array_equal(variable, theirs, err_msg="training one model changes the other")
    body.set_weights([ours for ours, _ in pairs])


def _check_features(body: "keras.Model") -> None:
    from ncap import attach_probe

    shape = [8 if side is None else side for side in body.input_shape[1:]]
    pixels = np.random.default_rng(0).integers(0, 256, (4, *shape)).astype(np.float32)
    features = np.asarray(body.predict_on_batch(pixels))
    assert features.ndim in (2, 4), f"features have the shape {features.shape}"
    assert len(features) == 4
    assert np.isfinite(features).all(), "features of raw pixels are not finite"
    assert (features != features[:1]).any(), "the features of different images are the same"
    attach_probe(body, 3, hidden=(4, 3))  # refuses a model that ends in a head
