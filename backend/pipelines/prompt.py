"""What a prompt says: the tokens that condition the views, and the sliders that it implies."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from rigging.semantic import RANGES

from ..cloth.fabric import Fabric, fabrics_of, without_quotes
from ..models.prompt_encoder import PromptEncoder, TextStates, in_plain_cloth
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

_PEOPLE = "woman|man|person|lady|gentleman|guy|girl|male|female|grandmother|grandfather"
_OTHER = "hair|and|with|in|wearing"  # behind these words begins something else than the person
_STATURE = re.compile(
    rf"\b(very )?(tall|short|petite)\b[, -]+(?:(?!(?:{_OTHER})\b|haired)[\w-]+[, ]+){{0,4}}?(?:{_PEOPLE})\b", re.I
)
_CENTIMETRES = re.compile(r"\b(1[3-9]\d|2[0-2]\d) ?cm\b", re.I)
_TALLER_CM, _MUCH_TALLER_CM = 10.0, 17.0


def stature(prompt: str, average_cm: float) -> float:
    """Height in centimetres that a prompt names ("a tall man", "190 cm"), else the average of such people.

    Height is no picture's business, hence no slot of the prompt encoder's: these few words are read by rule.
    """
    said = _CENTIMETRES.search(prompt)
    if said:
        return float(min(max(float(said[1]), RANGES["height_cm"][0]), RANGES["height_cm"][1]))
    words = _STATURE.search(prompt)
    if not words:
        return average_cm
    change = _MUCH_TALLER_CM if words[1] else _TALLER_CM
    return average_cm + (change if words[2].lower() == "tall" else -change)


class PromptPipeline:
    """Reads prompts by MiniLM and the prompt encoder."""

    def __init__(self, encoder: PromptEncoder, device: torch.device) -> None:
        self.encoder, self.device = encoder, device
        self._texts = TextStates(device)

    def __call__(self, prompts: list[str]) -> Tensor:
        """What the denoisers are given (B, 15, D): plain cloth, on which :mod:`.fabric` lays patterns later."""
        return in_plain_cloth(self.tokens(prompts))

    @torch.no_grad()
    def tokens(self, prompts: list[str]) -> Tensor:
        """Attribute tokens (B, 15, D)."""
        states, mask = self._texts([without_quotes(prompt) for prompt in prompts])
        return self.encoder(states.to(self.encoder.dtype), mask)

    def fabrics(self, prompt: str) -> list[Fabric]:
        """The clothes that the prompt gives a pattern or print."""
        return fabrics_of(prompt, self.read(prompt) if prompt.strip() else {})

    @torch.no_grad()
    def read(self, prompt: str) -> dict[str, str]:
        """The choices that the prompt names, by slot; what it does not name is left out."""
        reading = self.encoder.read(self.tokens([prompt]))
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
        return sliders | {"height_cm": stature(prompt, sliders["height_cm"])}
