"""Fabric: the pattern or print that a prompt names, laid over the upper garment.

Stripes of five centimetres are finer than the cells of the latents, and a denoiser of this size does not paint them. So
it is asked for plain cloth, and patterns are laid on by rule: on the pictures, and on the texture baked from the plain
ones, each at its own detail and in places of the unposed body. They follow the pose and run on around the person.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from rigging.normals import vertex_normals
from rigging.parts import PART_INDEX

from ..cloth.garment import REACH, Garment, distance_to, upper_garment
from ..cloth.patterns import weave
from ..cloth.places import PixelPlaces, Places, places_of_pixels, places_of_points
from ..cloth.prints import MOTIFS, Print
from ..geometry.color import lab_to_srgb, srgb_to_lab
from ..geometry.texels import Texels
from ..geometry.texture import bake_texture
from ..models.autoencoder import resize
from .body import PosedSubject
from .edit import part_ids
from .texture import TexturedMesh

PLACES_SIZE = 512
"""Pixels a side at which the garment is looked for."""
MASK_SIZE = 1024
"""Pixels a side of the texture into which its outline is baked."""
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


@dataclass(frozen=True)
class Woven:
    """Finished views in their pattern, and what it takes to lay the same on a mesh."""

    fabric: Fabric
    front: Tensor  # [4, S, S] straight RGBA in [0, 1]
    backs: Tensor  # [K, 4, S, S], as seen through the body
    garments: tuple[Garment | None, ...]  # of the front and of each back, PLACES_SIZE pixels a side
    lab: Tensor  # [3] the garment's colour in front
    seed: int


class FabricPipeline:
    """Plain clothes to the cloth that was asked for."""

    @torch.no_grad()
    def __call__(
        self,
        fabric: Fabric,
        subject: PosedSubject,
        front: Tensor,
        backs: Tensor,
        seed: int,
        changed: Tensor | None = None,
    ) -> Woven | None:
        """The views with the pattern; alpha stays. None when nothing is asked for, or nobody wears anything.

        Args:
            fabric: what to lay on.
            subject: the posed body.
            front: [4, S, S] straight RGBA in [0, 1].
            backs: [K, 4, S, S], as seen through the body.
            seed: decides on what a print shows and its colour.
            changed: [2, 1, S', S'] where front and back may change; None is everywhere.
        """
        if fabric.pattern == "plain":
            return None
        model = subject.model
        sides = places_of_pixels(
            subject.posed, model.faces, model.weights, part_ids(subject), subject.frame, PLACES_SIZE
        )
        garments: list[Garment | None] = []
        for index, view in enumerate([front, *backs]):
            side = min(index, 1)
            small = resize(view[None].float().cpu(), PLACES_SIZE)[0]
            garment = upper_garment(small, sides[side], fabric.kind, garments[0] if garments else None)
            if garment is not None and changed is not None:
                kept = functional.interpolate(changed[side][None].cpu(), PLACES_SIZE)[0, 0]
                garment = replace(garment, amount=garment.amount * kept)
            garments.append(garment)
        found = next((garment for garment in garments if garment is not None), None)
        if found is None:
            return None
        cloth = _Cloth(fabric, found.lab, seed, subject)
        views = [
            view if garment is None else _on_view(cloth, view, garment, sides[min(index, 1)])
            for index, (view, garment) in enumerate(zip([front, *backs], garments, strict=True))
        ]
        return Woven(fabric, views[0], torch.stack(views[1:]), tuple(garments), found.lab, seed)

    @torch.no_grad()
    def on_texture(self, woven: Woven, back: int, textured: TexturedMesh, subject: PosedSubject) -> Image.Image:
        """The texture of a mesh that was baked from plain views, with the pattern: at the sides, too.

        Args:
            woven: what the call gave for these views.
            back: which of the backs.
            textured: the mesh, in view space, with its plain texture.
            subject: the posed body.
        """
        size = textured.image.width
        normals = vertex_normals(textured.vertices, textured.faces).astype(np.float32)
        baked = bake_texture(
            textured.vertices,
            normals,
            textured.faces,
            textured.uvs,
            _as_picture(woven.garments[0], woven.front),
            _as_picture(woven.garments[1 + back], woven.backs[back]),
            size=min(size, MASK_SIZE),
        )
        texels = Texels.of(textured.faces, textured.uvs, size)
        mask = Image.fromarray(baked[..., 0], "L").resize((size, size), Image.Resampling.BILINEAR)
        amount = ((torch.from_numpy(np.array(mask))[texels.mask] / 255 - 0.35) / 0.3).clamp(0, 1)
        chosen = (amount > 0).nonzero().squeeze(1)
        rgb = torch.from_numpy(np.array(textured.image))[texels.mask].float() / 255
        lab = srgb_to_lab(rgb[chosen])
        near = distance_to(lab, [woven.lab]) < REACH  # where no picture sees, the mask is its surroundings'
        chosen, lab = chosen[near], lab[near]
        main = texels.corners[chosen].gather(1, texels.weights[chosen].argmax(1, keepdim=True)).squeeze(1)
        model = subject.model
        at = places_of_points(
            subject.frame.to_world(textured.vertices.astype(np.float64)),
            normals,
            subject.posed,
            model.faces,
            model.weights,
            part_ids(subject),
        )
        there = Places(
            rest=texels.blend(at.rest, chosen),
            hung=texels.blend(at.hung, chosen),
            facing=texels.blend(at.facing, chosen),
            hung_facing=texels.blend(at.hung_facing, chosen),
            part=at.part[main],
            pelvis=at.pelvis,
        )
        cloth = _Cloth(woven.fabric, woven.lab, woven.seed, subject)
        worked = cloth.over(lab, there, _texel(textured) / subject.frame.scale)
        rgb[chosen] = lab_to_srgb(torch.lerp(lab, worked, amount[chosen].unsqueeze(1)))
        return Image.fromarray(texels.picture(rgb), "RGB")


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


@dataclass(frozen=True)
class _Cloth:
    """The pattern or print itself."""

    fabric: Fabric
    lab: Tensor  # [3] of the garment
    seed: int
    subject: PosedSubject

    def over(self, lab: Tensor, where: Places, pixel: float) -> Tensor:
        """Colours (N, 3) in Lab with it, at places (N,); ``pixel`` metres wide."""
        rest, hung = where.rest, where.hung
        if self.fabric.pattern == "logo":
            stands = self.subject.posed.rest_vertices[:, 1]
            return self._print().on(lab, rest, float(stands.min()), float(stands.max()))
        arm = torch.isin(where.part, torch.tensor([PART_INDEX[name] for name in _ARMS]))
        skirt = (hung[:, 1] < where.pelvis) & (self.fabric.kind in _HANGING)
        # Cut and sewn as clothes are: a panel before and behind, one at each side; sleeves likewise, round the T-pose's
        # level arms.
        facing, hung_facing = where.facing.abs(), where.hung_facing.abs()
        trunk = torch.where(facing[:, 0] > facing[:, 2], rest[:, 2], rest[:, 0])
        sleeve = torch.where(facing[:, 1] > facing[:, 2], rest[:, 2], rest[:, 1])
        below = torch.where(hung_facing[:, 0] > hung_facing[:, 2], hung[:, 2], hung[:, 0])
        across = torch.where(arm, sleeve, torch.where(skirt, below, trunk))
        along = torch.where(arm, rest[:, 0].abs(), torch.where(skirt, hung[:, 1], rest[:, 1]))
        return weave(lab, across, along, self.fabric.pattern, pixel, self.lab[0])

    def _print(self) -> Print:
        rng = np.random.default_rng([self.seed, self.fabric.chance])
        motif = self.fabric.motif or PRINTED[int(rng.integers(len(PRINTED)))]
        drawn = Print.draw(rng, self.lab.numpy(), motif)
        return drawn if motif in MOTIFS else replace(drawn, radius=WRITTEN)


def _on_view(cloth: _Cloth, view: Tensor, garment: Garment, where: PixelPlaces) -> Tensor:
    """``view`` (4, S, S) with the pattern or print on its garment."""
    size = view.shape[-1]

    def enlarged(values: Tensor, mode: str = "bilinear") -> Tensor:
        return functional.interpolate(values.permute(2, 0, 1)[None].float(), size, mode=mode)[0].permute(1, 2, 0)

    amount = enlarged(garment.amount.unsqueeze(-1))[..., 0]
    chosen = amount > 0
    part = enlarged(where.part.unsqueeze(-1), "nearest")[..., 0][chosen].long()
    there = Places(
        rest=enlarged(where.rest)[chosen],
        hung=enlarged(where.hung)[chosen],
        facing=enlarged(where.facing)[chosen],
        hung_facing=enlarged(where.hung_facing)[chosen],
        part=part,
        pelvis=where.pelvis,
    )
    rgb = view[:3].float().cpu().permute(1, 2, 0).clone()
    lab = srgb_to_lab(rgb[chosen])
    worked = cloth.over(lab, there, 2 / size / cloth.subject.frame.scale)
    rgb[chosen] = lab_to_srgb(torch.lerp(lab, worked, amount[chosen].unsqueeze(1)))
    return torch.cat([rgb.permute(2, 0, 1).to(view), view[3:]])


def _as_picture(garment: Garment | None, view: Tensor) -> np.ndarray:
    """A garment's mask as a grey picture (H, W, 4) with the view's alpha, for baking."""
    alpha = resize(view[None].float().cpu(), PLACES_SIZE)[0, 3]
    grey = torch.zeros_like(alpha) if garment is None else garment.amount
    return torch.stack([grey, grey, grey, alpha], dim=-1).numpy()


def _texel(textured: TexturedMesh) -> float:
    """Width of a texel on the surface, view units: the root of the areas' ratio."""
    a, b, c = (textured.vertices[textured.faces[:, k]] for k in range(3))
    p, q, r = (textured.uvs[textured.faces[:, k]] * textured.image.width for k in range(3))
    surface = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    flat = np.abs((q - p)[:, 0] * (r - p)[:, 1] - (q - p)[:, 1] * (r - p)[:, 0]).sum()
    return float(np.sqrt(surface / max(flat, 1e-9)))
