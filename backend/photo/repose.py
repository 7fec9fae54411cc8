"""What a photo shows of a body, seen in another pose: the known part of views that are then painted anew.

Pose transfer by surface correspondence (Neverova et al. 2018, "Dense pose transfer"): each pixel of the new views is a
place on the body's surface, which the fitted body finds in the photo. Where the photo does not show a place, it may
show the one opposite: clothes and faces are alike on both sides. The rest, and all that hangs beside the body, is left
to the denoiser.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.body_maps import vertex_normals
from ..geometry.rasterize import Layer, rasterize
from ..geometry.texels import nearest_known
from .canonical import SOLID, ViewPhoto

FACING = 0.3
"""Least cosine between a place's normal and the camera: beyond it a photo shows the place too slantwise."""
_BURIED = 0.02
"""Depth in the view cube by which a place may lie behind the foremost one and still be seen: folds of skin."""
_RIM = 1 / 170
"""Of the view, by which what is known is drawn in: there a fit's error brings the background's or another limb's
colours."""
_DEPTH_SIZE = 512
"""Pixels of the layer that tells which places lie foremost."""
_TURN = 0.3
"""Distance of head vertices after the best shift, turn and scale in the picture, as a share of their spread, to which
the head is taken to be seen as before. It grows with the turn out of the picture."""


@dataclass(frozen=True)
class SeenBody:
    """A posed body in view space, and what a photo shows of that view."""

    vertices: Tensor  # [V, 3]
    picture: ViewPhoto
    behind: bool = False  # whether the picture is the back view


@dataclass(frozen=True)
class Head:
    """The head, which with its hair moves as a whole."""

    vertices: Tensor  # [V] bool
    region: Tensor  # [S, S] bool, where head and hair are in the new views


def reposed(
    seen: list[SeenBody], vertices: Tensor, faces: Tensor, mirror: Tensor | None, head: Head
) -> tuple[ViewPhoto, ViewPhoto]:
    """Front and back view (S, S) of the body in another pose, known where a photo shows that place of it.

    A head that the new view sees as the photo does is taken over whole, with its hair and what is beside it; any other
    is left open: half a face and its mirror image make no face.

    Args:
        seen: the body as photos show it, the first choice first.
        vertices: [V, 3] the same body in the new pose, in its own view space.
        faces: [F, 3] of both.
        mirror: [V] the vertex opposite of each; None if the body has no such table.
        head: which vertices are the head's, and its place in the new views.
    """
    size = len(head.region)
    photos = [_Shown(one, faces) for one in seen]
    opposites = [None] if mirror is None else [None, mirror]
    views = []
    for behind, layer in zip((False, True), rasterize(vertices, faces, size), strict=True):
        rgb, known = torch.zeros(size, size, 3), torch.zeros(size, size, dtype=torch.bool)
        for opposite in opposites:  # the place itself in any photo, before the one opposite
            for photo in photos:
                colour, visible = photo.at(layer, opposite)
                taken = visible & ~known
                rgb[taken] = colour[taken]
                known |= visible
        reach = 2 * round(_RIM * size) + 1
        known &= ~head.region
        known = functional.max_pool2d((~known)[None, None].float(), reach, 1, reach // 2)[0, 0] == 0
        view = ViewPhoto(torch.cat([nearest_known(rgb, known).movedim(-1, 0), known[None].float()]), known)
        for one in seen:
            if one.behind == behind and (moved := _moved_head(one, vertices, head)) is not None:
                here = head.region & moved.known
                view = ViewPhoto(torch.where(here, moved.rgba, view.rgba), view.known | here)
        views.append(view)
    return views[0], views[1]


def turned_away(old: Tensor, new: Tensor) -> bool:
    """Whether a head with vertices (H, 3) in the photo's view is seen from elsewhere in the new one, ``new`` (H, 3)."""
    middle_old, middle_new, factor = _similarity(old, new)
    b, a = _complex(old) - middle_old, _complex(new) - middle_new
    return float((b - factor * a).abs().square().mean().sqrt() / b.abs().square().mean().sqrt()) > _TURN


def _moved_head(seen: SeenBody, vertices: Tensor, head: Head) -> ViewPhoto | None:
    """The picture shifted, turned and scaled so that its head lies on the new one; None if it is turned away."""
    old, new = seen.vertices[head.vertices], vertices[head.vertices]
    if turned_away(old, new):
        return None
    middle_old, middle_new, factor = _similarity(old, new)
    size = len(head.region)
    steps = (torch.arange(size).double() + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(-steps, steps, indexing="ij")
    there = middle_old + factor * (torch.complex(x, y) - middle_new)
    place = torch.stack([there.real, -there.imag], dim=-1)[None].float()
    planes = torch.cat([seen.picture.rgba, seen.picture.known[None].float()])[None]
    moved = functional.grid_sample(planes, place, align_corners=False)[0]
    return ViewPhoto(moved[:4], moved[4] > SOLID)


def _similarity(old: Tensor, new: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both middles, and the complex factor that takes ``new`` (H, 3) to ``old`` (H, 3) in the picture's plane."""
    b, a = _complex(old), _complex(new)
    b, a, middle_old, middle_new = b - b.mean(), a - a.mean(), b.mean(), a.mean()
    return middle_old, middle_new, (a.conj() * b).sum() / (a.conj() * a).sum()


def _complex(points: Tensor) -> Tensor:
    return torch.complex(points[:, 0].double(), points[:, 1].double())


class _Shown:
    """Answers what a photo shows of places on the body."""

    def __init__(self, seen: SeenBody, faces: Tensor) -> None:
        self.faces = faces
        self.sign = -1.0 if seen.behind else 1.0
        normals = vertex_normals(seen.vertices, faces)
        self.attributes = torch.cat([seen.vertices, self.sign * normals[:, 2:]], dim=1)
        layer = rasterize(seen.vertices, faces, _DEPTH_SIZE)[int(seen.behind)]
        self.nearness = torch.where(layer.mask, self.sign * layer.depth, torch.full_like(layer.depth, -4.0))
        solid = (seen.picture.rgba[3] > SOLID) & seen.picture.known
        self.planes = torch.cat([seen.picture.rgba[:3], solid[None].float()])

    def at(self, layer: Layer, opposite: Tensor | None) -> tuple[Tensor, Tensor]:
        """Colours (S, S, 3) of the places in ``layer``, or of those opposite; where the photo shows them, (S, S)."""
        attributes = self.attributes if opposite is None else self.attributes[opposite]
        x, y, z, facing = layer.interpolate(self.faces, attributes).unbind(-1)
        place = torch.stack([x, -y], dim=-1)[None]
        r, g, b, solid = functional.grid_sample(self.planes[None], place, align_corners=False)[0]
        (nearness,) = functional.grid_sample(self.nearness[None, None], place, align_corners=False)[0]
        visible = layer.mask & (facing > FACING) & (self.sign * z > nearness - _BURIED) & (solid > SOLID)
        return torch.stack([r, g, b], dim=-1), visible
