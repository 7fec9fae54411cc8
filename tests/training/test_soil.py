"""What the picture decoder is taught on beside true latents."""

import torch
from torch.nn import functional

from backend.training.picture_decoder import MOST_SHIFT, soil


def halves(count: int) -> torch.Tensor:
    """Latents of two colours that meet in the middle."""
    latents = torch.ones(count, 16, 12, 12)
    latents[..., 6:] = -1
    return latents


def test_soiled_latents_keep_their_colours_away_from_edges() -> None:
    torch.manual_seed(0)
    latents = halves(64)
    soiled = soil(latents)
    assert soiled.shape == latents.shape
    far = torch.ones(12, dtype=torch.bool)
    far[2:10] = False  # a shift and a blur further
    assert (soiled.sign() == latents.sign())[..., far].float().mean() > 0.99
    assert (soiled - latents)[..., far].abs().mean() < 0.25


def test_soiled_edges_are_shifted_and_faded() -> None:
    torch.manual_seed(0)
    latents = halves(64)
    edges = [functional.avg_pool2d(x, (12, 1))[:, 0, 0].diff(dim=1).abs() for x in (latents, soil(latents))]
    true, soft = (edge.max(1).values for edge in edges)
    assert soft.mean() < 0.75 * true.mean()
    where = (soil(latents)[:, 0] > 0).float().sum(2) - 6  # of each row, in cells
    assert where.std() > 0.2 and where.abs().quantile(0.95) <= 2 * MOST_SHIFT


def test_no_two_are_soiled_alike() -> None:
    torch.manual_seed(0)
    soiled = soil(halves(2))
    assert (soiled[0] - soiled[1]).abs().mean() > 0.02
