"""Shape, expression and pose of one body, in SMPL-X's parametrisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from .joints import JOINT_INDEX, NUM_JOINTS

MAX_ROTATION = 2 * math.pi
"""Largest allowed length of an axis-angle rotation, radians."""
MAX_BETA = 5.0
"""Largest allowed magnitude of a shape or expression coefficient, standard deviations."""
MAX_TRANSLATION = 1e3
"""Largest allowed magnitude of a translation component, metres."""

_SHAPES: dict[str, tuple[int, ...]] = {
    "betas": (10,),
    "expression": (10,),
    "transl": (3,),
    "global_orient": (3,),
    "body_pose": (21, 3),
    "jaw_pose": (3,),
    "leye_pose": (3,),
    "reye_pose": (3,),
    "left_hand_pose": (15, 3),
    "right_hand_pose": (15, 3),
}
_LIMITS: dict[str, float] = {"betas": MAX_BETA, "expression": MAX_BETA, "transl": MAX_TRANSLATION}

# Where each field's rotations lie in the (55, 3) full pose.
_POSE_ROWS: dict[str, slice] = {
    "global_orient": slice(0, 1),
    "body_pose": slice(1, 22),
    "jaw_pose": slice(22, 23),
    "leye_pose": slice(23, 24),
    "reye_pose": slice(24, 25),
    "left_hand_pose": slice(25, 40),
    "right_hand_pose": slice(40, 55),
}

FORMAT = "doppel-body"
FORMAT_VERSION = 1


class BodyParameterError(ValueError):
    """A body parameter is missing, malformed or out of range; the message is one line for the user."""


def _zeros(name: str) -> Any:
    return field(default_factory=lambda: np.zeros(_SHAPES[name]))


@dataclass
class BodyParameters:
    """SMPL-X parameters of one body. Arrays are float64; rotations are axis-angle in radians.

    Hand poses are full rotations about the flat hand (`flat_hand_mean=True`): zeros are flat hands.
    The frame is right-handed, Y up, the person looks along +Z; `global_orient` turns about the pelvis joint.
    """

    betas: np.ndarray = _zeros("betas")  # (10,) shape, standard deviations
    expression: np.ndarray = _zeros("expression")  # (10,) expression, standard deviations
    transl: np.ndarray = _zeros("transl")  # (3,) metres
    global_orient: np.ndarray = _zeros("global_orient")  # (3,)
    body_pose: np.ndarray = _zeros("body_pose")  # (21, 3) left_hip ... right_wrist
    jaw_pose: np.ndarray = _zeros("jaw_pose")  # (3,)
    leye_pose: np.ndarray = _zeros("leye_pose")  # (3,)
    reye_pose: np.ndarray = _zeros("reye_pose")  # (3,)
    left_hand_pose: np.ndarray = _zeros("left_hand_pose")  # (15, 3)
    right_hand_pose: np.ndarray = _zeros("right_hand_pose")  # (15, 3)

    def __post_init__(self) -> None:
        for name in _SHAPES:
            setattr(self, name, _checked(name, getattr(self, name)))

    @property
    def full_pose(self) -> np.ndarray:
        """(55, 3) axis-angle rotation of every joint, in the order of `JOINT_NAMES`."""
        return np.concatenate([np.reshape(getattr(self, name), (-1, 3)) for name in _POSE_ROWS])

    @classmethod
    def from_full_pose(cls, full_pose: np.ndarray, **others: Any) -> BodyParameters:
        """The inverse of `full_pose`; `others` are the remaining fields (betas, expression, transl)."""
        pose = np.asarray(full_pose, np.float64)
        if pose.shape != (NUM_JOINTS, 3):
            raise BodyParameterError(f"full_pose must have the shape (55, 3), not {pose.shape}.")
        rotations = {name: pose[rows].reshape(_SHAPES[name]) for name, rows in _POSE_ROWS.items()}
        return cls(**rotations, **others)

    def with_joint(self, name: str, axis_angle: Sequence[float] | np.ndarray) -> BodyParameters:
        """A copy whose joint `name` (one of `JOINT_NAMES`) has the rotation `axis_angle` (3,), radians."""
        pose = self.full_pose
        pose[_joint_index(name)] = _numbers(f"pose of {name}", axis_angle, (3,))
        return self.with_full_pose(pose)

    def with_full_pose(self, full_pose: np.ndarray) -> BodyParameters:
        """A copy with all 55 rotations (55, 3) replaced; shape, expression and translation stay."""
        return BodyParameters.from_full_pose(
            full_pose, betas=self.betas, expression=self.expression, transl=self.transl
        )

    def copy(self) -> BodyParameters:
        """An independent copy."""
        return replace(self, **{f.name: getattr(self, f.name).copy() for f in fields(self)})

    @classmethod
    def a_pose(cls, betas: Sequence[float] | np.ndarray | None = None) -> BodyParameters:
        """The default animation-friendly pose.

        Arms about 50 degrees below horizontal, slightly bent; legs about 8 degrees apart each; feet flat on
        the ground; fingers relaxed. `betas` (10,) set the shape (default: the mean body).
        """
        pose = np.zeros((NUM_JOINTS, 3))
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for joint, rotation in _A_POSE.items():
                # Mirroring the rotation vector in the plane x = 0 flips its y and z components.
                pose[JOINT_INDEX[f"{side}_{joint}"]] = np.radians(rotation) * (1.0, sign, sign)
        others = {} if betas is None else {"betas": np.asarray(betas)}
        return cls.from_full_pose(pose, **others)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able form that `from_dict` reads back exactly."""
        document: dict[str, Any] = {"format": FORMAT, "version": FORMAT_VERSION}
        document.update({name: getattr(self, name).tolist() for name in _SHAPES})
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> BodyParameters:
        """Read `to_dict`'s form, or a hand-written one.

        Every field is optional and zero by default. Besides the fields by name there may be
        `"pose": {"left_elbow": [x, y, z], ...}` (radians, applied over the pose fields) and
        `"semantic": {"height_cm": 180, ...}` (see `rigging.semantic`; instead of `betas`).

        Raises:
            BodyParameterError: an unknown key, a wrong length, a number that is not finite or out of range.
        """
        if not isinstance(document, Mapping):
            raise BodyParameterError(f"Body parameters must be a JSON object, not {type(document).__name__}.")
        known = {*_SHAPES, "pose", "semantic", "format", "version"}
        unknown = sorted(str(key) for key in document if key not in known)
        if unknown:
            raise BodyParameterError(f"Unknown body parameter {unknown[0]!r}. Known: {', '.join(sorted(known))}.")
        if document.get("format", FORMAT) != FORMAT:
            raise BodyParameterError(f"This is not a body file: its format is {document['format']!r}, not {FORMAT!r}.")
        if document.get("version", FORMAT_VERSION) != FORMAT_VERSION:
            raise BodyParameterError(
                f"Body file version {document['version']!r} is not supported (this release reads {FORMAT_VERSION})."
            )
        values = {name: _numbers(name, document[name], shape) for name, shape in _SHAPES.items() if name in document}
        semantic = document.get("semantic")
        if semantic is not None:
            if "betas" in values:
                raise BodyParameterError("Give either 'betas' or 'semantic', not both.")
            from .semantic import semantic_to_betas  # imported late: it loads the open body

            values["betas"] = semantic_to_betas(semantic)
        parameters = cls(**values)
        pose = document.get("pose")
        if pose is None:
            return parameters
        if not isinstance(pose, Mapping):
            raise BodyParameterError("'pose' must map joint names to rotations, like {\"left_elbow\": [0, 0, 0.5]}.")
        rotations = parameters.full_pose
        for joint, axis_angle in pose.items():
            rotations[_joint_index(joint)] = _numbers(f"pose of {joint}", axis_angle, (3,))
        return parameters.with_full_pose(rotations)


