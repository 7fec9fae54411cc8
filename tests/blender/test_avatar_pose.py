"""Posing an avatar: hands, copy and paste, files, assets, motion clips."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import people
import pytest

MODULE = Callable[[str], ModuleType]


@pytest.fixture(params=["t", "a"])
def armature(enabled: MODULE, request: pytest.FixtureRequest) -> bpy.types.Object:
    return people.imported(enabled, "Woman 7", request.param)


def pose_of(enabled: MODULE, armature: bpy.types.Object) -> Any:
    return enabled("blender_addon.tool.armature").get_pose(armature, enabled("rigging.joints").JOINT_NAMES)


def random_pose(enabled: MODULE, armature: bpy.types.Object) -> Any:
    generator = np.random.default_rng(5)
    names = enabled("rigging.joints").JOINT_NAMES
    full, moved = generator.normal(0.0, 0.4, (55, 3)), generator.normal(0.0, 0.3, 3)
    enabled("blender_addon.tool.armature").set_pose(armature, names, full, moved)
    return enabled("rigging.body_parameters").BodyParameters.from_full_pose(full, transl=moved)


def test_hands(enabled: MODULE, armature: bpy.types.Object) -> None:
    hands = enabled("blender_addon.core.hands")
    bpy.ops.doppel.avatar_hands(hand="FIST", side="left")
    found = pose_of(enabled, armature)
    expected = hands.hand_pose("left", {name: 1.0 for name in hands.CURLS})
    np.testing.assert_allclose(found.left_hand_pose, expected, atol=1e-4)
    relaxed = enabled("rigging.body_parameters").BodyParameters.a_pose().right_hand_pose
    np.testing.assert_allclose(found.right_hand_pose, relaxed, atol=1e-4)
    bpy.ops.doppel.avatar_hands(hand="FLAT")
    assert np.abs(pose_of(enabled, armature).left_hand_pose).max() < 1e-5
    curls = [pose_of(enabled, armature)]
    for name in ("POINT", "RELAXED"):
        bpy.ops.doppel.avatar_hands(hand=name)
        curls.append(pose_of(enabled, armature))
    assert (
        np.linalg.norm(curls[1].left_hand_pose[:3]) < 0.1 < np.linalg.norm(curls[1].left_hand_pose[3])
    )  # index, middle
    np.testing.assert_allclose(curls[2].right_hand_pose, relaxed, atol=1e-4)


def test_copy_and_paste_onto_another_avatar(enabled: MODULE, armature: bpy.types.Object) -> None:
    body = random_pose(enabled, armature)
    bpy.ops.doppel.copy_pose()
    other = people.imported(enabled, "Man 8", betas=(2.0, -1.0, *[0.0] * 8))
    bpy.ops.doppel.paste_pose()
    np.testing.assert_allclose(pose_of(enabled, other).full_pose, body.full_pose, atol=1e-3)
    np.testing.assert_allclose(pose_of(enabled, other).transl, body.transl, atol=1e-5)
    bpy.ops.doppel.paste_pose(mirrored=True)
    mirror = enabled("rigging.joints").MIRROR
    np.testing.assert_allclose(pose_of(enabled, other).full_pose, body.full_pose[mirror] * [1.0, -1.0, -1.0], atol=1e-3)


def test_the_pose_that_is_seen_is_copied(enabled: MODULE, armature: bpy.types.Object) -> None:
    """A bone that a constraint turns is copied as it stands, not as its own channels are."""
    bpy.ops.doppel.reset_avatar(kind="T")
    turned = (0.0, 0.9, 0.0)
    armature.doppel.pose.left_elbow = turned
    copying = armature.pose.bones["right_elbow"].constraints.new("COPY_ROTATION")
    copying.target, copying.subtarget = armature, "left_elbow"
    bpy.ops.doppel.copy_pose()
    other = people.imported(enabled, "Man 8")
    bpy.ops.doppel.paste_pose()
    found = pose_of(enabled, other).full_pose
    np.testing.assert_allclose(found[18], turned, atol=1e-3)  # left_elbow
    assert np.linalg.norm(found[19]) > 0.5  # right_elbow, whose own channels are at rest


def test_mirroring_takes_the_fingers_along(enabled: MODULE, armature: bpy.types.Object) -> None:
    body = random_pose(enabled, armature)
    bpy.ops.doppel.mirror_avatar(keep="left")
    found = pose_of(enabled, armature)
    np.testing.assert_allclose(found.right_hand_pose, body.left_hand_pose * [1.0, -1.0, -1.0], atol=1e-3)
    np.testing.assert_allclose(found.left_hand_pose, body.left_hand_pose, atol=1e-3)
    np.testing.assert_allclose(found.global_orient, body.global_orient, atol=1e-3)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_pose_files(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path, suffix: str) -> None:
    body = random_pose(enabled, armature)
    path = tmp_path / f"pose{suffix}"
    assert bpy.ops.doppel.save_pose_file(filepath=str(path)) == {"FINISHED"}
    bpy.ops.doppel.reset_avatar(kind="T")
    assert bpy.ops.doppel.load_pose_file(filepath=str(path)) == {"FINISHED"}
    np.testing.assert_allclose(pose_of(enabled, armature).full_pose, body.full_pose, atol=1e-3)


def test_bad_pose_files_leave_the_pose(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    body = random_pose(enabled, armature)
    np.savez(tmp_path / "codes.npz", body_pose=np.zeros((1, 32)))
    (tmp_path / "bad.json").write_text("{")
    for name in ("codes.npz", "bad.json", "missing.json"):
        with pytest.raises(RuntimeError, match=r"\[pose_unreadable\]"):
            bpy.ops.doppel.load_pose_file(filepath=str(tmp_path / name))
    np.testing.assert_allclose(pose_of(enabled, armature).full_pose, body.full_pose, atol=1e-3)


def applied(enabled: MODULE, armature: bpy.types.Object, name: str) -> Any:
    """The pose that an asset gives, as dragging it onto the avatar would."""
    armature.animation_data_create()
    action = bpy.data.actions[name]
    armature.animation_data.action = action
    if hasattr(action, "slots"):
        armature.animation_data.action_slot = action.slots[0]
    bpy.context.scene.frame_set(1)
    bpy.context.view_layer.update()
    return pose_of(enabled, armature)


def test_the_pose_library(enabled: MODULE, armature: bpy.types.Object) -> None:
    bpy.ops.doppel.reset_avatar(kind="T")
    bpy.ops.doppel.add_pose_library()
    made = [action for action in bpy.data.actions if action.asset_data is not None]
    poses, hands = enabled("blender_addon.core.poses").POSES, enabled("blender_addon.core.hands").PRESETS
    assert len(made) == len(poses) + 2 * len(hands)
    for action in made:
        assert tuple(action.preview.image_size) == (128, 128)
        pixels = np.array(action.preview.image_pixels_float[:]).reshape(128, 128, 4)
        assert 0.03 < (pixels[..., 3] > 0.5).mean() < 0.9, action.name  # somebody is there
        assert {"doppel"} < {tag.name for tag in action.asset_data.tags}
    assert armature.animation_data is None or armature.animation_data.action is None  # nothing is posed yet
    bpy.ops.doppel.add_pose_library()
    assert len([action for action in bpy.data.actions if action.asset_data is not None]) == len(made)
    expected = enabled("blender_addon.core.poses").body_pose("Waving")
    found = applied(enabled, armature, "Waving")
    np.testing.assert_allclose(found.body_pose, expected, atol=1e-3)
    assert not np.abs(found.left_hand_pose).max() > 1e-4  # a body pose leaves the hands alone


def test_a_pose_of_ones_own_becomes_an_asset(enabled: MODULE, armature: bpy.types.Object) -> None:
    walk = bpy.data.actions.new("Walk")
    armature.animation_data_create().action = walk
    body = random_pose(enabled, armature)
    bpy.ops.doppel.save_pose_asset(name="Leaning")
    assert armature.animation_data.action == walk  # the artist's animation stays
    assert bpy.data.actions["Leaning"].asset_data is not None
    bpy.ops.doppel.reset_avatar(kind="T")
    np.testing.assert_allclose(applied(enabled, armature, "Leaning").full_pose, body.full_pose, atol=1e-3)
    with pytest.raises(RuntimeError, match=r"\[name_empty\]"):
        bpy.ops.doppel.save_pose_asset(name=" ")


def clip(path: Path, frames: int = 31, seconds: float = 1 / 30) -> np.ndarray:
    """An AMASS clip of a body that turns its head and nods with its arms, standing; rotations (T, 55, 3)."""
    poses = np.zeros((frames, 55, 3))
    share = np.linspace(0.0, 1.0, frames)
    poses[:, 15, 1] = 0.8 * share
    poses[:, 16, 2], poses[:, 17, 2] = -1.2 * share, 1.2 * share
    np.savez(
        path,
        poses=poses.reshape(frames, 165),
        trans=np.zeros((frames, 3)),
        betas=np.zeros(16),
        gender="neutral",
        mocap_frame_rate=1.0 / seconds,
    )
    return poses


def test_a_motion_becomes_an_action(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    poses = clip(tmp_path / "nod.npz")
    bpy.ops.doppel.reset_avatar(kind="T")
    bpy.context.scene.render.fps = 24
    assert bpy.ops.doppel.apply_motion(filepath=str(tmp_path / "nod.npz"), start=10) == {"FINISHED"}
    scene, action = bpy.context.scene, armature.animation_data.action
    assert (scene.frame_start, scene.frame_end) == (10, 34) and tuple(action.frame_range) == (10.0, 34.0)
    for frame in (10, 22, 34):
        scene.frame_set(frame)
        at = round((frame - 10) / 24 * 30)
        expected = poses[at]
        found = pose_of(enabled, armature).full_pose
        for joint in (15, 16, 17):
            np.testing.assert_allclose(found[joint], expected[joint], atol=0.03)
    heads = [np.array(bone.matrix.translation) for bone in armature.pose.bones]
    assert np.isfinite(heads).all() and np.abs(heads).max() < 3.0
    names = enabled("rigging.joints").JOINT_NAMES
    curves = list(enabled("blender_addon.tool.actions").fcurves(action))
    assert len(curves) == 4 * len(names) + 3 and all(len(curve.keyframe_points) == 25 for curve in curves)


def test_bad_motions_change_nothing(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    body = random_pose(enabled, armature)
    (tmp_path / "empty.bvh").write_text("HIERARCHY\nROOT Hips\n{\n}\n")
    (tmp_path / "notes.txt").write_text("walk")
    np.savez(tmp_path / "none.npz", poses=np.zeros((0, 165)), trans=np.zeros((0, 3)))
    for name in ("empty.bvh", "notes.txt", "none.npz", "missing.bvh"):
        with pytest.raises(RuntimeError, match=r"\[motion_unreadable\]"):
            bpy.ops.doppel.apply_motion(filepath=str(tmp_path / name))
    assert not bpy.data.actions
    np.testing.assert_allclose(pose_of(enabled, armature).full_pose, body.full_pose, atol=1e-3)


def test_what_leaves_as_bvh_comes_back(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    poses = clip(tmp_path / "nod.npz")
    bpy.ops.doppel.reset_avatar(kind="T")
    bpy.context.scene.render.fps = 30
    bpy.ops.doppel.apply_motion(filepath=str(tmp_path / "nod.npz"))
    bpy.ops.doppel.export_bvh(filepath=str(tmp_path / "nod.bvh"), skeleton="MIXAMO")
    bpy.ops.doppel.reset_avatar(kind="T")
    try:
        bpy.ops.doppel.apply_motion(filepath=str(tmp_path / "nod.bvh"))
    except RuntimeError as error:
        pytest.fail(str(error))
    bpy.context.scene.frame_set(bpy.context.scene.frame_end)
    found = pose_of(enabled, armature).full_pose
    for joint in (15, 16, 17):
        np.testing.assert_allclose(found[joint], poses[-1][joint], atol=0.05)


def test_refusals(enabled: MODULE) -> None:
    with pytest.raises(RuntimeError, match="Select an avatar made with Doppel"):
        bpy.ops.doppel.avatar_hands()
    enabled("blender_addon.operators.avatar_pose")._copied = None
    people.imported(enabled, "Woman 7")
    with pytest.raises(RuntimeError, match="Copy a pose first"):
        bpy.ops.doppel.paste_pose()
