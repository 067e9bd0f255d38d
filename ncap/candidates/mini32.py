"""The collection "mini32": eighteen small networks for 32 x 32 colour images, trained on thirty-five classes of Tiny-ImageNet.

>>> MINI32.names()[:3], MINI32.candidate("mlp_32").parameters
(['plain_32', 'batch_norm_32', 'group_norm_32'], 270912)
"""

from ncap.candidates.shipped import ShippedCollection

MINI32 = ShippedCollection("mini32", "ncap.candidates.bodies32")
