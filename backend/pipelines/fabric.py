"""Fabric: the pattern or print that a prompt names, laid over the upper garment of finished views.

Stripes of five centimetres are finer than the cells of the latents, and a denoiser of this size does not paint them. So
it is asked for plain cloth, and patterns are laid on by rule, at the picture's own detail and in places of the unposed
body: they follow the pose, and run on from the front to the back.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rigging.parts import PART_INDEX

from ..cloth.garment import Garment, upper_garment
from ..cloth.patterns import weave
from ..cloth.places import Places, places
from ..cloth.prints import MOTIFS, Print
from ..geometry.color import lab_to_srgb, srgb_to_lab
from ..models.autoencoder import resize
from .body import PosedSubject
from .edit import part_ids

PLACES_SIZE = 512
"""Pixels a side at which the garment is looked for."""
LONGEST_WORD = 12
WRITTEN = 0.13
"""Half the width in metres of a text that the prompt gives."""
PRINTED = tuple(motif for motif in MOTIFS if motif not in ("band", "lines"))
"""What a print shows when the prompt leaves it open."""
_QUOTED = re.compile(r"[\"“„«]\s*([^\"”“»]{1,40}?)\s*[\"”“»]")
_SHAPES = "|".join(motif for motif in MOTIFS if motif.islower())
_NAMED = re.compile(rf"\b({_SHAPES})\b[- ](?:print|motif|logo|on (?:it|the chest))", re.I)
_CALLED = {
    "stripes": r"strip(?:ed|y|es)|pin-?strip(?:ed?|es)",
    "checks": r"checked|checkered|chequered|plaid|tartan|gingham|flannel",
    "dots": r"dotted|dots|polka[- ]dots?|spotted",
    "camouflage": r"camo|camouflaged?",
    "floral": r"floral|flowery|flowered|flowers|hawaiian",
    "logo": r"printed|graphic|logo|slogan|emblem",
}
_ELSEWHERE = (
    r"(?:[ -](?!and\b|with\b|in\b|over\b|above\b|on\b|shirt|tee|top|dress)[\w-]+){0,2}? "
    r"(?:trousers|pants|slacks|jeans|denims|leggings|skirt|miniskirt|shorts|socks|shoes|trainers|boots|tie|scarf|hat)\b"
)
"""What follows a word for a pattern that is not the upper garment's."""
_ARMS = ("left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm", "left_hand", "right_hand")
_HANGING = ("dress", "coat", "tunic")


@dataclass(frozen=True)
class Fabric:
    """What the upper garment's cloth looks like.

    Args:
        pattern: of backend.cloth.patterns.PATTERNS, "logo" for a print, or "plain".
        kind: of garment, a choice of the slot ``upper_kind``.
        motif: what is printed; None leaves it to the seed.
        chance: a number of the prompt's, so that the same seed does not print the same on everybody.
    """

    pattern: str = "plain"
    kind: str = "t-shirt"
    motif: str | None = None
    chance: int = 0


