"""Mean and components of the hand pose for loaders that ask for SMPL-X's `hands_*` keys."""

from __future__ import annotations

import numpy as np

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_CURL = {"index": 1.0, "middle": 1.1, "ring": 1.2, "pinky": 1.25}
_SPREAD = {"index": 1.0, "middle": 0.2, "ring": -0.4, "pinky": -1.0}
_RELAXED = np.radians(16.0)


def hand_mean(sign: float) -> np.ndarray:
    """(45,) a relaxed hand, relative to the flat one; `sign` is +1 for the left hand, -1 for the right."""
    pose = _RELAXED * _curl(sign, _CURL)
    pose[_row("thumb", 1)] = np.radians((6.0, 10.0 * sign, -6.0 * sign))
    return pose.ravel()


def hand_components(sign: float) -> np.ndarray:
    """(45, 45) orthonormal rows: a fist, spread, each finger's curl, the thumb; then what completes the space."""
    rows = [_curl(sign, _CURL), _spread(sign)]
    rows += [_curl(sign, {finger: 1.0}) for finger in ("index", "pinky", "middle")]
    thumb_in, thumb_curl = np.zeros((15, 3)), np.zeros((15, 3))
    thumb_in[_row("thumb", 1)] = (0.3, sign, -0.5 * sign)
    thumb_curl[_row("thumb", 2)] = thumb_curl[_row("thumb", 3)] = (0.0, sign, 0.0)
    rows += [thumb_in, thumb_curl]
    basis: list[np.ndarray] = []
    for candidate in [*(row.ravel() for row in rows), *np.eye(45)]:
        rest = candidate - sum((candidate @ row) * row for row in basis)
        length = float(np.linalg.norm(rest))
        if length > 1e-6:
            basis.append(rest / length)
    return np.stack(basis)


def _row(finger: str, segment: int) -> int:
    return 3 * _FINGERS.index(finger) + segment - 1


def _curl(sign: float, amounts: dict[str, float]) -> np.ndarray:
    pose = np.zeros((15, 3))
    for finger, amount in amounts.items():
        for segment in (1, 2, 3):
            pose[_row(finger, segment), 2] = -sign * amount
    return pose


def _spread(sign: float) -> np.ndarray:
    pose = np.zeros((15, 3))
    for finger, amount in _SPREAD.items():
        pose[_row(finger, 1), 1] = -sign * amount
    return pose
