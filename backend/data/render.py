"""Pictures and surface points of a dressed person, by the torch z-buffer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..cloth.patterns import weave
from ..geometry.color import lab_to_linear, linear_to_srgb
from ..geometry.rasterize import Fragments, make_fragments, resolve
from ..geometry.view_frame import ViewFrame
from ..models.labels import Label
from .scene import LAYER_BIAS, Scene

OPAQUE = 0.5


@dataclass(frozen=True)
class Light:
    """A hemisphere of ambient light and two directional lights, all white; directions point to the light."""

    ambient: float
    sky: float  # how much more comes from above than from below
    key: tuple[float, float, float]
    key_strength: float
    fill_strength: float

    @classmethod
    def draw(cls, generator: torch.Generator) -> Light:
        a, b, c, d = torch.rand(4, generator=generator).tolist()
        azimuth, height = (a - 0.5) * 2.4, 0.3 + 0.9 * b
        direction = functional.normalize(torch.tensor([azimuth, height, 1.0]), dim=0).tolist()
        return cls(0.55 + 0.1 * c, 0.1, (direction[0], direction[1], direction[2]), 0.3 + 0.25 * d, 0.3)

    def shade(self, normals: Tensor) -> Tensor:
        """Irradiance (N, 1) of normals (N, 3), about 1 where a surface faces the key light."""
        key = normals.new_tensor(self.key)
        fill = key * normals.new_tensor([-1.0, 1.0, -1.0])  # from behind, the other side
        ambient = self.ambient + self.sky * normals[:, 1]
        direct = self.key_strength * (normals @ key).clamp_min(0) + self.fill_strength * (normals @ fill).clamp_min(0)
        return (ambient + direct).unsqueeze(1)


@dataclass(frozen=True)
class View:
    """One side of a person at one size."""

    rgba: Tensor  # [4, H, W] lit, sRGB, straight alpha
    albedo: Tensor  # [3, H, W] linear light, of the opaque surface; zeros off it
    depth: Tensor  # [H, W] z in view space of the opaque surface; nan off it
    normal: Tensor  # [3, H, W] in the camera's frame, of the opaque surface; zeros off it
    label: Tensor  # [H, W] Label of what is mostly seen


class Renderer:
    """Renders a scene about the vertical axis; both sides of a ray come from one expansion of the triangles."""

    def __init__(self, scene: Scene, frame: ViewFrame, light: Light, close: bool = False) -> None:
        self.scene, self.frame, self.light, self._level = scene, frame, light, int(close)
        self._view = frame.to_view(scene.vertices)
        self._bias = scene.layer.clamp_min(-1).float().add(1) * (LAYER_BIAS * frame.scale)
        self._alpha_part = torch.tensor([s.alpha for s in scene.surfaces])
        heights = scene.rest[: len(scene.body_vertices), 1]
        self._soles_and_crown = float(heights.min()), float(heights.max())

    def views(self, size: int, yaw: float = 0.0) -> tuple[View, View]:
        """(front, back) after turning the person by ``yaw`` radians; the back is seen through the body."""
        turn = rotation_y(yaw)
        fragments = make_fragments(self._view @ turn.T, self.scene.faces, size)
        return self._side(fragments, size, turn, "front"), self._side(fragments, size, turn, "back")

    def _side(self, fragments: Fragments, size: int, turn: Tensor, side: str) -> View:
        scene = self.scene
        sign = 1.0 if side == "front" else -1.0
        biased = fragments._replace(depth=fragments.depth + sign * self._bias[fragments.face])
        alpha_part = self._alpha_part[scene.part[fragments.face]]
        soft = alpha_part.nonzero().squeeze(1)
        opacity = torch.ones(len(fragments.face))
        soft_bary = fragments.barycentric(soft)
        soft_colour = self._albedo(fragments.face[soft], soft_bary)
        opacity[soft] = soft_colour[:, 3]
        solid = (opacity > OPAQUE).nonzero().squeeze(1)
        layer = resolve(
            biased._replace(face=biased.face[solid], pixel=biased.pixel[solid], depth=biased.depth[solid]), side
        )

        seen = layer.mask.view(-1).nonzero().squeeze(1)
        face = layer.face.view(-1)[seen]
        bary = layer.barycentric.view(-1, 3)[seen]
        albedo = self._albedo(face, bary)[:, :3]
        normals = self._normals(face, bary)
        lit = albedo * self.light.shade(normals)

        colour = torch.zeros(size * size, 3)
        alpha = torch.zeros(size * size)
        colour[seen], alpha[seen] = lit, 1.0
        label = torch.full((size * size,), int(Label.NOBODY))
        label[seen] = scene.label[face]
        nearest = torch.full((size * size,), -torch.inf)
        nearest[seen] = sign * layer.depth.view(-1)[seen]
        # Soft fragments in front of the solid surface, composited from the back to the front.
        in_front = sign * biased.depth[soft] > nearest[fragments.pixel[soft]] + 1e-6
        chosen = (in_front & (soft_colour[:, 3] > 0.02)).nonzero().squeeze(1)
        if chosen.numel():
            rows = soft[chosen]
            shade = self.light.shade(self._normals(fragments.face[rows], soft_bary[chosen]))
            hair = (scene.label[fragments.face[rows]] == Label.HAIR).nonzero().squeeze(1)
            opaque = soft_colour[chosen[hair], 3].clamp(0, 0.995)
            through = torch.zeros(size * size).index_add_(0, fragments.pixel[rows[hair]], torch.log1p(-opaque))
            label[through < math.log(1 - OPAQUE)] = Label.HAIR
            _composite(
                colour,
                alpha,
                fragments.pixel[rows],
                sign * biased.depth[rows],
                soft_colour[chosen, :3] * shade,
                soft_colour[chosen, 3],
            )

        def image(values: Tensor, fill: float = 0.0) -> Tensor:
            out = torch.full((size * size, *values.shape[1:]), fill)
            out[seen] = values
            return out

        depth = layer.depth.view(-1)[seen] - sign * self._bias[face]
        straight = colour / alpha.clamp_min(1e-4).unsqueeze(1)
        rgba = torch.cat([linear_to_srgb(straight), alpha.unsqueeze(1)], dim=1)
        return View(
            rgba=rgba.T.reshape(4, size, size),
            albedo=image(albedo).T.reshape(3, size, size),
            depth=image(depth, torch.nan).view(size, size),
            normal=image(normals @ turn.T).T.reshape(3, size, size),
            label=label.view(size, size),
        )

    def _normals(self, face: Tensor, bary: Tensor) -> Tensor:
        corners = self.scene.normals[self.scene.faces[face]]
        return functional.normalize((corners * bary.unsqueeze(2)).sum(1), dim=1)

    def _albedo(self, face: Tensor, bary: Tensor) -> Tensor:
        """Linear light and alpha (N, 4) at surface points."""
        scene = self.scene
        uv = (scene.uvs[face] * bary.unsqueeze(2)).sum(1)
        part, region = scene.part[face], scene.region[face]
        lab_alpha = torch.zeros(len(face), 4)
        for index, surface in enumerate(scene.surfaces):
            rows = (part == index).nonzero().squeeze(1)
            if not rows.numel():
                continue
            texel = _sample(surface.textures[self._level], uv[rows])
            here = region[rows]
            for number, (source, target) in surface.shifts.items():
                hit = (here == number).nonzero().squeeze(1)
                texel[hit, :3] = _recolour(texel[hit, :3], source, target)
            if surface.pattern or surface.print:
                hit = (here != 0).nonzero().squeeze(1)
                corners = scene.rest[scene.faces[face[rows[hit]]]]
                rest = (corners * bary[rows[hit]].unsqueeze(2)).sum(1)
                if surface.pattern:
                    texel[hit, :3] = weave(texel[hit, :3], rest[:, 0], rest[:, 1], surface.pattern)
                if surface.print:
                    texel[hit, :3] = surface.print.on(texel[hit, :3], rest, *self._soles_and_crown)
            lab_alpha[rows] = texel
        return torch.cat([lab_to_linear(lab_alpha[:, :3]), lab_alpha[:, 3:]], dim=1)


def rotation_y(angle: float) -> Tensor:
    """The rotation (3, 3) by ``angle`` radians about the vertical axis."""
    a = torch.tensor(float(angle))
    c, s = a.cos(), a.sin()
    return torch.tensor([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _sample(texture: Tensor, uv: Tensor) -> Tensor:
    """Bilinear texels (N, C) of (C, H, W) at uv (N, 2), origin lower left, repeating."""
    grid = torch.stack([(uv[:, 0] % 1.0) * 2 - 1, 1 - (uv[:, 1] % 1.0) * 2], dim=1).view(1, 1, -1, 2)
    return functional.grid_sample(texture.unsqueeze(0), grid, padding_mode="border", align_corners=False)[0, :, 0].T


def _recolour(lab: Tensor, source: tuple[float, float, float], target: tuple[float, float, float]) -> Tensor:
    """Move Lab colours (N, 3) so that their mean ``source`` becomes ``target``; folds and seams stay as contrast."""
    detail = lab - lab.new_tensor(source)
    room = min(1.0, 0.35 + target[0] / 75)  # dark cloth shows less contrast
    detail = detail * lab.new_tensor([room, 0.6, 0.6])
    moved = lab.new_tensor(target) + detail
    return torch.cat([moved[:, :1].clamp(2, 98), moved[:, 1:]], dim=1)


def _composite(colour: Tensor, alpha: Tensor, pixel: Tensor, depth: Tensor, layer: Tensor, opacity: Tensor) -> None:
    """Blend translucent fragments over premultiplied ``colour`` (P, 3) and ``alpha`` (P,), in place.

    Fragments are sorted by pixel and depth; transmittance is a running product within each pixel.
    """
    order = torch.argsort(depth, descending=True, stable=True)
    order = order[torch.argsort(pixel[order], stable=True)]
    pixel, layer, opacity = pixel[order], layer[order], opacity[order].clamp(0, 0.995)
    log_through = torch.log1p(-opacity).double()
    total = torch.cumsum(log_through, 0)
    first = torch.cat([torch.ones(1, dtype=torch.bool), pixel[1:] != pixel[:-1]])
    start = torch.cummax(torch.where(first, torch.arange(len(pixel)), 0), 0).values
    before = total - log_through - (total - log_through)[start]
    weight = (torch.exp(before).float() * opacity).unsqueeze(1)
    over, cover = torch.zeros_like(colour), torch.zeros_like(alpha)
    over.index_add_(0, pixel, layer * weight)
    cover.index_add_(0, pixel, weight.squeeze(1))
    colour.mul_((1 - cover).unsqueeze(1)).add_(over)
    alpha.mul_(1 - cover).add_(cover)
