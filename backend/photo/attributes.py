"""What a photo says about a person in the prompt's words: colours of hair, skin and clothes, and kinds of clothes.

Colours are the commonest in CIE Lab inside the parts of the fitted body, named by the nearest of the prompt's colours.
Gender and age are not guessed from looks: they come from the prompt or stay unsaid.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter
from skimage.color import rgb2lab

from rigging.parts import PART_INDEX

from ..models.slots import COLOURS, HAIR_COLOURS
from .landmarks import Found

Lab = NDArray[np.float64]

LEAST_PIXELS = 60
LEAST_SHARE = 0.03
"""Of the cut-out that a part must take for its colour to count: slivers at the photo's edge are no trousers."""
_BIN = 12.0  # of the histogram in which the commonest colour is looked for, Lab units
_SKIN_DISTANCE = 16.0  # of two Lab colours that may both be skin, with light and shade
_CHEEKS = (50, 280, 205, 425, 117, 346)  # points of the face mesh without beard, hair or glasses
_FOREHEAD, _CHIN, _LEFT_SIDE, _RIGHT_SIDE = 10, 152, 454, 234
_TONES = {"light": 66.0, "tan": 50.0}  # least lightness of the face


def read_attributes(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], face: Found | None, parts: NDArray[np.integer]
) -> dict[str, str]:
    """Words by slot (see `backend.models.slots`), for what can be seen.

    Args:
        rgb: (H, W, 3) the photo.
        alpha: (H, W) cut-out.
        face: the face's points in the photo.
        parts: (H, W) index of the fitted body's part that each pixel shows, -1 for none.
    """
    lab = rgb2lab(rgb)
    solid = alpha > 0.9
    words: dict[str, str] = {}
    skin = _skin(lab, solid, face)
    if skin is not None:
        words["skin_tone"] = next((tone for tone, least in _TONES.items() if skin[0] >= least), "dark")
    if face is not None and skin is not None:
        words.update(_hair(lab, solid, face, skin))

    def of(*names: str, least: float = LEAST_SHARE, within: NDArray[np.integer] = parts) -> Lab | None:
        chosen = solid & np.isin(within, [PART_INDEX[name] for name in names])
        return _commonest(lab[chosen]) if chosen.sum() >= max(LEAST_PIXELS, least * solid.sum()) else None

    def bare(colour: Lab | None) -> bool:
        return colour is not None and skin is not None and bool(_apart(colour, skin) < _SKIN_DISTANCE)

    torso = of("torso", "left_upper_arm", "right_upper_arm", within=_spread(parts))
    arms = of("left_lower_arm", "right_lower_arm")
    if torso is not None:
        words["upper_kind"] = "t-shirt" if bare(arms) else "sweater"
        words["upper_colour"] = nearest(torso, COLOURS)
    thighs, shins = of("left_upper_leg", "right_upper_leg"), of("left_lower_leg", "right_lower_leg")
    if thighs is not None and not bare(thighs):
        words["lower_kind"] = "shorts" if bare(shins) else "trousers"
        words["lower_colour"] = nearest(thighs, COLOURS)
    feet = of("left_foot", "right_foot", least=0.006)
    if feet is not None:
        words["shoes_kind"] = "barefoot" if bare(feet) else "shoes"
        words["shoes_colour"] = nearest(feet, COLOURS)
    return words


def caption(words: Mapping[str, str]) -> str:
    """A prompt of attributes, as people write them."""
    who = " ".join(filter(None, (words.get("age"), words.get("build"), words.get("gender", "person"))))
    said = []
    if "skin_tone" in words:
        said.append(f"{words['skin_tone']} skin")
    style = words.get("hair_style")
    if style == "bald":
        said.append("a bald head")
    elif style and "hair_colour" in words:
        said.append(f"a {words['hair_colour']} bob" if style == "bob" else f"{style} {words['hair_colour']} hair")
    worn = []
    if "upper_kind" in words:
        worn.append(f"a {words['upper_colour']} {words['upper_kind']}")
    if "lower_kind" in words:
        worn.append(f"{words['lower_colour']} {words['lower_kind']}")
    if "shoes_kind" in words:
        worn.append("barefoot" if words["shoes_kind"] == "barefoot" else f"{words['shoes_colour']} shoes")
    text = f"{'an' if who[0] in 'aeiou' else 'a'} {who}"
    if said:
        text += " with " + " and ".join(said)
    if worn:
        text += " in " + " and ".join(worn)
    return text


