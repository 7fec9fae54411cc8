"""Bring MakeHuman's rest pose (arms 45 degrees down, elbows bent, fingers curled) to SMPL-X's T-pose."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from .anny_source import Source

# Share of the arm's elevation that the shoulder girdle takes, cumulative along the chain.
_CLAVICLE_SHARE, _SHOULDER_SHARE = 0.14, 0.28
# Share of the hand's twist about the straight arm that each bone takes.
_TWIST_SHARES = {"lowerarm01": 0.3, "lowerarm02": 0.75}
_FINGERS = {2: 1, 3: 2, 4: 3, 5: 4}  # finger -> its metacarpal
_THUMB_DROP = np.radians(18.0)  # the thumb points this much below the palm's plane
_LEG_SPREAD = np.radians(2.0)  # of each leg from the vertical, so that heavy thighs stay apart


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _axis_angle(axis: np.ndarray, angle: float) -> np.ndarray:
    """(3, 3) rotation about the unit vector `axis`."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns the direction `source` to `target`."""
    a, b = _unit(source), _unit(target)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return _axis_angle(axis / sine, np.arctan2(sine, a @ b))


def _frame(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """(3, 3) orthonormal columns: `primary`, `secondary` made orthogonal to it, and their cross product."""
    first = _unit(primary)
    second = _unit(secondary - (secondary @ first) * first)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _fraction(rotation: np.ndarray, share: float) -> np.ndarray:
    """`share` of a rotation about its own axis."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    if angle < 1e-9:
        return np.eye(3)
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return _axis_angle(axis / (2 * np.sin(angle)), share * angle)


class TPose:
    """Rotations and skinning that bring one rest shape to the T-pose."""

    def __init__(self, source: Source) -> None:
        self._names = source.bone_names
        self._parents = source.bone_parents
        self._index = {name: bone for bone, name in enumerate(source.bone_names)}
        self._weights = csr_array(source.weights)

    def __call__(self, vertices: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pose one shape.

        Args:
            vertices: (V, 3) rest vertices, Y up.
            heads: (163, 3) rest bone heads.

        Returns:
            posed vertices (V, 3), posed heads (163, 3), world rotations of the bones (163, 3, 3).
        """
        rotations = self.rotations(heads)
        posed = heads.copy()
        for bone, parent in enumerate(self._parents):
            if parent >= 0:
                posed[bone] = posed[parent] + rotations[parent] @ (heads[bone] - heads[parent])
        offsets = posed - np.einsum("bij,bj->bi", rotations, heads)
        affine = np.concatenate([rotations, offsets[:, :, None]], axis=2).reshape(len(heads), 12)
        blended = (self._weights @ affine).reshape(-1, 3, 4)
        return np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3], posed, rotations

    def rotations(self, heads: np.ndarray) -> np.ndarray:
        """World rotation (163, 3, 3) of every bone between rest and T-pose, from the rest heads (163, 3)."""
        given: dict[int, np.ndarray] = {}
        for side, sign in ((".L", 1.0), (".R", -1.0)):
            at = {name.removesuffix(side): heads[b] for name, b in self._index.items() if name.endswith(side)}
            for stem, rotation in {**_leg(at, sign), **_arm(at, sign)}.items():
                given[self._index[stem + side]] = rotation
        result = np.empty((len(heads), 3, 3))
        for bone, parent in enumerate(self._parents):
            result[bone] = given.get(bone, result[parent] if parent >= 0 else np.eye(3))
        return result


def _leg(at: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    """Thigh and shin turn in the frontal plane until they hang in one straight line; the foot stays flat."""
    forward = np.array([0.0, 0.0, 1.0])
    spread = sign * _LEG_SPREAD
    thigh = at["lowerleg01"] - at["upperleg01"]
    shin = at["foot"] - at["lowerleg01"]
    return {
        "upperleg01": _axis_angle(forward, spread - np.arctan2(thigh[0], -thigh[1])),
        "lowerleg01": _axis_angle(forward, spread - np.arctan2(shin[0], -shin[1])),
        "foot": np.eye(3),
    }


def _arm(at: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    """Girdle, arm, hand and fingers of one side; `sign` is +1 for the left (towards +X)."""
    out = np.array([sign, 0.0, 0.0])
    down = np.array([0.0, -1.0, 0.0])
    upper = at["lowerarm01"] - at["upperarm01"]
    fore = at["wrist"] - at["lowerarm01"]
    # The elbow's hinge becomes vertical, so that flexing it swings the forearm forward.
    hinge = np.cross(upper, fore) * sign
    arm = _frame(out, down) @ _frame(upper, hinge).T
    forearm = _frame(out, down) @ _frame(fore, hinge).T
    knuckles = (at["finger2-1"] + at["finger3-1"] + at["finger4-1"] + at["finger5-1"]) / 4
    palm = np.cross(at["finger5-1"] - at["wrist"], at["finger2-1"] - at["wrist"]) * sign
    hand = _frame(out, down) @ _frame(knuckles - at["wrist"], palm).T
    # What is left between forearm and hand is a swing and a twist about the arm; only the twist spreads upwards.
    relative = hand @ forearm.T
    twist = np.arctan2(relative[2, 1] - relative[1, 2], relative[1, 1] + relative[2, 2])
    result = {
        "clavicle": _fraction(arm, _CLAVICLE_SHARE),
        "shoulder01": _fraction(arm, _SHOULDER_SHARE),
        "upperarm01": arm,
        "wrist": hand,
    }
    for bone, share in _TWIST_SHARES.items():
        result[bone] = _axis_angle(np.array([1.0, 0.0, 0.0]), share * twist) @ forearm
    for finger in _FINGERS:
        result.update(_finger(at, finger, hand))
    result.update(_thumb(at, hand))
    return result


def _finger(at: dict[str, np.ndarray], finger: int, hand: np.ndarray) -> dict[str, np.ndarray]:
    """Straighten a finger in the palm's plane, along the way its first bone already points there."""
    bones = [at[f"finger{finger}-{segment}"] for segment in (1, 2, 3)]
    directions = [hand @ (bones[1] - bones[0]), hand @ (bones[2] - bones[1])]
    flat = directions[0] * (1.0, 0.0, 1.0)
    rotations = [_between(direction, flat) @ hand for direction in directions]
    # The last bone has no successor; it keeps curling as the middle one did relative to the first.
    last = _between(directions[0], directions[1])
    return {
        f"finger{finger}-1": rotations[0],
        f"finger{finger}-2": rotations[1],
        f"finger{finger}-3": _between(last @ directions[1], flat) @ hand,
    }


def _thumb(at: dict[str, np.ndarray], hand: np.ndarray) -> dict[str, np.ndarray]:
    """Bring the thumb close to the palm's plane and straighten it."""
    bones = [at[f"finger1-{segment}"] for segment in (1, 2, 3)]
    directions = [hand @ (bones[1] - bones[0]), hand @ (bones[2] - bones[1])]
    flat = _unit(directions[0] * (1.0, 0.0, 1.0))
    target = np.cos(_THUMB_DROP) * flat - np.sin(_THUMB_DROP) * np.array([0.0, 1.0, 0.0])
    base = _between(directions[0], target)
    second = _between(base @ directions[1], target) @ base
    return {
        "finger1-1": base @ hand,
        "finger1-2": _fraction(second @ base.T, 0.6) @ base @ hand,
        "finger1-3": _fraction(second @ base.T, 0.8) @ base @ hand,
    }
