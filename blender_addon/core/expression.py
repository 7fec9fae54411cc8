# SPDX-License-Identifier: GPL-3.0-or-later
"""Facial expression: ARKit's units, as far as the body's ten coefficients and its jaw can show them."""

import re
from collections.abc import Mapping

import numpy as np

from ...rigging.body_parameters import MAX_BETA
from .axes import FloatArray
from .body import model

_BOTH_SIDES = ("Left", "Right")


def _pairs(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in _BOTH_SIDES)


GROUPS: dict[str, tuple[str, ...]] = {
    "Smile and Frown": _pairs("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    "Lips": (
        *("mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
        *_pairs("mouthUpperUp", "mouthLowerDown", "mouthPress"),
        *("mouthRollUpper", "mouthRollLower", "mouthShrugUpper", "mouthShrugLower"),
    ),
    "Eyes and Cheeks": (*_pairs("eyeBlink", "cheekSquint"), "cheekPuff"),
}
"""Units by part of the face: those that the ten coefficients can show. The jaw is a joint of its own."""

UNITS: tuple[str, ...] = tuple(unit for units in GROUPS.values() for unit in units)

PRESETS: dict[str, tuple[dict[str, float], float]] = {
    "Neutral": ({}, 0.0),
    "Smile": ({"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "cheekSquintLeft": 0.3, "cheekSquintRight": 0.3}, 0.0),
    "Laugh": ({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5}, 0.5),
    "Frown": ({"mouthFrownLeft": 0.8, "mouthFrownRight": 0.8}, 0.0),
    "Astonished": ({"mouthFunnel": 0.4}, 0.6),
    "Kiss": ({"mouthPucker": 1.0}, 0.0),
    "Eyes Closed": ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, 0.0),
}
"""Name -> units, and how far the jaw is open."""


def label(unit: str) -> str:
    """'mouthSmileLeft' -> 'Mouth Smile Left'."""
    words = re.sub(r"([A-Z])", r" \1", unit)
    return words[:1].upper() + words[1:]


def coefficients(units: Mapping[str, float]) -> FloatArray:
    """Expression coefficients (10,) nearest to units from 0 to 1, within their limits."""
    body = model()
    assert body.unit_to_expression is not None
    strengths = np.array([units.get(name, 0.0) for name in body.face_units])
    return np.clip(strengths @ body.unit_to_expression, -MAX_BETA, MAX_BETA)
