"""Patterns of cloth: what changes over a garment, and that they look like what they are called."""

import pytest
import torch

from backend.cloth.patterns import PATTERNS, REPEAT, WOVEN, weave

SIDE, FINE = 200, 0.002  # metres a pixel
CLOTHS = {"dark": (25.0, 10.0, -20.0), "middle": (50.0, 30.0, 20.0), "pale": (88.0, 0.0, 5.0)}


def woven(pattern: str, cloth: tuple[float, float, float], soft: float = 0.0) -> torch.Tensor:
    along, across = torch.meshgrid(torch.arange(SIDE) * FINE, torch.arange(SIDE) * FINE, indexing="ij")
    lab = torch.tensor(cloth).expand(SIDE * SIDE, 3)
    return weave(lab, across.flatten(), along.flatten(), pattern, soft, lab[0, 0]).view(SIDE, SIDE, 3)


@pytest.mark.parametrize("cloth", CLOTHS.values(), ids=CLOTHS.keys())
@pytest.mark.parametrize("pattern", PATTERNS)
def test_most_of_the_cloth_keeps_its_colour_and_the_rest_stands_out(pattern: str, cloth: tuple) -> None:  # type: ignore[type-arg]
    apart = (woven(pattern, cloth) - torch.tensor(cloth)).norm(dim=-1)
    assert 0.3 < (apart < 1e-3).float().mean() < 0.93
    assert (apart > 12).float().mean() > 0.07


def test_stripes_run_across_and_checks_both_ways() -> None:
    stripes, checks = woven("stripes", CLOTHS["dark"])[..., 0], woven("checks", CLOTHS["dark"])[..., 0]
    assert stripes.std(dim=1).max() < 1e-4 and stripes.std(dim=0).min() > 5
    assert checks.std(dim=1).max() > 5 and checks.std(dim=0).max() > 5


@pytest.mark.parametrize("pattern", WOVEN)
def test_woven_patterns_come_again(pattern: str) -> None:
    lightness = woven(pattern, CLOTHS["pale"], soft=FINE)[..., 0]
    again = round(2 * REPEAT / FINE)  # rows of dots are set off against each other
    assert (lightness[again:, again:] - lightness[:-again, :-again]).abs().max() < 1.0


def test_soft_edges_change_edges_alone() -> None:
    for pattern in PATTERNS:
        hard, soft = woven(pattern, CLOTHS["middle"]), woven(pattern, CLOTHS["middle"], soft=2 * FINE)
        changed = ((hard - soft).norm(dim=-1) > 1).float().mean()
        assert 0 < changed < 0.4
        assert len(soft[..., 0].unique()) > len(hard[..., 0].unique())


def test_folds_do_not_turn_a_pattern_over() -> None:
    """Cloth about mid-grey: its shaded half must not get pale stripes where its lit half gets dark ones."""
    lab = torch.tensor([[46.0, 0, 0], [54.0, 0, 0]])
    striped = weave(lab, torch.zeros(2), torch.full((2,), 0.01), "stripes", lightness=torch.tensor(52.0))
    assert (striped[:, 0] < lab[:, 0] - 20).all()
