"""Training-free proxies: scores of a network at the weights that it begins with, from one batch of images and their labels.

Each is a function of a Keras model that returns logits (n, classes), images (n, h, w, c) on the scale that the model takes, and labels
(n,). `ncap.score` gives them a freshly built body under mean pooling and a linear layer, with BATCH images: of a pre-trained candidate
they see the pre-trained weights, of NAME:random or of a cell of NAS-Bench-201 the initial ones, for which they were made.

What is the same in all of them:
- theta are the kernels of dense layers and convolutions; biases, and what a norm scales and shifts by, are left out of every sum.
- Batch norm takes the statistics of the batch, unless a docstring says otherwise, and its own are not changed; a norm that is frozen, and
  every other layer, such as dropout, is in inference mode.
- The loss L is the cross-entropy, averaged over the batch.
- Nothing is trained; the weights of the model are the same afterwards.
They run on TensorFlow, JAX and PyTorch; on another backend of Keras they raise ValueError.
"""

BATCH = 64  # images: what the publications take
