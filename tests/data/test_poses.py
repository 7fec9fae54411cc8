"""The bank of poses, their limits and the sampler."""

from pathlib import Path

import numpy as np
import pytest

from backend.data import poses as module
from backend.data.poses import (
    PoseBank,
    clamp_pose,
    interpenetration,
    mirror_pose,
    pose_bank,
    pose_limits,
    sample_a_pose,
    sample_pose,
)
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX


def _direction(full_pose: np.ndarray, start: str, end: str) -> np.ndarray:
    """Unit vector between two posed joints; full_pose: (22, 3)."""
    joints = BodyModel.load().pose(BodyParameters(global_orient=full_pose[0], body_pose=full_pose[1:])).joints
    vector = joints[JOINT_INDEX[end]] - joints[JOINT_INDEX[start]]
    return vector / np.linalg.norm(vector)


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
    assert 5 < min(drops) < 25 and 58 < max(drops) < 76


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
