# SPDX-License-Identifier: GPL-3.0-or-later
"""The conditioning body: parameters from plain slider values, and its posed surface for the viewport."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...rigging.body_model import BodyModel
from ...rigging.body_parameters import BodyParameters
from .axes import FloatArray, to_blender


@cache
def model() -> BodyModel:
    """The open body, read once."""
    return BodyModel.load()


def parameters(betas: Sequence[float], pose: Mapping[str, Sequence[float]], relaxed_hands: bool) -> BodyParameters:
    """The body that the sliders describe: betas (10,) and rotations (3,) by joint name, radians.

    Raises:
        BodyParameterError: a value is out of range.
    """
    base = BodyParameters.a_pose(betas) if relaxed_hands else BodyParameters(betas=np.asarray(betas))
    full = base.full_pose
    full[:22] = 0.0
    body = base.with_full_pose(full)
    for joint, rotation in pose.items():
        body = body.with_joint(joint, rotation)
    return body


def posed_surface(body: BodyParameters) -> FloatArray:
    """Vertices (V, 3) of the posed body in Blender's axes, standing on z = 0 by its rest pose."""
    posed = model().pose(body)
    floor = float(posed.rest_vertices[:, 1].min())
    return to_blender(posed.vertices - np.array([0.0, floor, 0.0]))


def triangles() -> NDArray[np.int32]:
    """(F, 3) faces of the body."""
    return model().faces
