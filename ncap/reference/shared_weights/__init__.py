"""A ReLU CNN, each of whose weights joins many pairs of neurons: the one-to-many mapping.

window, convolution, pooling: the layers. cnn: the network and its forward pass, in the letters of ncap.reference.mlp.
junction: where two layers of weights meet. connections: P by definition. closed_form: degrees without P.
"""