def nearest(lab: Lab, colours: Mapping[str, tuple[int, int, int]]) -> str:
    """The name of the nearest colour; lightness counts half, since a photo's light is not known."""
    table = rgb2lab(np.array(list(colours.values()), np.float64)[None] / 255)[0]
    return list(colours)[int(np.argmin((table - lab) ** 2 @ np.array([0.5, 1, 1])))]


def _spread(parts: NDArray[np.integer]) -> NDArray[np.integer]:
    """Parts (H, W) that go on beyond the body: wide jackets lie beside it."""
    if not (parts >= 0).any():
        return parts
    row, column = distance_transform_edt(parts < 0, return_distances=False, return_indices=True)
    return parts[row, column]


def _commonest(colours: Lab) -> Lab:
    """The colour (3,) about which most of (N, 3) lie: badges, straps and folds are fewer than the cloth."""
    low = np.floor(colours.min(0) / _BIN)
    cells = np.floor(colours / _BIN - low).astype(int)
    counts = np.zeros(cells.max(0) + 1)
    np.add.at(counts, tuple(cells.T), 1)
    counts = uniform_filter(counts, 3, mode="constant")
    best = np.array(np.unravel_index(counts.argmax(), counts.shape))
    near = (np.abs(cells - best) <= 1).all(axis=1)
    return np.median(colours[near], axis=0)


def _apart(a: Lab, b: Lab) -> NDArray[np.float64]:
    return np.sqrt(((a - b) ** 2) @ np.array([0.3, 1.0, 1.0]))


def _skin(lab: Lab, solid: NDArray[np.bool_], face: Found | None) -> Lab | None:
    if face is None:
        return None
    extent = float(np.ptp(face.points[:, 1]))
    reach = max(1, int(0.03 * extent))
    samples = []
    for x, y in face.points[list(_CHEEKS), :2].astype(int):
        if reach <= x < lab.shape[1] - reach and reach <= y < lab.shape[0] - reach and solid[y, x]:
            samples.append(np.median(lab[y - reach : y + reach + 1, x - reach : x + reach + 1].reshape(-1, 3), axis=0))
    return np.median(samples, axis=0) if samples else None


def _hair(lab: Lab, solid: NDArray[np.bool_], face: Found, skin: Lab) -> dict[str, str]:
    """Style and colour, by what lies above and beside the face's oval."""
    top, chin = face.points[_FOREHEAD, :2], face.points[_CHIN, :2]
    left, right = face.points[_LEFT_SIDE, :2], face.points[_RIGHT_SIDE, :2]
    height = float(np.linalg.norm(chin - top))
    width = float(np.linalg.norm(left - right))
    down, across = (chin - top) / height, (left - right) / max(width, 1.0)
    rows, columns = np.mgrid[: lab.shape[0], : lab.shape[1]]
    place = np.stack([columns, rows], axis=-1) - (top + chin) / 2
    y, x = place @ down / height, np.abs(place @ across) / max(width, 1.0)  # the oval is y, x in +-0.5
    above = solid & (y < -0.45) & (y > -1.1) & (x < 0.8)
    other = above & (_apart(lab, skin) > _SKIN_DISTANCE)
    if above.sum() < LEAST_PIXELS:
        return {}
    if other.sum() < 0.35 * above.sum():
        return {"hair_style": "bald"}
    colour = np.median(lab[other], axis=0)
    alike = solid & (_apart(lab, colour) < _SKIN_DISTANCE) & (_apart(lab, skin) > 0.7 * _SKIN_DISTANCE)

    def share(low: float, high: float) -> float:
        """How much of the strips beside the face, from ``low`` to ``high`` along it, is hair."""
        strip = (y > low) & (y < high) & (x > 0.52) & (x < 0.75)
        return float(alike[strip].mean()) if strip.any() else 0.0

    style = "long" if share(0.55, 1.1) > 0.35 else "bob" if share(0.1, 0.5) > 0.35 else "short"
    return {"hair_style": style, "hair_colour": nearest(colour, HAIR_COLOURS)}
