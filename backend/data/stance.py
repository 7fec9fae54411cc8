"""The animation-friendly stances that people are generated in: the A-pose and its family."""

from __future__ import annotations

import numpy as np

from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX

_NOISE = {
    "spine1": 0.03,
    "spine2": 0.03,
    "spine3": 0.03,
    "neck": 0.06,
    "head": 0.08,
    "left_collar": 0.03,
    "right_collar": 0.03,
    "left_wrist": 0.08,
    "right_wrist": 0.08,
    "left_ankle": 0.04,
    "right_ankle": 0.04,
}
"""Standard deviation, radians, of each axis."""


def draw_stance(rng: np.random.Generator) -> BodyParameters:
    """A stance near the A-pose: arms 15 to 70 degrees below the horizontal, elbows and knees a little bent."""
    body = BodyParameters.a_pose()
    pose = body.full_pose
    together = rng.normal(0, 0.16)
    for side, sign in (("left", -1.0), ("right", 1.0)):  # turning about +Z by a negative angle lowers the left arm
        pose[JOINT_INDEX[f"{side}_shoulder"]] += (
            rng.normal(0, 0.08),
            rng.normal(0, 0.12),
            sign * (together + rng.normal(0, 0.06)),
        )
        pose[JOINT_INDEX[f"{side}_elbow"]] += (rng.normal(0, 0.05), sign * abs(rng.normal(0, 0.2)), rng.normal(0, 0.05))
        pose[JOINT_INDEX[f"{side}_hip"]] += (rng.normal(0, 0.06), rng.normal(0, 0.06), -sign * rng.normal(0, 0.05))
        pose[JOINT_INDEX[f"{side}_knee"]] += (abs(rng.normal(0, 0.06)), 0.0, 0.0)
    for name, deviation in _NOISE.items():
        pose[JOINT_INDEX[name]] += rng.normal(0, deviation, 3)
    return body.with_full_pose(pose)
