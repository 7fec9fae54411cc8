"""Draw a person: body, skin, face, hair, clothes, colours, pose, and the words for them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.color import rgb2lab

from rigging.body_parameters import BodyParameters
from rigging.lbs import rodrigues
from rigging.rotations import axis_angle
from rigging.semantic import semantic_to_betas

from ..cloth.patterns import WOVEN
from ..cloth.prints import Print
from ..models.slots import COLOURS, HAIR_COLOURS
from .catalogue import Catalogue, Entry, Gender, Outfit, Piece, Region
from .poses import PoseBank, sample_pose

_PALETTES: dict[str, tuple[str, ...]] = {
    "denim": ("blue", "navy", "light blue", "navy", "blue", "black", "grey", "white"),
    "suit": ("black", "dark grey", "navy", "grey", "brown", "black", "beige"),
    "leather": ("black", "brown", "black", "dark red", "white", "grey", "brown"),
}
_AGES = {"young": (20, 36), "middle": (40, 58), "old": (62, 82)}
_AGE_WORDS = {"young": "young", "middle": "middle-aged", "old": "old"}
_TONE_WORDS = {"african": "dark", "asian": "tan", "caucasian": "light"}
EVERYDAY = 0.2
"""Share of people in an everyday pose."""
PATTERNED = 0.2
"""Share of people whose plain clothes get a pattern."""


@dataclass(frozen=True)
class Worn:
    """A piece of clothing or hair with the colours that its regions are given."""

    piece: Piece
    variant: str | None = None
    colours: dict[Region, tuple[float, float, float]] | None = None  # sRGB in [0, 1]; None = as it is
    pattern: str | None = None  # one of stripes, checks, dots, woven over the piece
    print: Print | None = None


@dataclass(frozen=True)
class Person:
    """Everything that decides how a sample looks."""

    body: BodyParameters
    semantic: dict[str, float]
    skin: Entry
    skin_shift: tuple[float, float, float]  # added to the skin's Lab
    worn: tuple[Worn, ...]
    attributes: dict[str, str]
    colours: dict[str, tuple[float, float, float]]  # the colour slots' sRGB as drawn


def _jittered(rng: np.random.Generator, rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    value = np.clip(np.asarray(rgb) / 255 + rng.normal(0, 0.018, 3), 0.02, 0.98)
    return float(value[0]), float(value[1]), float(value[2])


def _colour(rng: np.random.Generator, palette: str) -> tuple[str, tuple[float, float, float]]:
    names = _PALETTES.get(palette)
    if names is None or rng.random() < 0.25:
        names = tuple(COLOURS)
    name = names[int(rng.integers(len(names)))]
    return name, _jittered(rng, COLOURS[name])


def _choose(rng: np.random.Generator, options: list[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _outfit(catalogue: Catalogue, rng: np.random.Generator, gender: Gender, held_out: bool) -> Outfit:
    """An outfit, its kind chosen first so that the many mixtures do not drown dresses and suits."""
    outfits = catalogue.outfits(gender, held_out=held_out)
    wholes = [o for o in outfits if len(o.pieces) == 1]
    mixed = [o for o in outfits if len(o.pieces) == 2]
    if not wholes or (mixed and rng.random() < 0.45):
        return _choose(rng, mixed)
    return _choose(rng, wholes)


def draw_person(
    catalogue: Catalogue,
    rng: np.random.Generator,
    held_out: bool = False,
    poses: PoseBank | None = None,
    patterned: float = PATTERNED,
    everyday: float = EVERYDAY,
) -> Person:
    """A random adult, clothed. ``held_out`` draws identities and clothes of the test split only.

    Most stand in the family of the A-pose; the share ``everyday`` takes an everyday pose of ``poses``, if given. Of
    plain clothes, the share ``patterned`` gets stripes, checks, dots or, in training, a print: the test split's prints
    are its own garments', which training has never seen.
    """
    gender_word = "woman" if rng.random() < 0.5 else "man"
    gender: Gender = "female" if gender_word == "woman" else "male"
    skins = [e for e in catalogue.select("skin", gender=gender, held_out=held_out) if e.skin and not e.skin.suit]
    tone = _choose(rng, sorted({e.skin.tone for e in skins if e.skin}))
    skin = _choose(rng, [e for e in skins if e.skin and e.skin.tone == tone])
    assert skin.skin is not None

    semantic = {
        "age": float(rng.uniform(*_AGES[skin.skin.age])),
        "gender": float(np.clip(rng.normal(0.93 if gender == "female" else 0.07, 0.05), 0, 1)),
        "height_cm": float(rng.normal(166 if gender == "female" else 178, 6)),
        "weight": float(np.clip(rng.normal(0.47, 0.2), 0.08, 0.95)),
        "muscle": float(np.clip(rng.normal(0.5, 0.18), 0.1, 0.95)),
    }
    betas = np.clip(semantic_to_betas(semantic) + rng.normal(0, 0.25, 10), -4, 4)
    pose = sample_pose(rng, poses, everyday, betas)
    body = BodyParameters(
        betas=betas,
        body_pose=pose.body_pose,
        left_hand_pose=pose.left_hand_pose,
        right_hand_pose=pose.right_hand_pose,
    )

    attributes = {
        "gender": gender_word,
        "age": _AGE_WORDS[skin.skin.age],
        "skin_tone": _TONE_WORDS[tone],
        "build": _build(semantic),
        "headwear": "none",
        "eyewear": "none",
        "pattern": "plain",
    }
    colours: dict[str, tuple[float, float, float]] = {}
    worn = _clothes(catalogue, rng, gender, held_out, patterned, attributes, colours)
    worn += _head(catalogue, rng, gender, held_out, skin.skin.age, attributes, colours)
    shift = (float(rng.normal(0, 3)), float(rng.normal(0, 1)), float(rng.normal(0, 1.5)))
    return Person(body, semantic, skin, shift, tuple(worn), attributes, colours)


def turned(body: BodyParameters, yaw: float) -> BodyParameters:
    """The body turned by ``yaw`` radians about the upright axis, counter-clockwise as seen from above."""
    turn = rodrigues(np.array([[0.0, yaw, 0.0]]))[0] @ rodrigues(body.global_orient[None])[0]
    return dataclasses.replace(body, global_orient=axis_angle(turn[None])[0])


def _build(semantic: dict[str, float]) -> str:
    if semantic["weight"] > 0.68:
        return "heavy"
    if semantic["muscle"] > 0.68:
        return "muscular"
    return "slim" if semantic["weight"] < 0.3 else "average"


def _clothes(
    catalogue: Catalogue,
    rng: np.random.Generator,
    gender: Gender,
    held_out: bool,
    patterned: float,
    attributes: dict[str, str],
    colours: dict[str, tuple[float, float, float]],
) -> list[Worn]:
    worn = []
    outfit = _outfit(catalogue, rng, gender, held_out)
    drawn: dict[Region, tuple[str, tuple[float, float, float]]] = {}
    patterns = WOVEN if held_out else (*WOVEN, "logo")
    pattern = _choose(rng, list(patterns)) if rng.random() < patterned else None
    for piece in outfit.pieces:
        for each in piece.entry.parts:
            if piece.region in (None, each.region) and each.palette != "keep":
                drawn[each.region] = _colour(rng, each.palette)
    upper, lower = Region.UPPER, Region.LOWER
    suit = any(p.entry.part(upper) and p.entry.part(upper).slot == "suit jacket" for p in outfit.pieces)  # type: ignore[union-attr]
    if suit and len(outfit.pieces) == 1 and rng.random() < 0.8:
        drawn[lower] = drawn[upper]
    for piece in outfit.pieces:
        part = piece.entry.part(upper) if piece.region in (None, upper) else None
        plain = part is not None and part.pattern in ("plain", "trimmed") and part.slot != "suit jacket"
        added = pattern if plain else None
        if part is not None:
            attributes["upper_kind"] = part.slot
            attributes["pattern"] = added or {"starred": "logo", "streaked": "floral", "trimmed": "plain"}.get(
                part.pattern, part.pattern
            )
        low = piece.entry.part(lower) if piece.region in (None, lower) else None
        if low is not None:
            attributes["lower_kind"] = "overalls" if low.slot == "workwear" else low.slot
        printed = _print_on(drawn[upper][1], rng) if added == "logo" and upper in drawn else None
        woven = added if added in WOVEN else None
        worn.append(Worn(piece, None, {r: c for r, (_, c) in drawn.items()}, woven, printed))
    if attributes.get("upper_kind") == "dress":
        attributes["lower_kind"] = "dress"
    attributes.setdefault("lower_kind", "none")
    for region, slot in ((upper, "upper_colour"), (lower, "lower_colour")):
        if region in drawn:
            attributes[slot], colours[slot] = drawn[region]
    if attributes["lower_kind"] == "dress":
        attributes["lower_colour"], colours["lower_colour"] = attributes["upper_colour"], colours["upper_colour"]

    coats = catalogue.select("coat", gender=gender, held_out=held_out)
    if coats and rng.random() < 0.1 and attributes["lower_kind"] in ("jeans", "trousers"):
        coat = _choose(rng, coats)
        name, rgb = _colour(rng, "any")
        worn.append(Worn(Piece(coat), None, {upper: rgb}))
        attributes.update(upper_kind="coat", upper_colour=name, pattern="plain")
        colours["upper_colour"] = rgb

    shoes = catalogue.select("shoes", gender=gender, held_out=held_out) or catalogue.select(
        "shoes", gender=gender, held_out=False
    )
    if shoes and rng.random() < 0.93:
        legs_covered = attributes["lower_kind"] in ("overalls", "trousers", "jeans")
        shoe = _choose(rng, [s for s in shoes if not (legs_covered and "shins" in s.covers)] or shoes)
        part = shoe.part(Region.SHOES)
        assert part is not None
        name, rgb = _colour(rng, part.palette)
        sock = _jittered(rng, COLOURS[("white", "black", "grey")[int(rng.integers(3))]])
        worn.append(Worn(Piece(shoe), None, {Region.SHOES: rgb, Region.SOCKS: sock}))
        attributes.update(shoes_kind=part.slot, shoes_colour=name)
        colours["shoes_colour"] = rgb
    else:
        attributes["shoes_kind"] = "barefoot"
    return worn


def _print_on(cloth: tuple[float, float, float], rng: np.random.Generator) -> Print:
    """A print on cloth of an sRGB colour."""
    return Print.draw(rng, rgb2lab(np.array([cloth]))[0])


def _head(
    catalogue: Catalogue,
    rng: np.random.Generator,
    gender: Gender,
    held_out: bool,
    age: str,
    attributes: dict[str, str],
    colours: dict[str, tuple[float, float, float]],
) -> list[Worn]:
    worn = []
    names = ("grey", "white", "grey", "dark brown", "light brown") if age == "old" else tuple(HAIR_COLOURS)[:6]
    if age == "middle" and rng.random() < 0.2:
        names = ("grey",)
    name = _choose(rng, list(names))
    rgb = _jittered(rng, HAIR_COLOURS[name])
    hair = catalogue.select("hair", gender=gender, held_out=held_out) or catalogue.select(
        "hair", gender=gender, held_out=False
    )
    if hair and (gender == "female" or rng.random() < 0.85):
        chosen = _choose(rng, hair)
        part = chosen.part(Region.HAIR)
        assert part is not None
        attributes.update(hair_style=part.slot, hair_colour=name)
        colours["hair_colour"] = rgb
        worn.append(Worn(Piece(chosen), None, {Region.HAIR: rgb}))
    else:
        attributes["hair_style"] = "bald"
    brow = (rgb[0] * 0.7, rgb[1] * 0.7, rgb[2] * 0.7)
    if eyebrows := catalogue.select("eyebrows", gender=gender):
        worn.append(Worn(Piece(_choose(rng, eyebrows)), None, {Region.HAIR: brow}))
    if eyelashes := catalogue.select("eyelashes", gender=gender):
        worn.append(Worn(Piece(_choose(rng, eyelashes))))
    eyes = catalogue.select("eyes")[0]
    worn.append(Worn(Piece(eyes), _choose(rng, sorted(eyes.variants)) if eyes.variants else None))
    hats = catalogue.select("hat", gender=gender)
    if attributes["hair_style"] in ("short", "bald") and hats and rng.random() < 0.18:  # other hair pokes through
        hat = _choose(rng, hats)
        part = hat.parts[0]
        attributes["headwear"] = part.slot
        worn.append(Worn(Piece(hat), None, {Region.ACCESSORY: _colour(rng, "any")[1]}))
    glasses = catalogue.select("glasses")
    if glasses and rng.random() < 0.12:
        attributes["eyewear"] = "glasses"
        worn.append(Worn(Piece(glasses[0])))
    return worn
