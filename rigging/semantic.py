"""Sliders that people understand (age, gender, height, weight, muscle) to and from the open body's betas.

The maps are linear and were fitted to MakeHuman's adults when the open body was built. Height is then made exact:
the betas move along the height direction until the shaped T-pose has it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .body_model import OPEN_BODY_PATH
from .body_parameters import MAX_BETA, BodyParameterError

RANGES: dict[str, tuple[float, float]] = {
    "age": (18.0, 90.0),
    "gender": (0.0, 1.0),
    "height_cm": (140.0, 210.0),
    "weight": (0.0, 1.0),
    "muscle": (0.0, 1.0),
}
"""Slider name -> least and greatest value. Years; 0 male .. 1 female; centimetres; 0 least .. 1 most."""

UNITS: dict[str, str] = {"age": "years", "height_cm": "cm"}
"""Slider name -> its unit, where it has one."""

SEMANTIC: tuple[str, ...] = tuple(RANGES)
"""The sliders' names, in the order of the fitted maps."""

_HEIGHT = SEMANTIC.index("height_cm")


@dataclass(frozen=True)
class _Maps:
    matrix: np.ndarray  # (10, 5) betas per unit of each slider
    offset: np.ndarray  # (10,)
    inverse: np.ndarray  # (5, 10)
    mean: np.ndarray  # (5,) sliders of the mean body
    heights: np.ndarray  # (K,) y in metres of the vertices that can be highest or lowest
    height_dirs: np.ndarray  # (K, 10)


@functools.cache
def _maps() -> _Maps:
    with np.load(OPEN_BODY_PATH, allow_pickle=False) as body:
        names = tuple(str(name) for name in body["semantic_names"])
        if names != SEMANTIC:
            raise RuntimeError(f"{OPEN_BODY_PATH.name} was built for other sliders: {', '.join(names)}.")
        matrix = body["semantic_matrix"]
        rows = body["height_vertices"]
        return _Maps(
            matrix=matrix,
            offset=body["semantic_offset"],
            inverse=np.linalg.pinv(matrix),
            mean=body["semantic_mean"],
            heights=body["v_template"][rows, 1].astype(np.float64),
            height_dirs=body["shapedirs"][rows, 1, :10].astype(np.float64),
        )


def default_semantic() -> dict[str, float]:
    """The sliders of the mean body (betas = 0)."""
    return betas_to_semantic(np.zeros(10))


def height_cm(betas: np.ndarray) -> float:
    """Height of the open body's T-pose, soles to crown, for betas (10,)."""
    maps = _maps()
    return 100 * float(np.ptp(maps.heights + maps.height_dirs @ np.asarray(betas, np.float64)))


def semantic_to_betas(semantic: Mapping[str, Any]) -> np.ndarray:
    """Betas (10,) of a body with the given sliders; sliders left out are those of the mean body.

    The height is met exactly (to well below a millimetre); the others as far as a linear map can.

    Raises:
        BodyParameterError: an unknown slider, a value that is not a number or out of range, or a combination
            that would need betas beyond the limit.
    """
    maps = _maps()
    values = maps.mean.copy()
    for name, value in _validated(semantic).items():
        values[SEMANTIC.index(name)] = value
    betas = maps.matrix @ values + maps.offset
    direction = maps.matrix[:, _HEIGHT]
    for _ in range(8):  # the height is piecewise linear in the betas: one or two steps reach it
        missing = values[_HEIGHT] - height_cm(betas)
        if abs(missing) < 1e-3:
            break
        slope = height_cm(betas + 0.5 * direction) - height_cm(betas - 0.5 * direction)  # cm per cm of the slider
        betas = betas + direction * missing / slope
    if np.abs(betas).max() > MAX_BETA:
        raise BodyParameterError(
            "This combination of age, gender, height, weight and muscle is too far from any body; "
            "move the sliders towards the middle."
        )
    return betas


def betas_to_semantic(betas: np.ndarray) -> dict[str, float]:
    """Sliders of the body nearest to betas (10,), clipped to their ranges; the height is measured.

    `betas_to_semantic(semantic_to_betas(s))` gives `s` back, save for what meeting the height exactly changed.
    """
    maps = _maps()
    coefficients = np.asarray(betas, np.float64)
    if coefficients.shape != (10,) or not np.isfinite(coefficients).all():
        raise BodyParameterError(f"betas must be 10 finite numbers, got the shape {coefficients.shape}.")
    values = maps.inverse @ (coefficients - maps.offset)
    values[_HEIGHT] = height_cm(coefficients)
    return {name: float(np.clip(value, *RANGES[name])) for name, value in zip(SEMANTIC, values, strict=True)}


def _validated(semantic: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(semantic, Mapping):
        raise BodyParameterError("'semantic' must map slider names to numbers, like {\"height_cm\": 180}.")
    result = {}
    for name, value in semantic.items():
        if name not in RANGES:
            raise BodyParameterError(f"Unknown slider {name!r}. Sliders: {', '.join(SEMANTIC)}.")
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
            raise BodyParameterError(f"{name} must be a number, got {value!r}.")
        low, high = RANGES[name]
        if not low <= value <= high:
            unit = f" {UNITS[name]}" if name in UNITS else ""
            raise BodyParameterError(f"{name} must lie in {low:g}..{high:g}{unit}, got {float(value):g}.")
        result[name] = float(value)
    return result
