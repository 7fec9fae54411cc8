"""Dress and pose a drawn person: one mesh of many parts, ready to be rendered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab
from torch import Tensor

from rigging.body_model import BodyModel

from ..cloth.prints import Print
from ..geometry.body_maps import vertex_normals
from ..geometry.color import srgb_to_lab
from ..models.labels import Label
from .catalogue import Catalogue, Kind, Piece, Region
from .hm08 import BODY_VERTICES, HM08_VERTICES, load_hm08
from .mhclo import Garment, Texture, open_texture
from .person import Person, Worn

LAYER_BIAS = 0.006
"""Metres by which each layer outwards is favoured in the depth test: cloth wins over the skin that pokes through."""
_LABELS: dict[Kind, Label] = {
    "hair": Label.HAIR,
    "hat": Label.ACCESSORY,
    "glasses": Label.ACCESSORY,
    **dict.fromkeys(("eyebrows", "eyelashes", "eyes", "teeth", "tongue", "skin"), Label.SKIN),
}
"""Of kinds that are one thing; clothes have a label for each region."""
TEXTURE_SIZES = (1024, 1536)
"""Pixels of a texture for whole persons and for close-ups: each near the size of a pixel of the picture."""


@dataclass(frozen=True)
class Surface:
    """How the faces of one part look. The region colours are Lab shifts of the texture."""

    textures: tuple[Tensor, Tensor]  # [4, H, W] Lab and alpha: for whole persons, for close-ups
    alpha: bool  # blend by the texture's alpha (hair, brows, lashes)
    shifts: dict[int, tuple[tuple[float, float, float], tuple[float, float, float]]]  # region -> (from Lab, to Lab)
    pattern: str | None
    print: Print | None


@dataclass(frozen=True)
class Scene:
    """A posed person in world space (metres, Y up, facing +Z)."""

    vertices: Tensor  # [V, 3]
    normals: Tensor  # [V, 3]
    rest: Tensor  # [V, 3] the same vertices unposed, for patterns and prints; the body's come first
    faces: Tensor  # [F, 3]
    uvs: Tensor  # [F, 3, 2] a corner, origin lower left
    part: Tensor  # [F] index into surfaces
    region: Tensor  # [F] Region
    label: Tensor  # [F] Label
    layer: Tensor  # [F] order from the skin outwards
    surfaces: tuple[Surface, ...]
    body_vertices: np.ndarray  # (13718, 3) the bare open body, posed
    joints: np.ndarray  # (55, 3)


class Wardrobe:
    """Garments at any shape and pose, from one catalogue; caches what does not change with the person."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.body_model = BodyModel.load()
        self.base = load_hm08()
        keep = (self.base.quads < BODY_VERTICES).all(1)
        self.quads, self.uv_quads = self.base.quads[keep], self.base.uv_quads[keep]
        self._texture = lru_cache(maxsize=96)(_load_texture)

    def dress(self, person: Person) -> Scene:
        """Fit, skin and pose everything that the person wears."""
        base = self.base.shaped(person.body.betas)
        posed = self.body_model.pose(person.body)
        parts: list[_Part] = []
        hidden = np.zeros(HM08_VERTICES, bool)
        for worn in person.worn:
            garment, regions = self._piece(worn.piece.entry.id, worn.piece.region)
            rest = garment.fit(base)
            weights = garment.skin(self.base.weights_index, self.base.weights_value)
            hidden |= garment.delete_verts
            entry = worn.piece.entry
            parts.append(_Part(rest, weights, garment, regions, entry.kind, entry.layer, self._surface(worn)))
        parts.insert(0, self._body(base, hidden, person))
        return _assemble(parts, posed.transforms, posed.vertices, posed.joints)

    def skin_weights(self, person: Person) -> np.ndarray:
        """(V, 55) skin weights of the vertices that `dress` makes of a person."""
        rows = [self.base.weights[:BODY_VERTICES]]
        for worn in person.worn:
            garment, _ = self._piece(worn.piece.entry.id, worn.piece.region)
            rows.append(garment.skin(self.base.weights_index, self.base.weights_value))
        return np.concatenate(rows)

    def _body(self, base: np.ndarray, hidden: np.ndarray, person: Person) -> _Part:
        shown = ~hidden[self.quads].all(1)
        quads, uv_quads = self.quads[shown], self.uv_quads[shown]
        skin = self.catalogue.skin_colour(person.skin)
        target = tuple(float(m + s) for m, s in zip(skin.mean, person.skin_shift, strict=True))
        surface = Surface(
            self._texture(self.catalogue.texture(person.skin)),
            False,
            {int(Region.OTHER): (skin.mean, (target[0], target[1], target[2]))},
            None,
            None,
        )
        faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        uv_faces = np.concatenate([uv_quads[:, [0, 1, 2]], uv_quads[:, [0, 2, 3]]])
        return _Part(
            base[:BODY_VERTICES],
            self.base.weights[:BODY_VERTICES],
            _Mesh(faces, self.base.uvs, uv_faces),
            np.zeros(len(faces), np.uint8),
            "skin",
            -1,
            surface,
        )

    def _surface(self, worn: Worn) -> Surface:
        entry = worn.piece.entry
        shifts = {}
        if worn.colours:
            measured = self._colours(entry.id, worn.variant)
            for region, rgb in worn.colours.items():
                if region in measured:
                    lab = rgb2lab(np.asarray(rgb)[None])[0]
                    shifts[int(region)] = (measured[region], (float(lab[0]), float(lab[1]), float(lab[2])))
        texture = self._texture(self.catalogue.texture(entry, worn.variant))
        alpha = entry.kind in ("hair", "eyebrows", "eyelashes", "eyes") or bool(
            (texture[0][3] < 0.3).float().mean() > 0.002
        )
        return Surface(texture, alpha, shifts, worn.pattern, worn.print)

    @lru_cache(maxsize=512)  # noqa: B019  one wardrobe lives as long as the run
    def _piece(self, entry_id: str, region: Region | None) -> tuple[Garment, np.ndarray]:
        return self.catalogue.piece(Piece(self.catalogue[entry_id], region), self.base.v_template)

    @lru_cache(maxsize=512)  # noqa: B019
    def _colours(self, entry_id: str, variant: str | None) -> dict[Region, tuple[float, float, float]]:
        return {region: colour.mean for region, colour in self.catalogue.colours(entry_id, variant).items()}


