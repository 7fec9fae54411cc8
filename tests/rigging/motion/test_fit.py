"""A clip on a character: its size, its ground, and feet that stay where they stand."""

from pathlib import Path

import numpy as np
import pytest

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX
from rigging.lbs import rodrigues
from rigging.motion.clip import MotionClip
from rigging.motion.feet import Soles
from rigging.motion.fit import fit_motion
from rigging.motion.kinematics import forward, leg, reach
from rigging.motion.load import load_motion

LIMIT = 0.02  # metres that a standing foot may slide


@pytest.fixture(scope="module")
def rest() -> tuple[np.ndarray, float]:
    body = BodyModel.load().pose()
    return body.rest_joints, float(body.rest_vertices[:, 1].min())


def shuffle(frames: int = 60, lean: float = 0.25) -> MotionClip:
    """Standing with the left foot while the hips sway: by rotations alone the foot would slide with them."""
    poses = np.zeros((frames, 55, 3))
    poses[:, JOINT_INDEX["left_hip"], 0] = lean * np.sin(np.linspace(0.0, 3.0, frames))
    poses[:, JOINT_INDEX["left_ankle"], 0] = -poses[:, JOINT_INDEX["left_hip"], 0]
    poses[:, JOINT_INDEX["right_knee"], 0] = 1.4
    return MotionClip("shuffle", poses, np.zeros((frames, 3)), 0.8, 1.0 / 30.0)


def test_a_leg_reaches_for_a_place_and_keeps_its_foot(rest: tuple[np.ndarray, float]) -> None:
    joints, _ = rest
    rng = np.random.default_rng(0)
    poses = rng.normal(0.0, 0.1, (20, 55, 3))
    poses[:, JOINT_INDEX["left_knee"]] = 0.0
    poses[:10, JOINT_INDEX["left_knee"], 0] = rng.uniform(0.2, 1.5, 10)  # the others have straight knees
    local = rodrigues(poses).reshape(20, 55, 3, 3)
    pelvis = np.tile(joints[0], (20, 1))
    world, before = forward(local, pelvis, joints)
    ankle = leg("left")[2]
    hip = before[:, leg("left")[0]]
    target = hip + (before[:, ankle] - hip) * 0.9 + rng.normal(0.0, 0.02, (20, 3))
    turned = reach(local, pelvis, joints, "left", target)
    after_world, after = forward(turned, pelvis, joints)
    np.testing.assert_allclose(after[:, ankle], target, atol=1e-6)
    np.testing.assert_allclose(after_world[:, ankle], world[:, ankle], atol=1e-9)
    knees = np.einsum("tij,tjk->tik", np.swapaxes(turned[:, leg("left")[1]], 1, 2), local[:, leg("left")[1]])
    assert np.isfinite(knees).all()
    bend = np.einsum("tij,tjk->tik", np.swapaxes(after_world[:, leg("left")[0]], 1, 2), after_world[:, leg("left")[1]])
    assert (bend[:, 1, 2] < 1e-6).all(), "knees bend backwards only"


def test_standing_feet_are_planted(rest: tuple[np.ndarray, float]) -> None:
    clip = shuffle()
    loose, planted = fit_motion(clip, *rest, plant_feet=False), fit_motion(clip, *rest)
    assert loose.slide > 0.05 > LIMIT > planted.slide
    joints, ground = rest
    local = rodrigues(planted.poses).reshape(-1, 55, 3, 3)
    points = Soles.of(joints, ground).positions(*forward(local, planted.transl + joints[0], joints))
    heights = points[..., 1][planted.standing]
    assert planted.standing[:, 0].mean() > 0.9 and np.abs(heights - ground).max() < 0.01
    assert points[..., 1].min() > ground - 1e-3


@pytest.mark.parametrize("unit", [1.0, 100.0, 39.37])
def test_the_unit_of_length_does_not_matter(rest: tuple[np.ndarray, float], unit: float) -> None:
    way = np.linspace(0.0, 2.0, 60)[:, None] * [0.0, 0.0, unit]
    clip = MotionClip("walk", np.zeros((60, 55, 3)), way, 0.8 * unit, 1.0 / 30.0)
    short = fit_motion(clip, rest[0] * 0.5, rest[1] * 0.5)
    tall = fit_motion(clip, *rest)
    length = np.linalg.norm(rest[0][4] - rest[0][1]) + np.linalg.norm(rest[0][7] - rest[0][4])
    assert tall.transl[-1, 2] == pytest.approx(2.0 * length / 0.8, rel=0.02)
    assert short.transl[-1, 2] == pytest.approx(0.5 * tall.transl[-1, 2], rel=1e-3)


def test_one_frame_is_set_on_the_ground_as_it_is(rest: tuple[np.ndarray, float]) -> None:
    clip = shuffle(1)
    motion = fit_motion(clip, *rest)
    np.testing.assert_allclose(rodrigues(motion.poses), rodrigues(clip.poses), atol=1e-9)
    frame = motion.frame(0, BodyParameters())
    lowest = BodyModel.load().pose(frame).vertices[:, 1].min()
    assert abs(lowest - rest[1]) < 0.03


def test_cut() -> None:
    clip = shuffle(60)
    part = clip.cut(0.5, 1.0)
    np.testing.assert_array_equal(part.poses, clip.poses[15:31])
    assert part.duration == pytest.approx(0.5) and len(clip.cut(5.0).poses) == 1


def test_a_calibration_pose_is_left_out() -> None:
    clip = shuffle(60)
    poses = clip.poses.copy()
    poses[0, JOINT_INDEX["left_shoulder"], 2] = poses[0, JOINT_INDEX["right_shoulder"], 2] = 1.5
    begun = MotionClip("begun", poses, clip.pelvis, clip.leg_length, clip.frame_time)
    assert len(begun.without_calibration().poses) == 59
    assert clip.without_calibration() is clip


@pytest.mark.parametrize(
    ("name", "walks"),
    [("cmu/02_02", False), ("makehuman_walks/walk1", True), ("makehuman_walks/zombieWalk1", True)],
)
def test_real_clips_keep_their_feet(assets: Path, rest: tuple[np.ndarray, float], name: str, walks: bool) -> None:
    clip = load_motion(assets / f"poses/{name}.bvh")
    motion = fit_motion(clip, *rest)
    assert motion.walked_on == walks and motion.standing.any(axis=(1, 2)).mean() > 0.5
    assert motion.slide < LIMIT
    assert np.isfinite(motion.poses).all() and np.isfinite(motion.transl).all()
    length = np.linalg.norm(motion.transl[-1] - motion.transl[0])
    assert length > 0.4, "they get somewhere"
    model = BodyModel.load()
    for index in range(0, len(motion.poses), max(1, len(motion.poses) // 6)):
        vertices = model.pose(motion.frame(index, BodyParameters())).vertices
        assert np.ptp(vertices[:, 1]) < 2.0 and vertices[:, 1].min() > rest[1] - 0.05
