"""The losses that judge a picture's look."""

import pytest
import torch

from backend.training.perceptual import PatchDiscriminator, PerceptualLoss


def test_perceptual_loss_prefers_a_sharp_picture() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    loss = PerceptualLoss()
    target = torch.zeros(1, 4, 96, 96)
    target[:, :, ::8] = 0.8
    blurred = torch.nn.functional.avg_pool2d(target, 9, 1, 4)
    assert loss(target, target) == 0
    assert loss(blurred, target) > 2 * loss(target * 0.9, target) > 0


def test_discriminator_learns_to_tell_true_from_made() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator(12, width=8)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3)
    maps = torch.rand(4, 8, 16, 16)

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        real = torch.rand(4, 4, 64, 64)
        return real, torch.nn.functional.avg_pool2d(real, 5, 1, 2)

    for _ in range(60):
        optimizer.zero_grad()
        judge.loss(*draw(), maps).backward()
        optimizer.step()
    real, made = draw()
    assert judge(real, maps).shape == (4, 1, 8, 8)
    assert judge(real, maps).mean() > judge(made, maps).mean() + 0.5
