"""Networks of timm, "timm:NAME", with its pre-trained weights; "timm:NAME:random" with random ones. timm is imported when one is built."""

import os
from copy import copy
from pathlib import Path
from typing import Any

from ncap.arguments import suggestion
from ncap.candidates.contract import Candidate
from ncap.candidates.torch_modules import TorchCandidate
from ncap.folders import data_folder
from ncap.reasons import first_line

PREFIX = "timm:"
INSTALL = "pip install timm, with torch and torchvision from one index, both for CUDA or both for the CPU"


class TimmCandidate(TorchCandidate):
    """A network of timm without its classifier: pooled features (n, d); size and normalisation are those of its configuration.

    Raises: ValueError on another backend than PyTorch.
    """

    def __init__(self, network: str) -> None:
        super().__init__(f"{PREFIX}{network}", self._create)
        self.network, self.is_random = network, False

    def untrained(self) -> Candidate:
        """The same network with random weights, the same ones whenever it is built."""
        other = copy(self)
        other.name, other.is_random, other.make = f"{self.name}:random", True, other._create
        return other

    def at_size(self, size: int) -> "TimmCandidate":
        """The same network for images of size x size; building it refuses a size that it does not take."""
        other = super().at_size(size)
        other.make = other._create
        return other

    def weights(self) -> str:
        """ "at hand" where a file of them is in $NCAP_DATA/timm or in Hugging Face's cache."""
        if self.is_random or any(self._placed(f"{self.network}*")) or any(_cached(self.network)):
            return "at hand"
        return ""

    def _create(self) -> Any:
        """The network, without its head.

        Raises: ValueError where timm cannot be imported, does not know the name, or finds no weights.
        """
        timm, torch = _timm(self.name)
        if not timm.is_model(self.network):
            nearest = suggestion(self.network, timm.list_models())
            raise ValueError(f"unknown candidate {self.name!r:.80}; {nearest}timm.list_models() lists the names")
        try:
            settings = timm.get_pretrained_cfg(self.network)
        except RuntimeError as error:  # a tag that the network does not have
            raise ValueError(f"unknown candidate {self.name!r:.80}: {error}") from None
        options: dict[str, Any] = {"num_classes": 0}
        if self.size is not None and settings is not None and settings.fixed_input_size:
            options["img_size"] = self.size
        if self.is_random:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return timm.create_model(self.network, pretrained=False, **options)
        return self._pretrained(timm, settings, options)

    def _pretrained(self, timm: Any, settings: Any, options: dict[str, Any]) -> Any:
        """The network with the weights that are placed in $NCAP_DATA/timm, else with those that timm finds or downloads."""
        if settings is None:
            raise ValueError(
                f"candidate {self.name!r}: timm has no weights of it; {self.name}:random is the network without"
            )
        full_name = f"{settings.architecture}.{settings.tag}" if settings.tag else settings.architecture
        placed = next(self._placed(full_name), None)
        if placed is not None:
            options["pretrained_cfg_overlay"] = {"file": str(placed)}
        try:
            return timm.create_model(self.network, pretrained=True, **options)
        except Exception as error:  # of the network, of the hub, of the file
            sought = placed or settings.hf_hub_id or settings.url or "anywhere"
            raise ValueError(
                f"candidate {self.name!r}: no weights could be loaded from {sought}; place its model.safetensors at "
                f"{_folder() / full_name}.safetensors, or ask for '{self.name}:random' ({type(error).__name__}: {first_line(error)})"
            ) from error

    def _placed(self, pattern: str) -> Any:
        return _folder().glob(f"{pattern}.safetensors")


class TimmNetworks:
    """Whatever timm can create by name.

    >>> TIMM.names(), TIMM.accepts("timm:resnet18"), TIMM.accepts("resnet18")
    ([], True, False)
    """

    def names(self) -> list[str]:
        """None: timm has hundreds, and listing them would import PyTorch."""
        return []

    def accepts(self, word: str) -> bool:
        """Whether a word begins with "timm:"."""
        return word.startswith(PREFIX)

    def candidate(self, word: str) -> TimmCandidate:
        """The network of that name; ValueError on another backend than PyTorch."""
        return TimmCandidate(word.removeprefix(PREFIX))


TIMM = TimmNetworks()


def _timm(name: str) -> tuple[Any, Any]:
    try:
        import timm
        import torch
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that does not fit torch
        raise ValueError(f"candidate {name!r}: timm cannot be imported; {INSTALL} ({first_line(error)})") from error
    return timm, torch


def _folder() -> Path:
    return (data_folder() or Path("$NCAP_DATA")) / "timm"


def _cached(network: str) -> Any:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").glob(f"models--timm--{network}*/snapshots/*/*")
