"""Colours are read where they should be, and only the right ones pass."""

import pytest
import torch

from backend.evaluation.colours import (
    CLOTH_PALETTE,
    COLOUR_SLOTS,
    FAMILIES,
    HAIR_FAMILIES,
    HAIR_PALETTE,
    SKIN_LAB,
    distance,
    is_colour,
    read_colour,
)
from backend.models.slots import COLOURS, HAIR_COLOURS


def painted(rgb: tuple[int, int, int]) -> torch.Tensor:
    pictures = torch.zeros(2, 4, 16, 16)
    pictures[:, :3] = (torch.tensor(rgb) / 255).view(1, 3, 1, 1)
    pictures[:, 3] = 1
    return pictures


def test_the_median_is_read_inside_the_mask_alone() -> None:
    pictures = painted(COLOURS["red"])
    pictures[0, :3, :8] = (torch.tensor(COLOURS["blue"]) / 255).view(3, 1, 1)
    where = torch.zeros(2, 16, 16, dtype=torch.bool)
    where[0, :8] = True
    found = read_colour(pictures, where)
    assert found is not None
    assert distance(found, CLOTH_PALETTE["blue"]) < 0.5


def test_transparent_pixels_are_not_read() -> None:
    pictures = painted(COLOURS["red"])
    pictures[:, 3] = 0
    assert read_colour(pictures, torch.ones(2, 16, 16, dtype=torch.bool)) is None


@pytest.mark.parametrize("name", COLOURS)
def test_every_colour_is_itself(name: str) -> None:
    found = read_colour(painted(COLOURS[name]), torch.ones(2, 16, 16, dtype=torch.bool))
    assert is_colour("upper_colour", found, name)


def test_few_other_colours_pass() -> None:
    """By chance, with all colours alike, one in six passes at the most: the figure means something."""
    passing = [is_colour("upper_colour", CLOTH_PALETTE[a], b) for a in COLOURS for b in COLOURS]
    assert sum(passing) / len(passing) < 1 / 6


@pytest.mark.parametrize(
    ("slot", "painted_name", "asked", "right"),
    [
        ("upper_colour", "dark red", "red", True),
        ("upper_colour", "green", "red", False),
        ("lower_colour", "navy", "black", False),
        ("shoes_colour", "white", "black", False),
    ],
)
def test_families(slot: str, painted_name: str, asked: str, right: bool) -> None:
    assert is_colour(slot, CLOTH_PALETTE[painted_name], asked) is right


def test_hair_and_skin_have_colours_of_their_own() -> None:
    assert is_colour("hair_colour", HAIR_PALETTE["grey"], "white")
    assert not is_colour("hair_colour", HAIR_PALETTE["blond"], "black")
    for tone, lab in SKIN_LAB.items():
        assert is_colour("skin_tone", lab, tone)
        assert not any(is_colour("skin_tone", lab, other) for other in SKIN_LAB if other != tone)


def test_nothing_read_is_never_right() -> None:
    assert not any(is_colour(slot, None, "black") for slot in COLOUR_SLOTS)


def test_families_are_of_known_names() -> None:
    assert {name for family in FAMILIES for name in family} == set(COLOURS)
    assert {name for family in HAIR_FAMILIES for name in family} == set(HAIR_COLOURS)
