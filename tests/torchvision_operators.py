"""Lets timm be imported beside a PyTorch for CPUs.

PyPI's torchvision for Linux is built for CUDA. Beside a PyTorch without it, its compiled operators cannot be loaded, and its import fails
for want of two declarations, of operators that no network here calls.
"""

from importlib.util import find_spec

import pytest

DECLARED = []  # a declaration lasts as long as its library
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_timm():
    """timm; where it is not installed, the test module is skipped."""
    torch = pytest.importorskip("torch")
    if find_spec("timm") is None:
        pytest.skip("needs timm, which is not installed", allow_module_level=True)
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        DECLARED.append(library)
        for operator in OPERATORS:
            library.define(operator)
    return pytest.importorskip("timm")
