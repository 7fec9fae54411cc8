"""The asset set that needs no assets: plain clothes, hair, skins and eyes, made from the body and computed textures.

What it is for: tests, and a first dataset before the folder of docs/assets.md is collected. People made of it are
simpler than those of the folder, but go through the same catalogue, wardrobe, renderer and file format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from . import painted
from .catalogue import (
    LAYER,
    Catalogue,
    Entry,
    Files,
    Gender,
    Kind,
    Part,
    Region,
    SkinTraits,
    Source,
    split_names,
    uv_islands,
)
from .hm08 import BODY_VERTICES, HM08_VERTICES, load_hm08
from .mhclo import Float, Garment, Int, Material, Painted, Texture
from .shell import HEM, Patch, body, clipped, eyeballs, join, outline, shell, wall

ROOT = Path("procedural")
"""Stands where the asset folder would; nothing lies there."""

_SOURCE = Source("Doppel", "GPL-3.0-or-later", "")
_WAIST, _HEAD_AXIS, _HIP_AXIS = 0.99, (0.0, 0.075), (0.0, 0.05)
_AROUND = 64

Paint = Callable[[str | None], Texture]


@dataclass(frozen=True)
class _Recipe:
    """How a piece is made and spoken of."""

    kind: Kind
    gender: Gender
    region: Region
    words: tuple[str, ...]  # the first is the slot's word
    palette: str
    covers: tuple[str, ...]
    build: Callable[[], Patch]
    project: Callable[[Float], Float]  # corners (F, 3, 3) in metres to texture coordinates (F, 3, 2)
    paint: Paint
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Skin:
    gender: Gender
    traits: SkinTraits
    texture: Texture


def procedural_catalogue() -> Catalogue:
    """The whole set. Nothing is built or painted before it is worn."""
    held_out = split_names("procedural")
    entries = [
        Entry(
            id=name,
            kind=recipe.kind,
            gender=recipe.gender,
            path=ROOT / name,
            words=recipe.words,
            covers=recipe.covers,
            parts=(
                Part(
                    recipe.region,
                    recipe.words[0],
                    recipe.words,
                    "plain",
                    recipe.palette,
                    islands=None,
                    keep=frozenset(),
                    alone=True,
                    waist="",
                ),
            ),
            layer=LAYER.get(recipe.kind, -1),
            source=_SOURCE,
            variants={variant: ROOT / name / variant for variant in recipe.variants},
            skin=None,
            held_out=name in held_out,
            islands=None,
            drop=frozenset(),
        )
        for name, recipe in _RECIPES.items()
    ]
    for name, skin in _SKINS.items():
        entries.append(
            Entry(
                id=name,
                kind="skin",
                gender=skin.gender,
                path=ROOT / name,
                words=(),
                covers=(),
                parts=(),
                layer=-1,
                source=_SOURCE,
                variants={},
                skin=skin.traits,
                held_out=name in held_out,
                islands=None,
                drop=frozenset(),
            )
        )
    return Catalogue(ROOT, tuple(entries), (), _Generator())


MIXED_IN: frozenset[Kind] = frozenset({"top", "bottom", "skirt", "dress", "coat", "shoes"})
"""What :func:`with_procedural_clothes` takes: clothes, but neither hair nor skins."""


def with_procedural_clothes(catalogue: Catalogue) -> Catalogue:
    """A catalogue of asset files and the computed clothes beside them: kinds that the files lack, men's shorts say."""
    computed = procedural_catalogue()
    added = tuple(
        replace(entry, id=f"procedural-{entry.id}", path=ROOT / entry.id)
        for entry in computed.entries
        if entry.kind in MIXED_IN
    )
    return Catalogue(catalogue.root, catalogue.entries + added, catalogue.problems, _FilesAndGenerator())


