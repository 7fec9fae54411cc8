"""Retargeting to SMPL-X's joints, the bank of poses and the sampler."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.data import poses as module
from backend.data.bvh import Bvh, load_bvh
from backend.data.poses import (
    CMU,
    MAKEHUMAN,
    MAKEHUMAN_WALKS,
    PoseBank,
    clamp_pose,
    interpenetration,
    mirror_pose,
    pose_bank,
    pose_limits,
    retarget,
    rig_of,
    sample_a_pose,
    sample_pose,
)
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import BODY_JOINT_NAMES, JOINT_INDEX


def _direction(full_pose: np.ndarray, start: str, end: str) -> np.ndarray:
    """Unit vector between two posed joints; full_pose: (22, 3)."""
    joints = BodyModel.load().pose(BodyParameters(global_orient=full_pose[0], body_pose=full_pose[1:])).joints
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
    assert rig_of(bvh) is CMU
    pose = retarget(bvh, CMU)[0]
    for side in ("left", "right"):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            assert np.allclose(_direction(pose, f"{side}_{start}", f"{side}_{end}"), [0, -1, 0], atol=1e-6)


def test_limbs_do_what_the_source_does() -> None:
    forward = Rotation.from_euler("x", -90, degrees=True).as_matrix()  # what hangs down points forward
    turned = Rotation.from_euler("y", 30, degrees=True).as_matrix()
    pose = retarget(_cmu_skeleton({"hip": turned, "lForeArm": forward, "rThigh": forward}), CMU)[0]
    assert np.allclose(_direction(pose, "left_shoulder", "left_elbow"), [0, -1, 0], atol=1e-6)
    assert np.allclose(_direction(pose, "left_elbow", "left_wrist"), turned @ [0, 0, 1], atol=1e-6)
    assert np.allclose(_direction(pose, "right_hip", "right_knee"), turned @ [0, 0, 1], atol=1e-6)
    assert np.allclose(pose[0], [0, np.radians(30), 0])


def test_bends_of_two_spine_bones_are_spread_over_three_joints() -> None:
    bend = Rotation.from_euler("x", 20, degrees=True).as_matrix()
    pose = retarget(_cmu_skeleton({"chest": bend}), CMU)[0]
    angles = [np.degrees(pose[JOINT_INDEX[name], 0]) for name in ("spine1", "spine2", "spine3")]
    assert np.allclose(angles, [0, 10, 10])


def test_unknown_skeletons_are_not_guessed() -> None:
    bvh = _cmu_skeleton({})
    assert rig_of(Bvh(("a",) + bvh.names[1:], bvh.parents, bvh.offsets, 0.01, bvh.rotations, bvh.translations)) is None


def test_limits_are_mirrored_and_hold() -> None:
    low, high = pose_limits()
    assert (low < high).any(axis=1).all() and (low <= 0).all() and (high >= 0).all()
    assert np.allclose(mirror_pose(low)[:, 0], low[:, 0]) and np.allclose(mirror_pose(low)[:, 1:], high[:, 1:])
    straight = np.zeros((21, 3))
    straight[JOINT_INDEX["left_elbow"] - 1, 1] = np.radians(60)  # backwards
    assert np.degrees(clamp_pose(straight)).max() == pytest.approx(5)


def test_mirror_exchanges_the_sides() -> None:
    pose = sample_a_pose(np.random.default_rng(1))
    assert np.allclose(mirror_pose(mirror_pose(pose)), pose)
    full = np.concatenate([np.zeros((1, 3)), pose])
    flipped = np.concatenate([np.zeros((1, 3)), mirror_pose(pose)])
    one = _direction(full, "left_shoulder", "left_wrist")
    assert np.allclose(_direction(flipped, "right_shoulder", "right_wrist"), one * (-1, 1, 1), atol=2e-3)


def test_limbs_inside_the_body_are_noticed() -> None:
    pose = np.zeros((21, 3))
    assert interpenetration(pose) == 0.0
    pose[JOINT_INDEX["left_shoulder"] - 1] = (0, 0, -np.radians(85))
    pose[JOINT_INDEX["left_elbow"] - 1] = (0, 0, -np.radians(40))  # the forearm goes into the hip
    assert interpenetration(pose) > 0.1


def test_a_poses_are_varied_and_within_reason() -> None:
    rng = np.random.default_rng(0)
    drops = []
    for _ in range(60):
        pose = sample_a_pose(rng)
        assert np.allclose(clamp_pose(pose), pose)
        full = np.concatenate([np.zeros((1, 3)), pose])
        for side in ("left", "right"):
            drops.append(np.degrees(np.arcsin(-_direction(full, f"{side}_shoulder", f"{side}_elbow")[1])))
            assert _direction(full, f"{side}_hip", f"{side}_ankle")[1] < -0.93
    assert 25 < min(drops) < 38 and 55 < max(drops) < 70


def test_sampler_mixes_both_kinds_and_repeats_with_the_seed() -> None:
    poses = np.stack([sample_a_pose(np.random.default_rng(5)) for _ in range(3)])
    bank = PoseBank(poses, ("walk:0", "walk:4", "stand"), ("walking", "walking", "standing"), np.zeros(3, bool))
    samples = [sample_pose(np.random.default_rng(seed), bank) for seed in range(80)]
    assert 8 <= sum(s.name != "a-pose" for s in samples) <= 34
    assert {s.word for s in samples if s.name.startswith("walk")} == {"walking"}
    again = sample_pose(np.random.default_rng(7), bank)
    assert np.array_equal(again.body_pose, samples[7].body_pose)
    assert all(s.left_hand_pose.shape == (15, 3) and s.right_hand_pose.shape == (15, 3) for s in samples)
    assert sample_pose(np.random.default_rng(0), None, everyday=1.0).name == "a-pose"


def test_crossed_limbs_give_way_to_an_a_pose() -> None:
    crossed = np.zeros((1, 21, 3))
    crossed[0, JOINT_INDEX["left_shoulder"] - 1] = (0, 0, -np.radians(85))
    crossed[0, JOINT_INDEX["left_elbow"] - 1] = (0, 0, -np.radians(40))
    bank = PoseBank(crossed, ("crossed",), ("standing",), np.zeros(1, bool))
    assert sample_pose(np.random.default_rng(0), bank, everyday=1.0).name == "a-pose"


def test_makehuman_poses_are_retargeted(assets: Path) -> None:
    standing = load_bvh(assets / "poses/makehuman/standing05.bvh")
    assert rig_of(standing) is MAKEHUMAN
    pose = retarget(standing, MAKEHUMAN)[0]
    assert pose.shape == (len(BODY_JOINT_NAMES), 3)
    raised = _direction(pose, "left_shoulder", "left_wrist")
    hanging = _direction(pose, "right_shoulder", "right_wrist")
    assert raised[1] > -0.1 and hanging[1] < -0.8
    walk = load_bvh(assets / "poses/makehuman_walks/walk1.bvh")
    assert rig_of(walk) is MAKEHUMAN_WALKS
    feet = [
        _direction(frame, "left_hip", "left_ankle")[2] - _direction(frame, "right_hip", "right_ankle")[2]
        for frame in retarget(walk, MAKEHUMAN_WALKS)
    ]
    assert max(feet) > 0.4 and min(feet) < -0.4  # each leg is in front once


def test_bank_has_everyday_poses_without_the_impossible(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = {name: clip for name, clip in module._CLIPS.items() if not name.startswith("cmu")}
    clips.update({"cmu/02_02": ("walking", 100), "cmu/99_99": ("walking", 1)})
    monkeypatch.setattr(module, "_CLIPS", clips)
    bank, dropped = pose_bank(assets)
    assert len(bank.poses) == len(bank.names) == len(bank.words) == len(bank.held_out) > 15
    assert [name for name, _ in dropped] == ["cmu/99_99"] and "cannot be opened" in dropped[0][1]
    assert {"standing", "walking", "running"} <= set(bank.words)
    low, high = pose_limits()
    assert (bank.poses >= low).all() and (bank.poses <= high).all()
    assert set(bank.of_split(True).names) == {"makehuman/standing05"}
    assert len(bank.of_split(False).poses) + 1 == len(bank.poses)