# Rotations of the left side in the A-pose, degrees; the right side mirrors them.
_A_POSE: dict[str, tuple[float, float, float]] = {
    "collar": (0.0, 0.0, -5.0),
    "shoulder": (0.0, 0.0, -45.0),
    "elbow": (0.0, -12.0, 0.0),
    "hip": (0.0, 0.0, 6.0),  # the T-pose has its legs 2 degrees apart already
    "ankle": (0.0, 0.0, -6.0),
    **{
        f"{finger}{segment}": (0.0, 0.0, -angle)
        for finger, angles in {
            "index": (10.0, 14.0, 8.0),
            "middle": (13.0, 16.0, 9.0),
            "ring": (16.0, 17.0, 9.0),
            "pinky": (18.0, 17.0, 9.0),
        }.items()
        for segment, angle in zip((1, 2, 3), angles, strict=True)
    },
    "thumb1": (8.0, 14.0, -6.0),
    "thumb2": (0.0, 10.0, 0.0),
    "thumb3": (0.0, 10.0, 0.0),
}


def _joint_index(name: Any) -> int:
    if name not in JOINT_INDEX:
        raise BodyParameterError(f"Unknown joint {name!r}. Joints have SMPL-X names, such as 'left_elbow'.")
    return JOINT_INDEX[name]


def _numbers(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a float64 array of `shape`; a flat list of the right length is accepted, too."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        raise BodyParameterError(f"{name} must be numbers, got {_shortened(value)}.")
    array = array.astype(np.float64)
    size = math.prod(shape)
    if array.shape != shape and array.shape != (size,):
        wanted = " x ".join(map(str, shape))
        raise BodyParameterError(f"{name} must have {wanted} numbers, got {_shape_text(array.shape)}.")
    return array.reshape(shape)


def _checked(name: str, value: Any) -> np.ndarray:
    array = np.array(_numbers(name, value, _SHAPES[name]))
    if not np.isfinite(array).all():
        raise BodyParameterError(f"{name} has a number that is not finite.")
    if name in _LIMITS:
        largest = float(np.abs(array).max())
        if largest > _LIMITS[name]:
            raise BodyParameterError(f"{name} must lie within +-{_LIMITS[name]:g}, got {largest:.4g}.")
    else:
        largest = float(np.linalg.norm(array.reshape(-1, 3), axis=1).max())
        if largest > MAX_ROTATION + 1e-9:
            raise BodyParameterError(f"{name} has a rotation of {largest:.4g} radians; the most is 2 pi.")
    return array


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if shape else "a single number"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