class _Generator:
    """Builds what the recipes say."""

    def garment(self, entry: Entry, variant: str | None) -> tuple[Garment, Int]:
        recipe = _RECIPES[entry.path.name]
        patch = recipe.build()
        corners = patch.points[patch.faces]
        uv_faces = np.arange(3 * len(patch.faces), dtype=np.int32).reshape(-1, 3)
        garment = Garment(
            name=entry.id,
            path=entry.path,
            vertex_ids=patch.vertex_ids,
            weights=patch.weights,
            offsets=np.zeros_like(patch.points),
            scales=(None, None, None),
            delete_verts=patch.hides,
            faces=patch.faces,
            uvs=recipe.project(corners).reshape(-1, 2),
            uv_faces=uv_faces,
            z_depth=entry.layer,
            material=Material(entry.id, recipe.paint(variant)),
            has_alpha=entry.kind == "eyebrows",
        )
        return garment.through(patch.points, load_hm08().v_template), uv_islands(uv_faces)

    def skin(self, entry: Entry) -> Texture:
        return _SKINS[entry.path.name].texture


class _FilesAndGenerator(Files):
    """Files, and the recipes of entries that stand below ``ROOT``."""

    def garment(self, entry: Entry, variant: str | None) -> tuple[Garment, Int]:
        return _Generator().garment(entry, variant) if entry.path.parent == ROOT else super().garment(entry, variant)


def _along() -> tuple[Float, Float, Float]:
    """Distance from the middle, height and depth (13380,) of the skin."""
    skin = body()
    return np.abs(skin[:, 0]), skin[:, 1], skin[:, 2]


def _top(hem: float, sleeve: float, thickness: float, neck: float = 1.405) -> Patch:
    """A shirt from the hem's y to sleeves that end at an x, with a round neck that is lower in front."""
    side, height, depth = _along()
    opening = np.maximum(neck + 0.25 * (0.055 - depth) - height, np.minimum(side - 0.09, 1.46 - height))
    loose = thickness * (1 + 0.8 * np.clip((1.2 - height) / 0.25, 0, 1))
    return shell(np.minimum.reduce([height - hem, sleeve - side, opening]), loose)


def _legs(hem: float, thickness: float) -> Patch:
    """Trousers from the waist down to the hem's y, wider below."""
    _, height, _ = _along()
    loose = thickness * (np.clip((_WAIST - height) / 0.2, 0.35, 1) + np.clip((0.6 - height) / 0.4, 0, 1))
    return shell(np.minimum(_WAIST - height, height - hem), loose)


def _skirt(hem: float, flare: float, pleats: float = 0.0, gap: float = 0.008, start: float = _WAIST + 0.01) -> Patch:
    """Rings around the skirt of hm08 from the waist to the hem's y: so much wider below (metres), folded by a share."""
    base = load_hm08()
    anchors = np.arange(*base.groups["helper-skirt"])
    around = base.v_template[anchors]
    rings = []
    for height in np.arange(start, hem - 0.03, -0.03).clip(hem):
        share = (start - height) / (start - 0.1)
        ring = outline(around[np.abs(around[:, 1] - height) < 0.036], _HIP_AXIS, _AROUND) - _HIP_AXIS
        angle = np.arctan2(ring[:, 0], ring[:, 1])
        reach = np.linalg.norm(ring, axis=1)
        wider = 1 + (gap + flare * share) / reach + pleats * share * np.sin(11 * angle + 2 * np.sin(3 * angle))
        rings.append(np.insert(ring * wider[:, None] + _HIP_AXIS, 1, height, axis=1))
    hides = np.zeros(HM08_VERTICES, bool)
    height = _along()[1]
    hides[:BODY_VERTICES] = (height > hem + 3 * HEM) & (height < start - HEM)
    return wall(np.stack(rings), anchors, hides)


def _dress(hem: float, sleeve: float, thickness: float, flare: float, gap: float = 0.008) -> Patch:
    """A top and a skirt in one."""
    return join([_top(_WAIST - 0.03, sleeve, thickness), _skirt(hem, flare, 0.03, gap, start=_WAIST + 0.035)])


