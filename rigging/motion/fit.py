"""A motion clip on one character: its size, its ground, its planted feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..body_parameters import BodyParameters
from ..character import CharacterError, RiggedCharacter
from ..joints import JOINT_NAMES, NUM_JOINTS
from ..lbs import rodrigues
from ..rotations import axis_angle
from . import feet
from .clip import MotionClip
from .kinematics import Float, forward, leg
from .source_rigs import SIDES

_LOWEST = 10.0  # percentile of the frames whose lowest point is taken for the ground
_DRIFT = 0.08  # metres by which the ground of a capture may rise or sink in its course
_DRIFT_TIME = 1.2  # seconds in which a foot is on the ground at least once
_FLESH = 0.03  # metres below a joint that is not a foot


@dataclass(frozen=True)
class FittedMotion:
    """T frames for one character, as `BodyParameters` take them: T-pose = zeros, metres, Y up, facing +Z."""

    name: str
    poses: Float  # (T, 55, 3) axis-angle
    transl: Float  # (T, 3)
    frame_time: float  # seconds
    standing: NDArray[np.bool_]  # (T, 2, 2) left and right, heel and ball: when it stands
    slide: float  # metres: the most that a standing foot moves over the ground
    walked_on: bool  # the clip walked in place and was given the way that its feet take

    def frame(self, index: int, body: BodyParameters) -> BodyParameters:
        """One frame on the shape and expression of ``body``."""
        return BodyParameters.from_full_pose(
            self.poses[index], betas=body.betas, expression=body.expression, transl=self.transl[index]
        )


def fit_motion(
    clip: MotionClip,
    rest_joints: NDArray[np.floating],
    ground: float,
    plant_feet: bool = True,
    in_place: bool = False,
) -> FittedMotion:
    """Bring a clip to a character.

    Rotations are kept, the pelvis' path is scaled by the length of the legs and set on the ground, standing feet are
    planted. A single frame is set on the ground as it is.

    Args:
        clip: the motion.
        rest_joints: (55, 3) of the character in the T-pose, metres.
        ground: height of its soles there.
        plant_feet: keep standing feet where they are; else they slide where the proportions differ.
        in_place: leave a clip that walks in place there; else it gets the way that its feet take.
    """
    rest: Float = np.asarray(rest_joints, np.float64)
    assert rest.shape == (NUM_JOINTS, 3)
    soles = feet.Soles.of(rest, ground)
    length = _leg_length(rest)
    local = rodrigues(clip.poses).reshape(len(clip.poses), NUM_JOINTS, 3, 3)
    pelvis = (clip.pelvis - clip.pelvis[0]) * (length / clip.leg_length) + rest[0]

    world, joints = forward(local, pelvis, rest)
    points = soles.positions(world, joints)
    walked_on = not in_place and feet.walks_in_place(points, pelvis, clip.frame_time, length)
    if walked_on:
        way = np.concatenate([np.zeros((1, 3)), -np.cumsum(feet.lowest_motion(points), axis=0)])
        pelvis, joints, points = pelvis + way, joints + way[:, None], points + way[:, None, None]
    lowest = np.minimum(points[..., 1].min(axis=(1, 2)), joints[:, :, 1].min(axis=1) - _FLESH)
    down = (ground - _ground_of(lowest, clip.frame_time))[:, None] * [0.0, 1.0, 0.0]
    pelvis, points = pelvis + down, points + down[:, None, None]

    standing = feet.stances(points, clip.frame_time, ground)
    if len(clip.poses) == 1:
        standing[:] = False
    if plant_feet and standing.any():
        local, pelvis = feet.plant(local, pelvis, rest, soles, standing, ground, clip.frame_time)
        points = soles.positions(*forward(local, pelvis, rest))
    return FittedMotion(
        name=clip.name,
        poses=axis_angle(local),
        transl=pelvis - rest[0],
        frame_time=clip.frame_time,
        standing=standing,
        slide=feet.slide(points, standing),
        walked_on=walked_on,
    )


def fit_to_character(
    clip: MotionClip, character: RiggedCharacter, plant_feet: bool = True, in_place: bool = False
) -> FittedMotion:
    """`fit_motion` to a character, whatever its rest pose.

    Raises:
        CharacterError: its joints are not SMPL-X's.
    """
    if character.joint_names != JOINT_NAMES:
        raise CharacterError("Only a character on SMPL-X's 55 joints can be given a motion; export it afterwards.")
    joints = character.t_joints
    ankles = [leg(side)[2] for side in SIDES]
    standing = ankles[int(character.joints[ankles, 1].argmin())]
    sole = float(character.joints[standing, 1] - character.vertices[:, 1].min())  # thickness below the ankle
    return fit_motion(clip, joints, float(joints[standing, 1]) - sole, plant_feet, in_place)


def _ground_of(lowest: Float, frame_time: float) -> Float:
    """(T,) height of the ground under a motion whose lowest points are at the heights (T,).

    Floors of captures are tilted by centimetres, so it follows the lowest points slowly, and not far.
    """
    level = float(np.percentile(lowest, _LOWEST))
    reach = int(round(0.5 * _DRIFT_TIME / frame_time))
    if len(lowest) <= 2 * reach:
        return np.full(len(lowest), level)
    windows = np.lib.stride_tricks.sliding_window_view
    touched = windows(np.pad(lowest, reach, mode="reflect"), 2 * reach + 1).min(axis=1)
    near = np.clip(touched, level - _DRIFT, level + _DRIFT)
    return windows(np.pad(near, reach, mode="reflect"), 2 * reach + 1).mean(axis=1)


def _leg_length(rest: Float) -> float:
    total = 0.0
    for side in SIDES:
        hip, knee, ankle = leg(side)
        total += float(np.linalg.norm(rest[knee] - rest[hip]) + np.linalg.norm(rest[ankle] - rest[knee]))
    return total / len(SIDES)
