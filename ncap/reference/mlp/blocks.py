"""P between two neighbouring layers, by definition (Eq. 7): every entry from every sample's own term."""

import numpy as np

from ncap.reference.arguments import Array
from ncap.reference.mlp.backpropagation import Families
from ncap.reference.mlp.perceptron import MLP


def explicit_block(values: Families, l: int, strength: str) -> Array:
    """[j, i, k] = mean_n s_l[n,i] z_{l-1}[n,j] g_{l+1}[n,k]."""
    terms = values.z[l - 1], values.s[l - 1], values.g[l - 1]
    z, s, g = map(np.abs, terms) if strength == "magnitude" else terms
    return np.asarray(np.einsum("nj,ni,nk->jik", z, s, g, optimize=True) / len(z))


def hessian_block(net: MLP, values: Families, l: int, strength: str) -> Array:
    """[(j, i), (i', k)] of d2C / dW_l dW_{l+1}, from per-sample terms so that magnitude can be taken of each."""
    H = _output_curvature(net, values, l + 1)
    n_in, n, n_out = net.widths[l - 1 : l + 2]
    total = np.zeros((n_in, n, n, n_out))
    for z_below, s, z, g, curvature in zip(
        values.z[l - 1], values.s[l - 1], values.z[l], values.g[l - 1], H, strict=True
    ):
        # (i, i', k): the direct impact where i = i', then the impact through the curvature of the loss.
        term = np.eye(n)[:, :, None] * g + np.einsum("m,ik->imk", z, net.layers[l].kernel @ curvature)
        sample = np.einsum("j,i,imk->jimk", z_below, s, term)
        total += np.abs(sample) if strength == "magnitude" else sample
    return (total / len(values.p)).reshape(n_in * n, n * n_out)


def _output_curvature(net: MLP, values: Families, l: int) -> Array:
    """H_l[n], shape (N, n_l, n_l): curvature of the loss by a_l, by its recursion from the output down."""
    p = values.p
    if net.loss == "cross_entropy":
        H = -p[:, :, None] * p[:, None, :] * (1 - np.eye(p.shape[1]))
        H -= np.eye(p.shape[1]) * H.sum(
            axis=2, keepdims=True
        )  # p_k (sum of the other p): p_k (1 - p_k) would cancel near 1
    else:
        H = np.broadcast_to(np.eye(p.shape[1]), (*p.shape, p.shape[1]))
    for layer, s in zip(net.layers[: l - 1 : -1], values.s[: l - 2 : -1], strict=True):
        H = s[:, :, None] * (layer.kernel @ H @ layer.kernel.T) * s[:, None, :]
    return np.asarray(H)
