"""The judge: a small network that says of a pair of pictures what kind of clothes, hair and person they show.

It is no part of the product. Taught on factory pictures of the training split, it reads what colours at known places
cannot tell; how often it is right about true pictures of the test split is the ceiling of what it can say of others.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.close_up import PICTURE, WINDOW, CloseUp
from ..models.autoencoder import premultiply, resize
from ..models.slots import SLOTS

JUDGE_FOLDER = Path(__file__).parents[2] / "weights" / "judge"
HEIGHT, WIDTH = 128, 64
JUDGED = (
    "gender", "age", "hair_style", "upper_kind", "pattern", "lower_kind", "shoes_kind", "headwear", "eyewear",
)  # fmt: skip
"""The slots that it judges."""
CHOICES: dict[str, tuple[str, ...]] = {slot.name: slot.choices for slot in SLOTS if slot.name in JUDGED}


class _Stage(nn.Module):
    """Half the size: a strided convolution and a residual one."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, out, 3, stride=2, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(8, out), nn.GroupNorm(8, out)
        self.conv = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.silu(self.norm1(self.down(x)))
        return h + functional.silu(self.norm2(self.conv(h)))


class _Look(nn.Module):
    """One picture to one vector a slot: each slot weighs the places by where they are and by what is seen there."""

    def __init__(self, widths: tuple[int, ...], cells: tuple[int, int], slots: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(8, widths[0], 3, stride=2, padding=1)
        self.stages = nn.Sequential(*(_Stage(a, b) for a, b in zip(widths, widths[1:], strict=False)))
        self.places = nn.Parameter(torch.zeros(slots, *cells))
        self.contents = nn.Conv2d(widths[-1], slots, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures (B, 8, H, W) to vectors (B, slots, C)."""
        features = self.stages(functional.silu(self.stem(picture)))
        weights = (self.contents(features) + self.places).flatten(2).softmax(2)
        return torch.einsum("bsp,bcp->bsc", weights, features.flatten(2))


class Judge(ModelMixin, ConfigMixin):
    """A pair of pictures to logits a slot."""

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, ...] = (24, 32, 48, 80),
        head_widths: tuple[int, ...] = (24, 32, 48),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        shrink, head_shrink = 2 ** len(widths), 2 ** len(head_widths)
        self.whole = _Look(widths, (HEIGHT // shrink, WIDTH // shrink), len(CHOICES))
        self.head = _Look(head_widths, (WINDOW // head_shrink, WINDOW // head_shrink), len(CHOICES))
        self.drop = nn.Dropout(dropout)
        self.answers = nn.ModuleDict(
            {name: nn.Linear(widths[-1] + head_widths[-1], len(choices)) for name, choices in CHOICES.items()}
        )

    def forward(self, whole: Tensor, head: Tensor) -> dict[str, Tensor]:
        """Logits (B, choices) by slot, of inputs as :func:`judge_inputs` makes them, stacked."""
        seen = self.drop(torch.cat([self.whole(whole), self.head(head)], dim=2))
        return {name: answer(seen[:, i]) for i, (name, answer) in enumerate(self.answers.items())}

    @torch.no_grad()
    def read(self, pictures: Tensor, close: CloseUp) -> dict[str, str]:
        """What front and back (2, 4, S, S), straight RGBA in [0, 1], show; ``close`` is where the head is."""
        small = resize(pictures, PICTURE)
        whole, head = judge_inputs(small, close.crop(small))
        logits = self(whole[None], head[None])
        return {name: CHOICES[name][int(values[0].argmax())] for name, values in logits.items()}


def judge_inputs(pictures: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """(8, 128, 64) and (8, 48, 48) in [-1, 1] of front and back (2, 4, S, S) and their heads (2, 4, T, T) in [0, 1].

    The whole loses its sides, where no more than hands reach.
    """
    margin = (HEIGHT - WIDTH) // 2
    whole = premultiply(resize(pictures, HEIGHT))[..., margin : margin + WIDTH]
    return whole.flatten(0, 1), premultiply(resize(head, WINDOW)).flatten(0, 1)
