# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditioning body: parameters from plain slider values, and its posed surface for the viewport."""

import math
import threading
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...rigging.body_model import BodyModel
from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_INDEX, NUM_JOINTS
from ...rigging.lbs import rigid_chain, rodrigues
from ...rigging.parts import PART_INDEX
from .axes import Y_UP_TO_Z_UP
from .hands import curls_of, hand_pose

JAW_OPEN = math.radians(20.0)
"""Turn of the jaw when it is fully open, about the axis to the person's left."""

_LEFT_HAND, _RIGHT_HAND = slice(25, 40), slice(40, 55)
_CURL_TOLERANCE = 1e-4


_reading = threading.Lock()
_reader: threading.Thread | None = None


def model() -> BodyModel:
    """The open body, read once."""
    with _reading:
        return BodyModel.load()


def ready() -> bool:
    """Whether the body is in memory. The first question has a thread of its own read it, for half a second."""
    global _reader
    if _reader is None:
        _reader = threading.Thread(target=_warm, name="doppel-body", daemon=True)
        _reader.start()
    return not _reader.is_alive()


def _warm() -> None:
    suit()
    posed_surface(BodyParameters())


def parameters(
    betas: Sequence[float],
    pose: Mapping[str, Sequence[float]],
    curls: Mapping[str, float],
    expression: Sequence[float] = (0.0,) * 10,
    jaw: float = 0.0,
    orient: Sequence[float] = (0.0, 0.0, 0.0),
    fitted: BodyParameters | None = None,
) -> BodyParameters:
    """The body that the sliders describe.

    Args:
        betas: (10,) shape, standard deviations.
        pose: rotations (3,) by joint name, axis-angle in radians; joints that are not named are not turned.
        curls: of the fingers, 0 to 1, by the names in `hands.CURLS`.
        expression: (10,) coefficients.
        jaw: 0 closed to 1 open.
        orient: (3,) turn of the whole body, axis-angle in radians.
        fitted: a body whose hands are taken over where the curls are still those that came from it.

    Raises:
        BodyParameterError: a value is out of range.
    """
    full = np.zeros((NUM_JOINTS, 3))
    full[[JOINT_INDEX[joint] for joint in pose]] = np.reshape(list(pose.values()), (-1, 3))
    full[JOINT_INDEX["jaw"], 0] = JAW_OPEN * jaw
    full[0] = orient
    full[_LEFT_HAND] = hand_pose("left", curls)
    full[_RIGHT_HAND] = hand_pose("right", curls)
    if fitted is not None:
        unchanged = curls_of(fitted.left_hand_pose, fitted.right_hand_pose)
        if all(abs(curls[name] - value) < _CURL_TOLERANCE for name, value in unchanged.items()):
            full[_LEFT_HAND], full[_RIGHT_HAND] = fitted.left_hand_pose, fitted.right_hand_pose
    return BodyParameters.from_full_pose(full, betas=np.asarray(betas), expression=np.asarray(expression))


@cache
def _weights() -> NDArray[np.float32]:
    """(55, V) the skin's weights, a row a joint."""
    return np.ascontiguousarray(model().weights.T, dtype=np.float32)


@cache
def _shapes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean body's (3 V,) coordinates, all x first, and how (3 V, 20) betas and expression move them."""
    body = model()
    directions = np.concatenate([body.shapedirs, body.exprdirs], axis=2).transpose(1, 0, 2)
    rows = np.ascontiguousarray(directions, dtype=np.float32).reshape(-1, directions.shape[2])
    return np.ascontiguousarray(body.v_template.T, dtype=np.float32).reshape(-1), rows


def posed_surface(body: BodyParameters) -> NDArray[np.float32]:
    """Vertices (V, 3) of the posed body in Blender's axes, standing on z = 0 by its rest pose.

    Linear blend skinning laid out for one step of a slider: in single precision, the mix of the transforms one matrix
    product, and what follows on long rows.
    """
    mean, directions = _shapes()
    coefficients = np.concatenate([body.betas, body.expression]).astype(np.float32)
    x, y, z = (mean + directions @ coefficients).reshape(3, -1)
    joints = model().shaped_joints(body.betas, body.expression)
    _, transforms = rigid_chain(rodrigues(body.full_pose), joints, model().parents)
    transforms[:, :3, 3] += body.transl - np.array([0.0, y.min(), 0.0])
    rows = (Y_UP_TO_Z_UP @ transforms[:, :3]).reshape(NUM_JOINTS, 12).astype(np.float32)
    mixed = (rows.T @ _weights()).reshape(3, 4, -1)  # each vertex's own 3 x 4, transposed
    surface = np.empty((len(x), 3), np.float32)
    for axis, (along_x, along_y, along_z, offset) in enumerate(mixed):
        surface[:, axis] = along_x * x + along_y * y + along_z * z + offset
    return surface


def triangles() -> NDArray[np.int32]:
    """(F, 3) faces of the body."""
    return model().faces


@cache
def suit() -> NDArray[np.bool_]:
    """(F,) which faces the dummy's bodysuit covers: torso, hips and upper legs."""
    body = model()
    assert body.part_ids is not None
    covered = [PART_INDEX[part] for part in ("torso", "hips", "left_upper_leg", "right_upper_leg")]
    return np.isin(body.part_ids[body.faces], covered).all(axis=1)
