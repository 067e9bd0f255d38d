"""A ReLU stack with its norm before the relu, differentiated by the backend, for the order that the probe does not have."""

import keras
import numpy as np

from ncap.measure.autodiff.loss import total_loss

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    def gradient(function, at):
        with tf.GradientTape() as tape:
            tape.watch(at)
            value = function(at)
        return tape.gradient(value, at, unconnected_gradients="zero")

    relu, total, tensor = tf.nn.relu, tf.reduce_sum, tf.constant

    stop = tf.stop_gradient
elif keras.backend.backend() == "torch":
    import torch

    def gradient(function, at):
        return torch.func.grad(function)(at)

    relu, total, tensor, stop = torch.relu, torch.sum, torch.as_tensor, torch.Tensor.detach
else:
    import jax
    import jax.numpy as jnp

    def gradient(function, at):
        return jax.grad(function)(at)

    relu, total, tensor, stop = jax.nn.relu, jnp.sum, jnp.asarray, jax.lax.stop_gradient


def degrees(net, x, y, loss, interaction):
    """delta_in, delta_out of the explicit (stop_gradient form) or the hessian reading, norm before the relu."""
    layers = [[tensor(part) for part in layer] for layer in net.layers]
    kernels = [layer[0] for layer in layers]
    x, y = tensor(x), tensor(y)
    L, n = len(layers), len(x)

    def hidden(l, W, z):
        _, bias, scale, shift = layers[l]
        return relu(scale * (z @ W + bias) + shift)

    def top(z):
        return z @ kernels[-1] + layers[-1][1]

    def loss_of(a):
        return total_loss(a, y, loss)  # the form whose errors do not cancel: a drawn softmax may be saturated

    delta_in, delta_out = [np.zeros(k.shape) for k in kernels], [np.zeros(k.shape) for k in kernels]
    if interaction == "hessian":

        def mean_loss(ks):
            z = x
            for l in range(L - 1):
                z = hidden(l, ks[l], z)
            return loss_of(z @ ks[-1] + layers[-1][1])

        def gradient_total(m, l):
            """<1, dC/dW_m> as a function of W_l alone."""

            def of(W):
                def inner(V):
                    ks = list(kernels)
                    ks[l], ks[m] = W, V
                    return mean_loss(ks)

                return total(gradient(inner, kernels[m]))

            return of

        for l in range(L - 1):
            delta_in[l] = np.asarray(gradient(gradient_total(l + 1, l), kernels[l])) / n
            delta_out[l + 1] = np.asarray(gradient(gradient_total(l, l + 1), kernels[l + 1])) / n
        return delta_in, delta_out

    z = [x]
    for l in range(L - 1):
        z.append(hidden(l, kernels[l], z[-1]))
    for l in range(L - 1):

        def above(a, l=l):  # the loss as a function of a_{l+1}, 0-based: the pre-activation of layer index l + 1
            if l + 1 == L - 1:
                return loss_of(a)
            _, _, scale, shift = layers[l + 1]
            v = relu(scale * a + shift)
            for m in range(l + 2, L - 1):
                v = hidden(m, kernels[m], v)
            return loss_of(top(v))

        a = z[l + 1] @ kernels[l + 1] + layers[l + 1][1]
        g = stop(gradient(above, a))
        ones = tensor(np.ones(kernels[l + 1].shape))

        def received(V, l=l, g=g):
            return gradient(lambda W: total(g * (hidden(l, W, z[l]) @ V)), kernels[l])

        delta_in[l] = np.asarray(received(ones)) / n
        delta_out[l + 1] = np.asarray(gradient(lambda V, received=received: total(received(V)), ones)) / n
    return delta_in, delta_out
