"""The prompt encoder, and what its committed weights read."""

from pathlib import Path

import pytest
import torch

from backend.geometry.color import srgb_to_lab
from backend.models.prompt_encoder import PromptEncoder, TextStates
from backend.models.slots import COLOURS, SLOTS

WEIGHTS = Path(__file__).parents[2] / "weights" / "doppel-base" / "prompt_encoder"


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = PromptEncoder(width=32, text_width=48).eval()
    states, mask = torch.randn(1, 9, 2, 48), torch.ones(1, 9, dtype=torch.bool)
    padded = torch.cat([states, torch.randn(1, 4, 2, 48)], dim=1)
    with torch.no_grad():
        tokens = model(states, mask)
        again = model(padded, torch.arange(13)[None] < 9)
        other = model(states.flip(2), mask)
    assert tokens.shape == (1, len(SLOTS), 32)
    assert torch.allclose(tokens, again, atol=1e-5)
    assert not torch.allclose(tokens, other, atol=1e-2)  # the two layers are told apart


@pytest.mark.parametrize(
    ("prompt", "upper", "lower"),
    [
        ("a young woman in a white T-shirt and blue jeans", "white", "blue"),
        ("a young woman in blue jeans and a white T-shirt", "white", "blue"),
        ("a man with short hair wearing yellow shorts and a purple sweater", "purple", "yellow"),
        ("old man, black trousers, red jumper", "red", "black"),
        ("a woman. She wears a green skirt and a pink blouse", "pink", "green"),
    ],
)
def test_colours_are_read_for_their_garments_in_any_order(prompt: str, upper: str, lower: str) -> None:
    encoder = PromptEncoder.from_pretrained(WEIGHTS).float().eval()
    with torch.no_grad():
        reading = encoder.read(encoder(*TextStates()([prompt])))
    for slot, wanted in (("upper_colour", upper), ("lower_colour", lower)):
        lab = srgb_to_lab(torch.tensor([list(COLOURS.values())]) / 255)[0]
        nearest = (lab - 100 * reading.colours[slot]).norm(dim=1).argmin()
        assert reading.said[slot] > 0
        assert list(COLOURS)[int(nearest)] == wanted