def _shoes(height: float, thickness: float) -> Patch:
    """Both shoes: outlines of the foot at rising heights, closed below."""
    skin = body()
    pair = []
    for sign in (1, -1):
        mine = np.flatnonzero((skin[:, 1] < height + 0.02) & (sign * skin[:, 0] > 0))
        foot = skin[mine]
        rings = []
        for y in (0.0, 0.014, 0.028, 0.042, 0.056, 0.07, height):
            above = foot[foot[:, 1] >= min(y, height - 0.01)]
            centre = above[:, [0, 2]].mean(axis=0)
            ring = outline(above, (centre[0], centre[1]), _AROUND)
            out = ring - centre
            ring += out / np.linalg.norm(out, axis=1, keepdims=True) * thickness
            rings.append(np.insert(ring, 1, y + (thickness if y else -0.012), axis=1))
        sole = np.repeat(rings[0].mean(axis=0)[None], _AROUND, axis=0)
        hides = np.zeros(HM08_VERTICES, bool)
        hides[mine] = foot[:, 1] < height - HEM
        pair.append(wall(np.stack([sole, *rings])[::-1], mine, hides))
    return join(pair)


def _hairline(points: Float) -> Float:
    """Positive over the scalp and behind the ears, about metres from the hairline."""
    return np.maximum(points[:, 1] - 1.655 + 6 * points[:, 0] ** 2, _behind(points))


def _behind(points: Float) -> Float:
    """Positive behind the temples and the ears, metres."""
    height, depth = points[:, 1], points[:, 2]
    return np.minimum(0.5 * (height - 1.58) - (depth - 0.075), 0.095 - depth)


def _short(thickness: float, nape: float) -> Patch:
    """The scalp itself, thin at its rim."""
    skin = body()
    over_ears = np.maximum(skin[:, 1] - 1.6, 0.04 - skin[:, 2])
    field = np.minimum.reduce([_hairline(skin), skin[:, 1] - nape, over_ears])
    scalp = shell(field, 0.003 + thickness * np.clip(field / 0.04, 0, 1))
    return replace(scalp, hides=np.zeros(HM08_VERTICES, bool))  # skin stays, so that no hole shows above the ears


def _hanging(end: float, thickness: float) -> Patch:
    """The scalp, and rings around it down to the end's y, open before the face; they never fall inwards."""
    side, height, depth = _along()
    skin = body()
    head, back = side < 0.12, (side < 0.12) & (height < 1.46)
    rings, reach = [], np.zeros(_AROUND)
    for y in (*np.arange(1.66, end, -0.03), end):
        near = head & (depth < 0.14) & (np.abs(height - y) < 0.02) if y > 1.48 else back & (np.abs(height - y) < 0.03)
        ring = outline(skin[near], _HEAD_AXIS, _AROUND) - _HEAD_AXIS
        found = np.linalg.norm(ring, axis=1)
        reach = np.maximum(reach, found)
        thick = thickness * (1 + 0.12 * np.sin(np.arange(_AROUND) * 0.9 + 9 * y)) - 0.006 * (y > 1.64)
        rings.append(np.insert(ring / found[:, None] * (reach + thick)[:, None] + _HEAD_AXIS, 1, y, axis=1))
    curtain = wall(np.stack(rings), np.flatnonzero((side < 0.16) & (height > end - 0.05)))
    return join([_short(thickness, 1.6), clipped(curtain, _behind(curtain.points))])


def _brows() -> Patch:
    """A window of skin over the eyes, for the brows' texture."""
    side, height, depth = _along()
    _, across, low, high = painted.BROWS
    inside = np.minimum.reduce([across - 0.002 - side, height - low - 0.002, high - 0.002 - height, depth - 0.12])
    return shell(inside, 0.0012, rounds=1)


def _on_cloth(corners: Float) -> Float:
    """Seen from the front in the left half, faces that look back in the right half."""
    back = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] < 0
    u = corners[..., 0] / painted.CLOTH_WIDTH / 2 + 0.25 + 0.5 * back[:, None]
    return np.stack([u, corners[..., 1] / painted.CLOTH_HEIGHT], axis=-1)


def _on_head(corners: Float) -> Float:
    """The angle around the head, and the height above y = 1 m, so that no strand is cut."""
    angle = np.arctan2(corners[..., 0] - _HEAD_AXIS[0], -(corners[..., 2] - _HEAD_AXIS[1])) / (2 * np.pi)
    angle = angle[:, :1] + (angle - angle[:, :1] + 0.5) % 1.0 - 0.5
    return np.stack([angle, (corners[..., 1] - 1.0) * 1.2], axis=-1)