@dataclass(frozen=True)
class _Mesh:
    faces: np.ndarray
    uvs: np.ndarray
    uv_faces: np.ndarray


@dataclass(frozen=True)
class _Part:
    rest: np.ndarray  # (N, 3)
    weights: np.ndarray  # (N, 55)
    mesh: _Mesh | Garment
    regions: np.ndarray  # (F,)
    kind: Kind
    layer: int
    surface: Surface


def _load_texture(texture: Texture) -> tuple[Tensor, Tensor]:
    rgba = open_texture(texture).convert("RGBA")
    coarse, fine = (_lab_texture(rgba, size) for size in TEXTURE_SIZES)
    return coarse, fine


def _lab_texture(rgba: Image.Image, size: int) -> Tensor:
    rgba = rgba.copy()
    rgba.thumbnail((size, size), Image.Resampling.BOX)
    values = torch.from_numpy(np.asarray(rgba, dtype=np.float32) / 255)
    return torch.cat([srgb_to_lab(values[..., :3]), values[..., 3:]], dim=-1).permute(2, 0, 1).contiguous()


def _assemble(parts: list[_Part], transforms: np.ndarray, body: np.ndarray, joints: np.ndarray) -> Scene:
    flat = torch.from_numpy(transforms[:, :3].reshape(55, 12)).float()
    vertices, normals, rests, faces, uvs = [], [], [], [], []
    offset = 0
    for part in parts:
        rest = torch.from_numpy(part.rest).float()
        blended = (torch.from_numpy(part.weights).float() @ flat).view(-1, 3, 4)
        posed = torch.einsum("nij,nj->ni", blended[..., :3], rest) + blended[..., 3]
        triangles = torch.from_numpy(np.asarray(part.mesh.faces, dtype=np.int64))
        vertices.append(posed)
        normals.append(vertex_normals(posed, triangles))
        rests.append(rest)
        faces.append(triangles + offset)
        uvs.append(torch.from_numpy(np.asarray(part.mesh.uvs, dtype=np.float32)[part.mesh.uv_faces]))
        offset += len(rest)
    counts = torch.tensor([len(f) for f in faces])
    index = torch.repeat_interleave(torch.arange(len(parts)), counts)
    return Scene(
        vertices=torch.cat(vertices),
        normals=torch.cat(normals),
        rest=torch.cat(rests),
        faces=torch.cat(faces),
        uvs=torch.cat(uvs),
        part=index,
        region=torch.from_numpy(np.concatenate([p.regions for p in parts]).astype(np.int64)),
        label=torch.cat([_labels(p.kind, torch.from_numpy(p.regions.astype(np.int64))) for p in parts]),
        layer=torch.tensor([p.layer for p in parts])[index],
        surfaces=tuple(p.surface for p in parts),
        body_vertices=body,
        joints=joints,
    )


def _labels(kind: Kind, regions: Tensor) -> Tensor:
    """Labels (F,) of the faces of a piece of clothing, hair or body, by their regions (F,)."""
    if kind in _LABELS:
        return torch.full_like(regions, _LABELS[kind])
    of_region = {
        Region.OTHER: Label.SHOES if kind == "shoes" else Label.TRIM,
        Region.UPPER: Label.UPPER,
        Region.LOWER: Label.LOWER,
        Region.SHOES: Label.SHOES,
        Region.SOCKS: Label.SOCKS,
        Region.ACCESSORY: Label.ACCESSORY,
        Region.HAIR: Label.HAIR,
    }
    return torch.tensor([of_region[region] for region in Region])[regions]
