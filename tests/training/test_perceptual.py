"""The losses that judge a picture's look."""

import pytest
import torch

from backend.training.perceptual import PerceptualLoss


def test_perceptual_loss_prefers_a_sharp_picture() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    loss = PerceptualLoss()
    target = torch.zeros(1, 4, 96, 96)
    target[:, :, ::8] = 0.8
    blurred = torch.nn.functional.avg_pool2d(target, 9, 1, 4)
    assert loss(target, target) == 0
    assert loss(blurred, target) > 2 * loss(target * 0.9, target) > 0
