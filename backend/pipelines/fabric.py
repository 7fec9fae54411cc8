"""Fabric: the patterns and prints that a prompt names, laid over plain clothes.

Stripes of five centimetres are finer than the cells of the latents, and a denoiser of this size does not paint them. So
it is asked for plain cloth, and patterns are laid on by rule: on the pictures, and on the texture baked from the plain
ones, each at its own detail and in places of the unposed body. They follow the pose and run on around the person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from rigging.normals import vertex_normals

from ..cloth.cloth import Cloth
from ..cloth.fabric import UPPER, Fabric
from ..cloth.garment import REACH, Garment, distance_to, garment_of
from ..cloth.places import Places, places_of_pixels, places_of_points
from ..geometry.color import lab_to_srgb, srgb_to_lab
from ..geometry.texels import Texels
from ..geometry.texture import bake_texture
from ..models.autoencoder import resize
from ..models.labels import Label
from .body import PosedSubject
from .edit import part_ids
from .texture import TexturedMesh

PLACES_SIZE = 512
"""Pixels a side at which places on the body are worked out, and garments' outlines."""
MASK_SIZE = 1024
"""Pixels a side of the texture into which their outlines are baked."""


@dataclass(frozen=True)
class Laid:
    """One garment's cloth and where it was found: in the front and in each back, PLACES_SIZE pixels a side."""

    cloth: Cloth
    garments: tuple[Garment | None, ...]


@dataclass(frozen=True)
class Woven:
    """Finished views in their patterns, and what it takes to lay the same on a mesh."""

    front: Tensor  # [4, S, S] straight RGBA in [0, 1]
    backs: Tensor  # [K, 4, S, S], as seen through the body
    laid: tuple[Laid, ...]


class FabricPipeline:
    """Plain clothes to the cloth that was asked for."""

    @torch.no_grad()
    def __call__(
        self,
        fabrics: list[Fabric],
        subject: PosedSubject,
        front: Tensor,
        backs: Tensor,
        labels: Tensor,
        seed: int,
        changed: Tensor | None = None,
    ) -> Woven | None:
        """The views with their patterns; alpha stays. None when nothing is asked for, or nobody wears such a thing.

        Args:
            fabrics: what to lay on.
            subject: the posed body.
            front: [4, S, S] straight RGBA in [0, 1].
            backs: [K, 4, S, S], as seen through the body.
            labels: [1 + K, H, W] Label of the front and of each back.
            seed: decides on what a print shows and its colour.
            changed: [2, 1, S', S'] where front and back may change; None is everywhere.
        """
        if not fabrics:
            return None
        model = subject.model
        sides = places_of_pixels(
            subject.posed, model.faces, model.weights, part_ids(subject), subject.frame, PLACES_SIZE
        )
        plain = resize(torch.cat([front[None], backs]).float().cpu(), PLACES_SIZE)
        may = None if changed is None else functional.interpolate(changed.float().cpu(), PLACES_SIZE)[:, 0]
        height = subject.posed.rest_vertices[:, 1]
        laid = []
        for fabric in fabrics:
            label = Label.UPPER if fabric.area == UPPER else Label.LOWER
            garments = [garment_of(view, each, label) for view, each in zip(plain, labels.cpu(), strict=True)]
            lab = next((garment.lab for garment in garments if garment is not None), None)
            if lab is None:
                continue
            if may is not None:
                garments = [g and replace(g, amount=g.amount * may[min(k, 1)]) for k, g in enumerate(garments)]
            laid.append(Laid(Cloth(fabric, lab, seed, (float(height.min()), float(height.max()))), tuple(garments)))
        if not laid:
            return None
        views = [
            _on_view(view, [(each.cloth, each.garments[k]) for each in laid], sides[min(k, 1)], subject)
            for k, view in enumerate([front, *backs])
        ]
        return Woven(views[0], torch.stack(views[1:]), tuple(laid))

    @torch.no_grad()
    def on_texture(self, woven: Woven, back: int, textured: TexturedMesh, subject: PosedSubject) -> Image.Image:
        """The texture of a mesh that was baked from plain views, with the patterns: at the sides, too.

        Args:
            woven: what the call gave for these views.
            back: which of the backs.
            textured: the mesh, in view space, with its plain texture.
            subject: the posed body.
        """
        model, size = subject.model, textured.image.width
        normals = vertex_normals(textured.vertices, textured.faces).astype(np.float32)
        world = subject.frame.to_world(textured.vertices.astype(np.float64))
        places = places_of_points(world, normals, subject.posed, model.faces, model.weights, part_ids(subject))
        texels = Texels.of(textured.faces, textured.uvs, size)
        pixel = _texel(textured) / subject.frame.scale
        rgb = torch.from_numpy(np.array(textured.image))[texels.mask].float() / 255
        for each in woven.laid:
            baked = bake_texture(
                textured.vertices,
                normals,
                textured.faces,
                textured.uvs,
                _as_picture(each.garments[0], woven.front),
                _as_picture(each.garments[1 + back], woven.backs[back]),
                size=min(size, MASK_SIZE),
            )
            mask = Image.fromarray(baked[..., 0], "L").resize((size, size), Image.Resampling.BILINEAR)
            amount = ((torch.from_numpy(np.array(mask))[texels.mask] / 255 - 0.35) / 0.3).clamp(0, 1)
            chosen = (amount > 0).nonzero().squeeze(1)
            lab = srgb_to_lab(rgb[chosen])
            near = distance_to(lab, each.cloth.lab) < REACH  # where no picture sees, the mask is its surroundings'
            chosen, lab = chosen[near], lab[near]
            worked = each.cloth.over(lab, _at(places, texels, chosen), pixel)
            rgb[chosen] = lab_to_srgb(torch.lerp(lab, worked, amount[chosen].unsqueeze(1)))
        return Image.fromarray(texels.picture(rgb), "RGB")


