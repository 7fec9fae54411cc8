"""Animated GLB files: what viewers play is the motion, whatever the rest pose and the skeleton."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_character import character
from test_gltf import posed_by_nodes, validate

from rigging.character import RiggedCharacter
from rigging.glb import GlbReader, GlbWriter
from rigging.gltf import read_glb
from rigging.gltf_animation import animated_glb
from rigging.joints import JOINT_INDEX
from rigging.motion.clip import MotionClip
from rigging.motion.fit import FittedMotion, fit_to_character
from rigging.rest_pose import with_rest
from rigging.skeletons import SKELETONS, convert

FRAME = 5


@pytest.fixture(scope="module")
def made() -> RiggedCharacter:
    return character()


def motion_for(made: RiggedCharacter) -> FittedMotion:
    """Eight frames with more than a whole turn of the pelvis, so that quaternions change their sign."""
    poses = np.zeros((8, 55, 3))
    poses[:, 0, 1] = np.linspace(0.0, 4.0, 8)
    for name, axis in (("left_shoulder", 2), ("right_hip", 0), ("left_index2", 2), ("jaw", 0)):
        poses[:, JOINT_INDEX[name], axis] = np.linspace(0.0, -0.9, 8)
    poses[:, JOINT_INDEX["head"], 0] = 0.2  # turned, but still
    way = np.linspace(0.0, 1.0, 8)[:, None] * [0.3, 0.0, 1.0]
    return fit_to_character(MotionClip("turn", poses, way, 0.8, 0.1), made)


def played(writer: GlbWriter, path: Path, frame: int) -> np.ndarray:
    """Vertices that a viewer shows at a frame."""
    writer.save(path)
    reader = GlbReader(path.read_bytes())
    (animation,) = reader.document["animations"]
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        values = reader.array(sampler["output"])
        assert len(values) == len(reader.array(sampler["input"]))
        node = writer.document["nodes"][channel["target"]["node"]]
        node[channel["target"]["path"]] = values[frame].tolist()
    writer.save(path)
    return posed_by_nodes(path)


@pytest.mark.parametrize("rest", ["t", "a", "as-posed"])
def test_viewers_play_the_motion(made: RiggedCharacter, tmp_path: Path, rest: str) -> None:
    resting = with_rest(made, rest)
    motion = motion_for(resting)
    shown = played(animated_glb(resting, motion), tmp_path / "a.glb", FRAME)
    four = read_glb(tmp_path / "a.glb")
    np.testing.assert_allclose(shown, four.posed(motion.frame(FRAME, made.params)), atol=1e-4)


def test_bones_of_other_skeletons_turn_as_well(made: RiggedCharacter, tmp_path: Path) -> None:
    motion = motion_for(made)
    rig = convert(made, SKELETONS["unity"])
    shown = played(animated_glb(made, motion, rig=rig), tmp_path / "a.glb", FRAME)
    expected = made.posed(motion.frame(FRAME, made.params))
    assert np.median(np.linalg.norm(shown - expected, axis=1)) < 1e-3


def test_quaternions_do_not_jump_and_still_joints_have_no_channel(made: RiggedCharacter, tmp_path: Path) -> None:
    writer = animated_glb(made, motion_for(made))
    writer.save(tmp_path / "a.glb")
    reader = GlbReader((tmp_path / "a.glb").read_bytes())
    (animation,) = reader.document["animations"]
    targets = {(channel["target"]["node"], channel["target"]["path"]) for channel in animation["channels"]}
    assert (0, "translation") in targets and (JOINT_INDEX["head"], "rotation") not in targets
    assert reader.document["nodes"][JOINT_INDEX["head"]]["rotation"][0] == pytest.approx(np.sin(0.1))
    for channel in animation["channels"]:
        if channel["target"]["path"] == "rotation":
            values = reader.array(animation["samplers"][channel["sampler"]]["output"])
            assert (values[1:] * values[:-1]).sum(axis=1).min() > 0.5
            np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1.0, atol=1e-6)


def test_validator_finds_nothing(made: RiggedCharacter, tmp_path: Path) -> None:
    motion = motion_for(made)
    animated_glb(made, motion).save(tmp_path / "a.glb")
    (report,) = validate(tmp_path / "a.glb").values()
    issues = report["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
    assert report["info"]["animationCount"] == 1