def _on_brows(corners: Float) -> Float:
    x0, x1, y0, y1 = painted.BROWS
    return (corners[..., :2] - (x0, y0)) / (x1 - x0, y1 - y0)


def _on_eyes(corners: Float) -> Float:
    """Each ball from the front."""
    base = load_hm08()
    first, last = base.groups["helper-l-eye"]
    x, y, _ = base.v_template[first:last].mean(axis=0)
    place = (corners[..., :2] - np.stack([np.sign(corners[..., 0]) * x, np.full(corners.shape[:2], y)], -1)) / 2
    return place / painted.EYE_RADIUS + 0.5


def _cloth(name: str, *stitches: painted.Stitch, front: tuple[painted.Stitch, ...] = (), fold: float = 1.0) -> Paint:
    texture = Painted(name, partial(painted.cloth, stitches, front, fold))
    return lambda _: texture


def _mirrored(*stitches: painted.Stitch) -> tuple[painted.Stitch, ...]:
    """Stitches and the same on the other side."""
    return (*stitches, *((-x0, y0, -x1, y1) for x0, y0, x1, y1 in stitches))


def _upper(
    words: tuple[str, ...], build: Callable[[], Patch], paint: Paint, kind: Kind = "top", gender: Gender = "any"
) -> _Recipe:
    covers = ("torso",) if kind == "top" else ("torso", "legs")
    return _Recipe(kind, gender, Region.UPPER, words, "any", covers, build, _on_cloth, paint)


def _lower(
    words: tuple[str, ...], build: Callable[[], Patch], paint: Paint, palette: str = "any", kind: Kind = "bottom"
) -> _Recipe:
    gender: Gender = "female" if kind == "skirt" else "any"
    return _Recipe(kind, gender, Region.LOWER, words, palette, ("legs",), build, _on_cloth, paint)


def _footwear(words: tuple[str, ...], build: Callable[[], Patch], palette: str) -> _Recipe:
    return _Recipe("shoes", "any", Region.SHOES, words, palette, ("feet",), build, _on_cloth, _cloth("shoes", fold=0.4))


def _haircut(slot: str, build: Callable[[], Patch], gender: Gender) -> _Recipe:
    texture = Painted("hair", painted.hair)
    words = (slot, f"{slot} hair")
    return _Recipe("hair", gender, Region.HAIR, words, "hair", ("head",), build, _on_head, lambda _: texture)


def _eyebrows(gender: Gender, thickness: float) -> _Recipe:
    texture = Painted("brows", partial(painted.brows, thickness))
    return _Recipe("eyebrows", gender, Region.HAIR, ("eyebrows",), "hair", (), _brows, _on_brows, lambda _: texture)


def _eye(variant: str | None) -> Texture:
    return Painted("eye", partial(painted.eye, variant or painted.EYE_COLOURS[0]))


_HEM_LINE = (-0.4, 0.945, 0.4, 0.945)
_SEAMS = _mirrored((0.095, 0.97, 0.14, 0.88), (0.17, 1.0, 0.165, 0.1))
_FLY = ((0.012, 0.98, 0.004, 0.86), (-0.3, 0.955, 0.3, 0.955))

