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


def test_discriminator_learns_to_tell_the_bodys_picture_from_its_negative() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator(12, width=8)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3)

    def draw() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        maps = torch.rand(4, 8, 16, 16)
        real = torch.nn.functional.interpolate(maps[:, :4], scale_factor=4)
        return real, 1 - real, maps

    for _ in range(40):
        optimizer.zero_grad()
        judge.loss(*draw()).backward()
        optimizer.step()
    real, made, maps = draw()
    with torch.no_grad():
        assert judge(real, maps).shape == (4, 1, 8, 8)
        assert judge(real, maps).mean() > judge(made, maps).mean() + 0.5
