"""Sampling on flows whose answer is known."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from backend.pipelines.flow import Known, sample_flow
from backend.pipelines.window import Window
from backend.protocol.errors import DoppelError

DATA = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
NOISE = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(2))
TOKENS = torch.ones(2, 15, 5)


def straight(x: torch.Tensor, time: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The exact velocity of the flow to DATA where tokens are 1, to -DATA where they are 0."""
    count = len(x) // 2
    sign = tokens[:, 0, 0].view(-1, 1, 1, 1) * 2 - 1
    target = DATA.repeat(max(1, count), 1, 1, 1)[: len(x)] * sign
    return (x - target) / time.view(-1, 1, 1, 1)


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_reaches_the_data_in_any_number_of_steps(steps: int) -> None:
    made = sample_flow(straight, FlowMatchEulerDiscreteScheduler(), NOISE, TOKENS, TOKENS * 0, steps, 1.0)
    assert torch.allclose(made, DATA, atol=1e-4)


def test_guidance_goes_away_from_the_negative() -> None:
    made = sample_flow(straight, FlowMatchEulerDiscreteScheduler(), NOISE, TOKENS, TOKENS * 0, 1, 3.0)
    assert torch.allclose(made, DATA * 5, atol=1e-3)  # -DATA + 3 * (DATA - -DATA)


def test_steps_are_reported_with_the_foreseen_result_and_can_be_cancelled() -> None:
    seen = []
    sample_flow(
        straight,
        FlowMatchEulerDiscreteScheduler(),
        NOISE,
        TOKENS,
        TOKENS,
        5,
        1.0,
        lambda step, steps, clean: seen.append((step, steps, clean)),
    )
    assert [s[:2] for s in seen] == [(i, 5) for i in range(1, 6)]
    assert torch.allclose(seen[0][2], DATA, atol=1e-3)
    with pytest.raises(DoppelError) as caught:
        sample_flow(straight, FlowMatchEulerDiscreteScheduler(), NOISE, TOKENS, TOKENS, 5, 1.0, cancelled=lambda: True)
    assert caught.value.code == "cancelled"


def test_window_holds_the_mask_and_pastes_back() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[:, :, 9:20] = True
    window = Window.of_mask(mask)
    assert window.columns == 20  # seven to the left of the middle, two of margin, both sides alike
    x = torch.randn(1, 2, 32, 32)
    again = window.paste(window.crop(x))
    assert torch.equal(again[..., 6:26], x[..., 6:26]) and again[..., :6].abs().sum() == 0
    assert Window.of_mask(torch.ones(1, 32, 32, dtype=torch.bool)).columns == 32
    assert Window.of_mask(torch.zeros(1, 32, 32, dtype=torch.bool)).columns == 32


def test_what_is_known_is_kept_and_the_rest_is_made() -> None:
    known = Known(torch.full((1, 3, 4, 4), 0.5), torch.zeros(1, 1, 4, 4))
    known.mask[..., :2] = 1
    made = sample_flow(straight, FlowMatchEulerDiscreteScheduler(), NOISE, TOKENS, TOKENS, 4, 1.0, known=known)
    assert torch.allclose(made[..., :2], torch.tensor(0.5), atol=1e-4)
    assert torch.allclose(made[..., 2:], DATA[..., 2:], atol=1e-4)
