"""What needs no generation: the training person of the nearest caption, and the bare body in the colours asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..data.dataset import Sample, people, read_sample
from ..geometry.color import lab_to_srgb
from ..geometry.rasterize import rasterize
from ..models.slots import COLOURS, HAIR_COLOURS
from ..pipelines.body import PosedSubject
from ..pipelines.prompt import PromptPipeline
from .colours import SKIN_LAB
from .parts import LONG_LEGS, Part, parts_of_vertices

_BATCH = 64
_LONG_SLEEVES = ("shirt", "sweater", "suit jacket", "jacket", "coat", "sportswear", "bodysuit")
_UNSAID = (128, 128, 128)


@dataclass(frozen=True)
class Neighbours:
    """The training people and the attribute tokens (N, 15 * D) of each one's longest caption."""

    paths: list[Path]
    tokens: Tensor

    @classmethod
    def of(cls, folders: list[Path], prompt: PromptPipeline, limit: int | None = None) -> Neighbours:
        paths = [path for folder in folders for path in people(folder)][:limit]
        captions = [longest_caption(path) for path in paths]
        batches = tqdm(range(0, len(captions), _BATCH), desc="captions")
        tokens = [prompt.tokens(captions[i : i + _BATCH]).flatten(1).cpu() for i in batches]
        return cls(paths, torch.cat(tokens))

    def nearest(self, tokens: Tensor) -> Sample:
        """The person whose tokens lie nearest to a prompt's (1, 15, D)."""
        return read_sample(self.paths[int((self.tokens - tokens.flatten().cpu()).norm(dim=1).argmin())])


def longest_caption(path: Path) -> str:
    """Of a dataset's person, without decoding the pictures."""
    with np.load(path, allow_pickle=False) as data:
        captions: list[str] = json.loads(data["record"].tobytes())["captions"]
    return max(captions, key=len)


def coloured_body(subject: PosedSubject, named: dict[str, str], size: int = 512) -> Tensor:
    """Front and back (2, 4, size, size) of the bare body, each part in the colour that was named, shaded by its slope.

    What was not named is grey; skin then is of the middle tone.
    """
    colours = part_colours(named)
    table = torch.zeros(max(Part) + 1, 3)
    for part, rgb in colours.items():
        table[part] = torch.tensor(rgb) / 255
    of_face = table[torch.from_numpy(parts_of_vertices(subject.model)[subject.model.faces[:, 0]])].to(subject.device)
    maps = subject.maps(size)
    views = []
    for layer, side in zip(rasterize(subject.vertices, subject.faces, size), maps, strict=True):
        shade = 0.55 + 0.45 * side[2].abs()
        colour = of_face[layer.face.clamp_min(0)].permute(2, 0, 1) * shade * layer.mask
        views.append(torch.cat([colour, layer.mask[None].float()]))
    return torch.stack(views).cpu()


def part_colours(named: dict[str, str]) -> dict[Part, tuple[int, int, int]]:
    """sRGB of each part of someone of whom the prompt says ``named``."""
    skin = _srgb(SKIN_LAB[named.get("skin_tone", "tan")])
    upper = COLOURS.get(named.get("upper_colour", ""), _UNSAID)
    kind = named.get("lower_kind", "trousers")
    dress = "dress" in (kind, named.get("upper_kind"))
    lower = upper if dress else COLOURS.get(named.get("lower_colour", ""), _UNSAID)
    shoes = COLOURS.get(named.get("shoes_colour", ""), _UNSAID)
    hair = skin if named.get("hair_style") == "bald" else HAIR_COLOURS.get(named.get("hair_colour", ""), _UNSAID)
    long_sleeves = named.get("upper_kind") in _LONG_SLEEVES
    legs = (Part.THIGH, Part.KNEE, Part.SHIN, Part.ANKLE)
    bare = len(legs) if kind in LONG_LEGS else 0 if kind == "none" else 2
    reach = {part: lower if i < bare else skin for i, part in enumerate(legs)}
    return {
        Part.TORSO: upper,
        Part.CHEST: upper,
        Part.HIPS: lower,
        Part.SLEEVE: upper,
        Part.ARM: upper if long_sleeves else skin,
        Part.HAND: skin,
        Part.FOOT: skin if named.get("shoes_kind") == "barefoot" else shoes,
        Part.NECK: skin,
        Part.HEAD: skin,
        Part.FACE: skin,
        Part.SCALP: hair,
        **reach,
    }


def _srgb(lab: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (lab_to_srgb(torch.tensor(lab)) * 255).round().int().tolist()
    return red, green, blue