_RECIPES: dict[str, _Recipe] = {
    "t-shirt": _upper(
        ("t-shirt", "T-shirt", "tee"),
        partial(_top, 0.9, 0.31, 0.008),
        _cloth("t-shirt", (-0.4, 0.915, 0.4, 0.915), *_mirrored((0.298, 1.2, 0.298, 1.6))),
    ),
    "sweater": _upper(
        ("sweater", "pullover", "jumper"),
        partial(_top, 0.88, 0.645, 0.013, 1.425),
        _cloth("sweater", _HEM_LINE, *_mirrored((0.6, 1.2, 0.6, 1.6)), fold=1.6),
    ),
    "shirt": _upper(
        ("shirt", "button-up shirt"),
        partial(_top, 0.87, 0.64, 0.01, 1.43),
        _cloth(
            "shirt",
            *_mirrored((0.605, 1.2, 0.605, 1.6), (0.165, 1.3, 0.15, 1.5)),
            front=((0.02, 0.8, 0.02, 1.5), (-0.02, 0.8, -0.02, 1.5), (0.045, 1.25, 0.12, 1.25)),
        ),
    ),
    "tank-top": _upper(
        ("tank top", "sleeveless top"), partial(_top, 0.92, 0.165, 0.007, 1.385), _cloth("tank top", _HEM_LINE)
    ),
    "dress": _upper(
        ("dress", "summer dress"),
        partial(_dress, 0.52, 0.24, 0.008, 0.07),
        _cloth("dress", (-0.4, 1.0, 0.4, 1.0), fold=1.4),
        "dress",
        "female",
    ),
    "long-dress": _upper(
        ("dress", "evening dress", "gown"),
        partial(_dress, 0.12, 0.17, 0.007, 0.09),
        _cloth("long dress", fold=1.6),
        "dress",
        "female",
    ),
    "coat": _upper(
        ("coat", "long coat"),
        partial(_dress, 0.56, 0.645, 0.024, 0.05, gap=0.028),
        _cloth("coat", front=((0.03, 0.4, 0.03, 1.5), *_mirrored((0.03, 1.2, 0.1, 1.42), (0.08, 0.9, 0.15, 0.9)))),
        "coat",
    ),
    "trousers": _lower(("trousers", "pants"), partial(_legs, 0.065, 0.012), _cloth("trousers", front=_FLY, fold=1.3)),
    "jeans": _lower(
        ("jeans", "denim jeans"),
        partial(_legs, 0.09, 0.007),
        _cloth("jeans", *_SEAMS, (-0.3, 0.11, 0.3, 0.11), front=_FLY),
        "denim",
    ),
    "shorts": _lower(
        ("shorts", "short pants"), partial(_legs, 0.56, 0.016), _cloth("shorts", (-0.3, 0.58, 0.3, 0.58), front=_FLY)
    ),
    "skirt": _lower(
        ("skirt", "knee-length skirt"), partial(_skirt, 0.5, 0.06, 0.03), _cloth("skirt", fold=1.5), kind="skirt"
    ),
    "miniskirt": _lower(
        ("miniskirt", "short skirt"), partial(_skirt, 0.68, 0.04), _cloth("miniskirt"), "denim", "skirt"
    ),
    "long-skirt": _lower(
        ("long skirt", "maxi skirt"), partial(_skirt, 0.12, 0.08, 0.05), _cloth("long skirt", fold=1.5), kind="skirt"
    ),
    "shoes": _footwear(("shoes", "leather shoes"), partial(_shoes, 0.082, 0.007), "leather"),
    "sneakers": _footwear(("sneakers", "trainers"), partial(_shoes, 0.1, 0.011), "any"),
    "short-hair": _haircut("short", partial(_short, 0.014, 1.515), "any"),
    "cropped-hair": _haircut("short", partial(_short, 0.006, 1.53), "male"),
    "bob": _haircut("bob", partial(_hanging, 1.47, 0.016), "female"),
    "long-hair": _haircut("long", partial(_hanging, 1.24, 0.018), "female"),
    "thin-brows": _eyebrows("female", 0.005),
    "thick-brows": _eyebrows("male", 0.0085),
    "eyes": _Recipe("eyes", "any", Region.OTHER, ("eyes",), "keep", (), eyeballs, _on_eyes, _eye, painted.EYE_COLOURS),
}

_Age = Literal["young", "middle", "old"]
_Tone = Literal["african", "asian", "caucasian"]
_SkinGender = Literal["female", "male"]
_SKINS = {
    f"{age}-{tone}-{gender}": _Skin(
        gender,
        SkinTraits(age, tone, suit=False),
        Painted("skin", partial(painted.skin, tone, age, gender == "female")),
    )
    for age in get_args(_Age)
    for tone in get_args(_Tone)
    for gender in get_args(_SkinGender)
}
