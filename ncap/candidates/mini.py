"""The collection "mini": ten small networks for 16 x 16 grey images, trained on Fashion-MNIST.

>>> MINI.names()[:3], MINI.candidate("mlp").parameters
(['plain', 'batch_norm', 'group_norm'], 51488)
"""

from ncap.candidates.shipped import ShippedCollection

MINI = ShippedCollection("mini", "ncap.candidates.bodies")
