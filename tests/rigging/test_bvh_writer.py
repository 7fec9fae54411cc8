"""BVH written here is read back by the reader of motion clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rigging.body_model import BodyModel
from rigging.bvh_writer import bvh_text, euler_zxy
from rigging.joints import JOINT_NAMES, PARENTS
from rigging.lbs import rodrigues
from rigging.motion.bvh import load_bvh
from rigging.motion.load import load_motion
from rigging.skeletons import SKELETONS


def test_angles_are_those_of_scipy() -> None:
    rotations = Rotation.random(200, random_state=1)
    np.testing.assert_allclose(euler_zxy(rotations.as_matrix()), rotations.as_euler("ZXY", degrees=True), atol=1e-8)
    locked = Rotation.from_euler("ZXY", [[30.0, 90.0, 20.0], [30.0, -90.0, 20.0]], degrees=True).as_matrix()
    again = Rotation.from_euler("ZXY", euler_zxy(locked), degrees=True).as_matrix()
    np.testing.assert_allclose(again, locked, atol=1e-7)


@pytest.mark.parametrize("target", sorted(SKELETONS))
def test_motions_come_back(target: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    poses = rng.normal(0.0, 0.25, (4, 55, 3)).cumsum(axis=0)
    moved = rng.normal(0.0, 0.2, (4, 3))
    joints = BodyModel.load().pose().rest_joints
    names = [SKELETONS[target].from_smplx.get(name, name) for name in JOINT_NAMES]
    rotations = rodrigues(poses).reshape(4, 55, 3, 3)
    path = tmp_path / "a.bvh"
    path.write_text(bvh_text(names, PARENTS.tolist(), joints, rotations, moved, 1 / 60))
    bvh = load_bvh(path)
    assert bvh.frame_time == pytest.approx(1 / 60, abs=1e-6)
    np.testing.assert_allclose(
        bvh.rest_positions() - bvh.rest_positions()[0], _ordered(bvh.names, names, joints), atol=1e-3
    )
    clip = load_motion(path)
    assert len(clip.poses) == 4
    kept = [joint for joint, name in enumerate(JOINT_NAMES) if name in SKELETONS[target].from_smplx]
    np.testing.assert_allclose(rodrigues(clip.poses[:, kept]), rodrigues(poses[:, kept]), atol=1e-4)
    np.testing.assert_allclose(np.diff(clip.pelvis, axis=0) / 100.0, np.diff(moved, axis=0), atol=1e-5)


def _ordered(found: tuple[str, ...], names: list[str], joints: np.ndarray) -> np.ndarray:
    places = dict(zip(names, joints - joints[0], strict=True))
    return 100.0 * np.array([places[name] for name in found])
