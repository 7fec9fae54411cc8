"""What a prompt says: the tokens that condition the views, and the sliders that it implies."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..models.prompt_encoder import PromptEncoder, TextStates
from ..models.slots import SLOTS
from ..photo.attributes import caption

_SLIDERS: dict[tuple[str, str], dict[str, float]] = {
    ("gender", "woman"): {"gender": 0.95, "height_cm": 166.0},
    ("gender", "man"): {"gender": 0.05, "height_cm": 178.0},
    ("age", "young"): {"age": 26.0},
    ("age", "middle-aged"): {"age": 48.0},
    ("age", "old"): {"age": 70.0},
    ("build", "slim"): {"weight": 0.22},
    ("build", "average"): {"weight": 0.47},
    ("build", "heavy"): {"weight": 0.82},
    ("build", "muscular"): {"muscle": 0.85, "weight": 0.5},
}
_DEFAULTS = {"gender": 0.5, "height_cm": 171.0, "age": 30.0, "weight": 0.45, "muscle": 0.52}


class PromptPipeline:
    """Reads prompts by MiniLM and the prompt encoder."""

    def __init__(self, encoder: PromptEncoder, device: torch.device) -> None:
        self.encoder, self.device = encoder, device
        self._texts = TextStates(device)

    @torch.no_grad()
    def __call__(self, prompts: list[str]) -> Tensor:
        """Attribute tokens (B, 15, D)."""
        states, mask = self._texts(prompts)
        return self.encoder(states.to(self.encoder.dtype), mask)

    @torch.no_grad()
    def read(self, prompt: str) -> dict[str, str]:
        """The choices that the prompt names, by slot; what it does not name is left out."""
        reading = self.encoder.read(self([prompt]))
        said = {}
        for slot in SLOTS:
            if not slot.is_colour:
                index = int(reading.choices[slot.name][0].argmax())
                if index < len(slot.choices):
                    said[slot.name] = slot.choices[index]
        return said

    def completed(self, prompt: str, seen: Mapping[str, str]) -> str:
        """The prompt, or where it says nothing of clothes, one that says what a photo shows (words by slot) as well."""
        said = self.read(prompt) if prompt.strip() else {}
        if {"upper_kind", "lower_kind"} & said.keys():
            return prompt
        return caption({**seen, **said})

    def sliders(self, prompt: str) -> dict[str, float]:
        """Semantic body sliders that fit the prompt, for when the user has set none."""
        sliders = dict(_DEFAULTS)
        for item in self.read(prompt).items():
            sliders.update(_SLIDERS.get(item, {}))
        return sliders