def _on_view(view: Tensor, laid: list[tuple[Cloth, Garment | None]], where: Places, subject: PosedSubject) -> Tensor:
    """``view`` (4, S, S) with patterns and prints on its garments."""
    size = view.shape[-1]

    def enlarged(values: Tensor, mode: str = "bilinear") -> Tensor:
        return functional.interpolate(values.permute(2, 0, 1)[None].float(), size, mode=mode)[0].permute(1, 2, 0)

    large = Places(
        rest=enlarged(where.rest),
        hung=enlarged(where.hung),
        facing=enlarged(where.facing),
        hung_facing=enlarged(where.hung_facing),
        part=enlarged(where.part.unsqueeze(-1), "nearest")[..., 0].long(),
        pelvis=where.pelvis,
    )
    rgb = view[:3].float().cpu().permute(1, 2, 0).clone()
    for cloth, garment in laid:
        if garment is None:
            continue
        amount = enlarged(garment.amount.unsqueeze(-1))[..., 0]
        chosen = amount > 0
        lab = srgb_to_lab(rgb[chosen])
        worked = cloth.over(lab, large.at(chosen), 2 / size / subject.frame.scale)
        rgb[chosen] = lab_to_srgb(torch.lerp(lab, worked, amount[chosen].unsqueeze(1)))
    return torch.cat([rgb.permute(2, 0, 1).to(view), view[3:]])


def _at(places: Places, texels: Texels, chosen: Tensor) -> Places:
    """Places of the texels of index ``chosen`` (M,), from those of the mesh's vertices."""
    main = texels.corners[chosen].gather(1, texels.weights[chosen].argmax(1, keepdim=True)).squeeze(1)
    return Places(
        rest=texels.blend(places.rest, chosen),
        hung=texels.blend(places.hung, chosen),
        facing=texels.blend(places.facing, chosen),
        hung_facing=texels.blend(places.hung_facing, chosen),
        part=places.part[main],
        pelvis=places.pelvis,
    )


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
