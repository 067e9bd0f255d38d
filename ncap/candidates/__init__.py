"""Candidates: the pre-trained networks that are ranked.

A new source of them is a file here, or anywhere, with the methods of `Source`, and one line below. The name of a source that lists
candidates stands for all of them; one that lists none is a way of naming networks, such as paths.

How networks are named:
    mlp, mini                       one of the ten networks for 16 x 16 grey images that ncap ships, and all of them
    mlp_32, mini32                  one of the eighteen for 32 x 32 colour images, and all of them
    ResNet50, applications          a network of keras.applications with its ImageNet weights, and all of them
    AlexNet, paper17                AlexNet with the weights of a user's file, and the seventeen networks of the paper
    ResNet50=path/weights.h5        one of those with other weights
    nb201:CELL                      the untrained network around a cell of NAS-Bench-201, by the cell's string
    path/model.keras                a model that Keras saved, without its head
    path/model.keras@LAYER          the same, cut at a layer
    package.module:function         what a function returns; the current folder is searched too
    NAME:random                     with random weights, of all but the functions

>>> from ncap import candidates
>>> list(candidates.resolve("residual,mlp"))
['residual', 'mlp']
"""

from ncap.candidates.contract import Source
from ncap.registry import Registry

SOURCES: Registry[Source] = Registry(
    "source of candidates",
    {
        "mini": "ncap.candidates.mini:MINI",
        "mini32": "ncap.candidates.mini32:MINI32",
        "applications": "ncap.candidates.applications:APPLICATIONS",
        "paper17": "ncap.candidates.applications:PAPER17",
        "backbones": "ncap.candidates.backbones:BACKBONES",
        "timm": "ncap.candidates.timm_networks:TIMM",
        "hub": "ncap.candidates.hub_presets:HUB",
        "nb201": "ncap.candidates.nb201:CELLS",
        "own_weights": "ncap.candidates.own_weights:OWN_WEIGHTS",
        "files": "ncap.candidates.files:FILES",
        # The last, because it accepts every "word:word".
        "functions": "ncap.candidates.functions:FUNCTIONS",
    },
)

from ncap.candidates.catalog import describe, list_candidates, names, resolve  # noqa: E402  reads the registry above
from ncap.candidates.contract import Candidate  # noqa: E402
from ncap.candidates.factory import FactoryCandidate  # noqa: E402
from ncap.candidates.torch_modules import from_torch  # noqa: E402

__all__ = ["Candidate", "FactoryCandidate", "Source", "describe", "from_torch", "list_candidates", "names", "resolve"]