class FabricPipeline:
    """Views in plain clothes to views in the cloth that was asked for."""

    @torch.no_grad()
    def __call__(
        self,
        fabric: Fabric,
        subject: PosedSubject,
        front: Tensor,
        backs: Tensor,
        seed: int,
        changed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same views with the pattern; alpha stays.

        Args:
            fabric: what to lay on.
            subject: the posed body.
            front: [4, S, S] straight RGBA in [0, 1].
            backs: [K, 4, S, S], as seen through the body.
            seed: decides on what a print shows and its colour.
            changed: [2, 1, S', S'] where front and back may change; None is everywhere.
        """
        if fabric.pattern == "plain":
            return front, backs
        sides = places(
            subject.posed, subject.model.faces, subject.model.weights, part_ids(subject), subject.frame, PLACES_SIZE
        )
        worn: Garment | None = None  # in front
        out = []
        for index, view in enumerate([front, *backs]):
            side = min(index, 1)
            small = resize(view[None].float().cpu(), PLACES_SIZE)[0]
            garment = upper_garment(small, sides[side], fabric.kind, worn)
            worn = worn or garment
            if garment is not None and not (fabric.pattern == "logo" and side == 1):
                if changed is not None:
                    kept = functional.interpolate(changed[side][None].cpu(), PLACES_SIZE)[0, 0]
                    garment = replace(garment, amount=garment.amount * kept)
                view = _laid_on(view, garment, sides[side], fabric, seed, subject)
            out.append(view)
        return out[0], torch.stack(out[1:])


def fabric_of(prompt: str, words: dict[str, str]) -> Fabric:
    """What a prompt says of cloth: its words by slot, and a text in quotation marks or a named motif to print."""
    written = _QUOTED.search(prompt)
    named = _NAMED.search(prompt)
    motif = named[1].lower() if named else None
    if written and len(written[1]) <= LONGEST_WORD:
        motif = written[1].upper() if written[1].lower() in MOTIFS else written[1]
    pattern = "logo" if motif else _called(without_quotes(prompt)) or words.get("pattern", "plain")
    return Fabric(pattern, words.get("upper_kind", "t-shirt"), motif, zlib.crc32(prompt.encode()))


def _called(prompt: str) -> str | None:
    """The pattern that words name, "plain" if they all speak of other clothes than the upper garment, None without any.

    By rule beside the prompt encoder's reading: it knows fewer words, and takes striped trousers for a striped shirt.
    """
    found = [
        (word.start(), "plain" if re.match(_ELSEWHERE, prompt[word.end() :], re.I) else pattern)
        for pattern, words in _CALLED.items()
        for word in re.finditer(rf"\b(?:{words})\b", prompt, re.I)
    ]
    named = [pattern for _, pattern in sorted(found) if pattern != "plain"]
    return named[0] if named else "plain" if found else None


def without_quotes(prompt: str) -> str:
    """The prompt without what is to be written on clothes: it says nothing of the person."""
    return _QUOTED.sub("a print", prompt)


def _laid_on(view: Tensor, garment: Garment, where: Places, fabric: Fabric, seed: int, subject: PosedSubject) -> Tensor:
    """``view`` (4, S, S) with the pattern or print on its garment."""
    size = view.shape[-1]

    def enlarged(values: Tensor, mode: str = "bilinear") -> Tensor:
        return functional.interpolate(values.permute(2, 0, 1)[None].float(), size, mode=mode)[0].permute(1, 2, 0)

    amount = enlarged(garment.amount.unsqueeze(-1))[..., 0]
    chosen = amount > 0
    rest, hung = (enlarged(places)[chosen] for places in (where.rest, where.hung))
    rgb = view[:3].float().cpu().permute(1, 2, 0).clone()
    lab = srgb_to_lab(rgb[chosen])
    if fabric.pattern == "logo":
        stands = subject.posed.rest_vertices[:, 1]
        worked = _print(fabric, garment, seed).on(lab, rest, float(stands.min()), float(stands.max()))
    else:
        part = enlarged(where.part.unsqueeze(-1), "nearest")[..., 0][chosen].long()
        arm = torch.isin(part, torch.tensor([PART_INDEX[name] for name in _ARMS]))
        skirt = (hung[:, 1] < where.pelvis) & (fabric.kind in _HANGING)
        # Sleeves are woven like the trunk, and sewn on: across becomes along, for the arms of the T-pose lie level.
        across = torch.where(arm, rest[:, 1], torch.where(skirt, hung[:, 0], rest[:, 0]))
        along = torch.where(arm, rest[:, 0].abs(), torch.where(skirt, hung[:, 1], rest[:, 1]))
        pixel = 2 / size / subject.frame.scale
        worked = weave(lab, across, along, fabric.pattern, pixel, garment.lab[0])
    rgb[chosen] = lab_to_srgb(torch.lerp(lab, worked, amount[chosen].unsqueeze(1)))
    return torch.cat([rgb.permute(2, 0, 1).to(view), view[3:]])


def _print(fabric: Fabric, garment: Garment, seed: int) -> Print:
    rng = np.random.default_rng([seed, fabric.chance])
    motif = fabric.motif or PRINTED[int(rng.integers(len(PRINTED)))]
    drawn = Print.draw(rng, garment.lab.numpy(), motif)
    return drawn if motif in MOTIFS else replace(drawn, radius=WRITTEN)
