"""Retargeting of BVH files to SMPL-X's joints."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX, JOINT_NAMES
from rigging.motion.bvh import Bvh, load_bvh
from rigging.motion.retarget import joint_rotations
from rigging.motion.source_rigs import CMU, MAKEHUMAN, MAKEHUMAN_WALKS, rig_of


def _direction(full_pose: np.ndarray, start: str, end: str) -> np.ndarray:
    """Unit vector between two posed joints; full_pose: (55, 3)."""
    joints = BodyModel.load().pose(BodyParameters(global_orient=full_pose[0], body_pose=full_pose[1:22])).joints
    vector = joints[JOINT_INDEX[end]] - joints[JOINT_INDEX[start]]
    return vector / np.linalg.norm(vector)


def _cmu_skeleton(rotations: dict[str, np.ndarray]) -> Bvh:
    """CMU's joint names with arms hanging at rest, one frame, in centimetres."""
    rows = [("hip", -1, (0, 90, 0)), ("abdomen", 0, (0, 10, 0)), ("chest", 1, (0, 15, 0)), ("neck", 2, (0, 25, 0))]
    for side, sign in (("l", 1), ("r", -1)):
        first = len(rows)
        rows += [
            (f"{side}Collar", 2, (sign * 5, 18, 0)),
            (f"{side}Shldr", first, (sign * 12, 0, 0)),
            (f"{side}ForeArm", first + 1, (0, -28, 0)),
            (f"{side}Hand", first + 2, (0, -25, 0)),
            (f"{side}Thigh", 0, (sign * 9, -5, 0)),
            (f"{side}Shin", first + 4, (0, -40, 0)),
            (f"{side}Foot", first + 5, (0, -40, 0)),
        ]
    names = [name for name, _, _ in rows]
    matrices = np.tile(np.eye(3), (1, len(rows), 1, 1))
    for name, matrix in rotations.items():
        matrices[0, names.index(name)] = matrix
    parents = tuple(parent for _, parent, _ in rows)
    return Bvh(tuple(names), parents, np.array([o for _, _, o in rows], float), 0.01, matrices, np.zeros((1, 3)))


def test_rest_directions_are_met_whatever_the_source_rest() -> None:
    bvh = _cmu_skeleton({})
    assert rig_of(bvh.names) is CMU
    pose = joint_rotations(bvh, CMU)[0]
    for side in ("left", "right"):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            assert np.allclose(_direction(pose, f"{side}_{start}", f"{side}_{end}"), [0, -1, 0], atol=1e-6)


def test_limbs_do_what_the_source_does() -> None:
    forward = Rotation.from_euler("x", -90, degrees=True).as_matrix()  # what hangs down points forward
    turned = Rotation.from_euler("y", 30, degrees=True).as_matrix()
    pose = joint_rotations(_cmu_skeleton({"hip": turned, "lForeArm": forward, "rThigh": forward}), CMU)[0]
    assert np.allclose(_direction(pose, "left_shoulder", "left_elbow"), [0, -1, 0], atol=1e-6)
    assert np.allclose(_direction(pose, "left_elbow", "left_wrist"), turned @ [0, 0, 1], atol=1e-6)
    assert np.allclose(_direction(pose, "right_hip", "right_knee"), turned @ [0, 0, 1], atol=1e-6)
    assert np.allclose(pose[0], [0, np.radians(30), 0])


def test_bends_of_two_spine_bones_are_spread_over_three_joints() -> None:
    bend = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    pose = joint_rotations(_cmu_skeleton({"chest": bend}), CMU)[0]
    angles = [np.degrees(pose[JOINT_INDEX[name], 0]) for name in ("spine1", "spine2", "spine3")]
    assert np.allclose(angles, [0, 10, 10])


def test_unknown_skeletons_are_not_guessed() -> None:
    bvh = _cmu_skeleton({})
    assert rig_of(("a", *bvh.names[1:])) is None


def test_makehuman_poses_are_retargeted(assets: Path) -> None:
    standing = load_bvh(assets / "poses/makehuman/standing05.bvh")
    assert rig_of(standing.names) is MAKEHUMAN
    pose = joint_rotations(standing, MAKEHUMAN)[0]
    assert pose.shape == (len(JOINT_NAMES), 3)
    raised = _direction(pose, "left_shoulder", "left_wrist")
    hanging = _direction(pose, "right_shoulder", "right_wrist")
    assert raised[1] > -0.1 and hanging[1] < -0.8
    walk = load_bvh(assets / "poses/makehuman_walks/walk1.bvh")
    assert rig_of(walk.names) is MAKEHUMAN_WALKS
    feet = [
        _direction(frame, "left_hip", "left_ankle")[2] - _direction(frame, "right_hip", "right_ankle")[2]
        for frame in joint_rotations(walk, MAKEHUMAN_WALKS)
    ]
    assert max(feet) > 0.4 and min(feet) < -0.4  # each leg is in front once
