"""Distances of distributions against closed forms."""

import pytest
import torch

from backend.evaluation.distribution import frechet_distance, kernel_distance


def drawn(count: int, mean: float, spread: float, seed: int, width: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + spread * torch.randn(count, width, generator=generator)


def test_frechet_distance_is_that_of_the_covariances() -> None:
    """Against the definition with the D x D root, |m - n|^2 + tr(A + B - 2 (A B)^(1/2))."""
    a, b = drawn(50, 0.0, 1.0, 0), drawn(70, 0.5, 2.0, 1)
    first, second = torch.cov(a.T.double()), torch.cov(b.T.double())
    roots = torch.linalg.eigvals(first @ second).real.clamp_min(0).sqrt().sum()
    expected = (a.double().mean(0) - b.double().mean(0)).square().sum() + first.trace() + second.trace() - 2 * roots
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-6)


def test_frechet_distance_of_a_shift_and_of_itself() -> None:
    features = drawn(30, 0.0, 1.0, 0, width=100)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features, features + 2) == pytest.approx(400, rel=1e-6)


def test_kernel_distance_has_no_bias() -> None:
    """Few samples of one distribution: about 0 on average, of both signs. Of two: clearly more."""
    same = [kernel_distance(drawn(12, 0, 1, 2 * i), drawn(12, 0, 1, 2 * i + 1)) for i in range(40)]
    assert min(same) < 0 < max(same)
    other = [kernel_distance(drawn(12, 0, 1, 2 * i), drawn(12, 1, 1, 2 * i + 1)) for i in range(40)]
    assert abs(sum(same) / 40) < 0.2 * sum(other) / 40
