"""Clips and poses under SMPL-X's names: what is read, and what is refused with the way out."""

import json
from pathlib import Path

import numpy as np
import pytest

from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX
from rigging.lbs import rodrigues
from rigging.motion.errors import MotionError
from rigging.motion.load import load_motion
from rigging.motion.pose_file import load_pose, save_pose
from rigging.rotations import axis_angle

FRAMES = 6


def amass(width: int = 165, z_up: bool = True) -> dict[str, np.ndarray]:
    """A person who walks along and turns the left elbow, as AMASS has it: Z up."""
    poses = np.zeros((FRAMES, width))
    poses[:, 3 * 18 + 1] = np.linspace(0.0, -1.0, FRAMES)
    trans = np.stack([np.zeros(FRAMES), np.zeros(FRAMES), np.linspace(0.0, 0.5, FRAMES)], axis=1)
    if z_up:
        to_z_up = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
        poses[:, :3] = axis_angle(to_z_up)
        trans = trans @ to_z_up.T
    return {"poses": poses, "trans": trans, "mocap_frame_rate": np.array(60.0), "betas": np.zeros(16)}


@pytest.mark.parametrize(("width", "z_up"), [(165, True), (156, True), (72, False), (66, False)])
def test_clips_of_the_whole_family_are_read_upright(tmp_path: Path, width: int, z_up: bool) -> None:
    np.savez(tmp_path / "walk.npz", gender=np.array("female"), notes=np.array({"a": 1}, object), **amass(width, z_up))
    clip = load_motion(tmp_path / "walk.npz")
    assert clip.poses.shape == (FRAMES, 55, 3) and clip.frame_time == pytest.approx(1 / 60)
    np.testing.assert_allclose(rodrigues(clip.poses[:, 0]), np.tile(np.eye(3), (FRAMES, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(clip.pelvis[-1] - clip.pelvis[0], [0.0, 0.0, 0.5], atol=1e-9)
    assert clip.poses[-1, JOINT_INDEX["left_elbow"], 1] == pytest.approx(-1.0)


def test_parts_of_a_pose_find_their_joints(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
    arrays = {name: rng.normal(0.0, 0.2, (FRAMES, width)) for name, width in parts.items()}
    np.savez(tmp_path / "parts.npz", fps=30, **arrays)
    clip = load_motion(tmp_path / "parts.npz", up="y")
    expected = np.concatenate(list(arrays.values()), axis=1).reshape(FRAMES, 55, 3)
    np.testing.assert_allclose(rodrigues(clip.poses), rodrigues(expected), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poses": np.zeros((FRAMES, 32))}, "VPoser codes.*decode"),
        ({"poses": None, "body_pose": np.zeros((FRAMES, 32))}, "VPoser codes.*decode.*63"),
        (
            {"poses": None, "body_pose": np.zeros((FRAMES, 63)), "left_hand_pose": np.zeros((FRAMES, 12))},
            "PCA.*use_pca",
        ),
        ({"poses": None, "right_hand_pose": np.full((FRAMES, 45), 3.0)}, "PCA"),
        ({"use_pca": np.array(True)}, "PCA"),
        ({"flat_hand_mean": np.array(False)}, "hands_meanl"),
        ({"poses": np.zeros((FRAMES, 100))}, "100 numbers a frame.*165"),
        ({"poses": np.zeros((0, 165))}, "no frames"),
        ({"poses": None}, "no pose"),
        ({"poses": np.full((FRAMES, 165), np.nan)}, "not finite"),
        ({"poses": np.full((FRAMES, 165), 45.0)}, "radians.*degrees"),
        ({"poses": np.array(["a"] * 165)}, "numbers"),
        ({"trans": np.zeros((FRAMES + 1, 3))}, "one row a frame"),
        ({"trans": np.arange(3 * FRAMES).reshape(FRAMES, 3) * 100.0}, "centimetres"),
        ({"mocap_frame_rate": None}, "frame rate"),
        ({"mocap_frame_rate": np.array(0.0)}, "frame rate"),
    ],
)
def test_what_is_no_clip_is_refused_with_the_way_out(tmp_path: Path, change: dict, words: str) -> None:
    arrays = {name: value for name, value in {**amass(), **change}.items() if value is not None}
    np.savez(tmp_path / "clip.npz", **arrays)
    with pytest.raises(MotionError, match=f"^clip.npz .*{words}") as caught:
        load_motion(tmp_path / "clip.npz")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="is not there"):
        load_motion(tmp_path / "gone.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(MotionError, match="cannot be read"):
        load_motion(tmp_path / "text.npz")
    with pytest.raises(MotionError, match="'.fbx'"):
        load_motion(tmp_path / "walk.fbx")
    np.savez(tmp_path / "whole.npz", **amass())
    data = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(MotionError, match="cannot be read"):
        load_motion(tmp_path / "half.npz")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_pose_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    body = BodyParameters.a_pose(np.linspace(-1, 1, 10)).with_joint("jaw", (0.2, 0.0, 0.0))
    body.transl = np.array([0.1, 0.2, 0.3])
    save_pose(tmp_path / f"pose{suffix}", body)
    again = load_pose(tmp_path / f"pose{suffix}")
    for name in ("betas", "transl", "full_pose"):
        np.testing.assert_array_equal(getattr(again, name), getattr(body, name))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"body_pose": [0.0] * 32}, "VPoser codes.*decode"),
        ({"left_hand_pose": [0.0] * 6}, "PCA"),
        ({"body_pose": [0.0] * 60}, "60 numbers.*63"),
        ({"body_pose": [[0.0, 1.0], [2.0]]}, "numbers"),
        ({"pose": {"left_tail": [0, 0, 0]}}, "Unknown joint"),
        ([], "no pose"),
    ],
)
def test_json_that_is_no_pose(tmp_path: Path, document: object, words: str) -> None:
    (tmp_path / "pose.json").write_text(json.dumps(document))
    with pytest.raises(MotionError, match=words):
        load_pose(tmp_path / "pose.json")


def test_pose_files_of_other_kinds(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="'.bvh'"):
        save_pose(tmp_path / "pose.bvh", BodyParameters())
    (tmp_path / "pose.json").write_text("{")
    with pytest.raises(MotionError, match="JSON"):
        load_pose(tmp_path / "pose.json")
    np.savez(tmp_path / "clip.npz", **amass())
    with pytest.raises(MotionError, match="6 frames.*clip"):
        load_pose(tmp_path / "clip.npz")
