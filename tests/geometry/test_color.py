import numpy as np
import torch
from skimage.color import rgb2lab

from backend.geometry.color import lab_to_srgb, linear_to_srgb, srgb_to_lab, srgb_to_linear


def test_lab_agrees_with_scikit_image_and_inverts() -> None:
    srgb = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0))
    lab = srgb_to_lab(srgb)
    assert np.abs(lab.numpy() - rgb2lab(srgb.double().numpy())).max() < 0.05
    assert torch.allclose(lab_to_srgb(lab), srgb, atol=2e-3)


def test_linear_light_inverts() -> None:
    srgb = torch.linspace(0, 1, 256)
    assert torch.allclose(linear_to_srgb(srgb_to_linear(srgb)), srgb, atol=1e-4)
