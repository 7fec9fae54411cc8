"""Visemes and emotions, composed from the ARKit face shapes that a character has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Recipe = Mapping[str, float]
"""ARKit shape -> strength."""

OPTIONAL = frozenset({"tongueOut"})
"""Shapes that a recipe can do without: a character's closed surface has no tongue."""

VISEME_PREFIX = "viseme_"


def _recipe(**strengths: float) -> dict[str, float]:
    """Strengths by shape; a name that ends in ``Both`` stands for its left and its right."""
    result: dict[str, float] = {}
    for name, strength in strengths.items():
        stem = name.removesuffix("Both")
        result |= {name: strength} if stem == name else {f"{stem}Left": strength, f"{stem}Right": strength}
    return result


VISEMES: dict[str, Recipe] = {
    "PP": _recipe(mouthPressBoth=0.5, mouthRollLower=0.3, mouthRollUpper=0.3),
    "FF": _recipe(jawOpen=0.06, mouthRollLower=0.6, mouthUpperUpBoth=0.25),
    "TH": _recipe(jawOpen=0.15, mouthLowerDownBoth=0.2, tongueOut=0.4),
    "DD": _recipe(jawOpen=0.12, mouthLowerDownBoth=0.25, mouthUpperUpBoth=0.15),
    "kk": _recipe(jawOpen=0.18, mouthLowerDownBoth=0.15, mouthStretchBoth=0.15),
    "CH": _recipe(jawOpen=0.06, mouthFunnel=0.5, mouthPucker=0.2, mouthShrugUpper=0.2),
    "SS": _recipe(jawOpen=0.04, mouthLowerDownBoth=0.25, mouthSmileBoth=0.1, mouthStretchBoth=0.35),
    "nn": _recipe(jawOpen=0.1, mouthLowerDownBoth=0.15),
    "RR": _recipe(jawOpen=0.1, mouthFunnel=0.3, mouthPucker=0.25),
    "aa": _recipe(jawOpen=0.6, mouthLowerDownBoth=0.15, mouthUpperUpBoth=0.1),
    "E": _recipe(jawOpen=0.3, mouthSmileBoth=0.2, mouthStretchBoth=0.25),
    "I": _recipe(jawOpen=0.15, mouthSmileBoth=0.35, mouthStretchBoth=0.25),
    "O": _recipe(jawOpen=0.4, mouthFunnel=0.6),
    "U": _recipe(jawOpen=0.2, mouthFunnel=0.2, mouthPucker=0.75),
}
"""The visemes of the set of fifteen that lip-sync programs use; the fifteenth, silence, is the rest of the face."""

VRM_PRESETS: dict[str, Recipe] = {
    "happy": _recipe(mouthSmileBoth=0.8, cheekSquintBoth=0.5, eyeSquintBoth=0.3),
    "angry": _recipe(browDownBoth=0.9, noseSneerBoth=0.4, mouthPressBoth=0.4, eyeSquintBoth=0.3),
    "sad": _recipe(browInnerUp=0.8, mouthFrownBoth=0.7, mouthShrugLower=0.3),
    "relaxed": _recipe(mouthSmileBoth=0.35, eyeBlinkBoth=0.25),
    "surprised": _recipe(browInnerUp=0.7, browOuterUpBoth=0.8, eyeWideBoth=0.8, jawOpen=0.35),
    "aa": VISEMES["aa"],
    "ih": VISEMES["I"],
    "ou": VISEMES["U"],
    "ee": VISEMES["E"],
    "oh": VISEMES["O"],
    "blink": _recipe(eyeBlinkBoth=1.0),
    "blinkLeft": _recipe(eyeBlinkLeft=1.0),
    "blinkRight": _recipe(eyeBlinkRight=1.0),
    "lookUp": _recipe(eyeLookUpBoth=1.0),
    "lookDown": _recipe(eyeLookDownBoth=1.0),
    "lookLeft": _recipe(eyeLookOutLeft=1.0, eyeLookInRight=1.0),
    "lookRight": _recipe(eyeLookInLeft=1.0, eyeLookOutRight=1.0),
}
"""The expressions that VRM 1.0 names, but for ``neutral``, which is the rest of the face."""


def usable(recipe: Recipe, shapes: Iterable[str]) -> dict[str, float] | None:
    """The part of a recipe that these shapes can make; None when one that it cannot do without is missing."""
    known = set(shapes)
    if not set(recipe) - OPTIONAL <= known:
        return None
    return {name: strength for name, strength in recipe.items() if name in known}


def with_visemes(morphs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The shapes (V, 3), and after them a ``viseme_...`` for each viseme that they can make and do not have yet."""
    result = dict(morphs)
    for name, recipe in VISEMES.items():
        parts = usable(recipe, morphs)
        if parts is not None and VISEME_PREFIX + name not in morphs:
            total = sum(np.float32(strength) * morphs[shape] for shape, strength in parts.items())
            result[VISEME_PREFIX + name] = np.asarray(total, np.float32)
    return result
