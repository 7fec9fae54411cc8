"""A synthetic avatar imported into Blender: what the viewport evaluates equals what rigging computes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import mathutils
import numpy as np
import people
import pytest

MODULE = Callable[[str], ModuleType]
TOLERANCE = 1e-3  # metres
JOINT_KNEE = 5  # right_knee


@pytest.fixture(params=["t", "a"])
def character(enabled: MODULE, request: pytest.FixtureRequest) -> Any:
    """A capsule person, generated in the A-pose, a little turned and moved, that rests in the T-pose or the A-pose."""
    body = enabled("rigging.body_parameters").BodyParameters.a_pose(betas=[1.0, -0.5, *[0.0] * 8])
    body = body.with_joint("pelvis", (0.1, 0.4, -0.05)).with_joint("head", (0.0, 0.3, 0.0))
    body.transl[:] = (0.2, 0.05, -0.1)
    made = people.person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    parameters = enabled("rigging.body_parameters")
    if request.param == "t":
        return made
    return people.resting(made, parameters, parameters.BodyParameters.a_pose().full_pose)


@pytest.fixture
def armature(enabled: MODULE, character: Any) -> bpy.types.Object:
    return enabled("blender_addon.tool.importer").import_character(bpy.context, character, "Woman 7")


def mesh_of(armature: bpy.types.Object) -> bpy.types.Object:
    (mesh,) = (child for child in armature.children if child.type == "MESH")
    return mesh


def evaluated(mesh: bpy.types.Object) -> np.ndarray:
    """World positions (V, 3) of the mesh with its modifiers."""
    bpy.context.view_layer.update()
    result = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(len(result.data.vertices) * 3, dtype=np.float32)
    result.data.vertices.foreach_get("co", points)
    matrix = np.array(result.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def expected(enabled: MODULE, character: Any, parameters: Any = None) -> np.ndarray:
    """The same from rigging, in Blender's axes, one row for each of the mesh's welded vertices."""
    plan = enabled("blender_addon.core.mesh_plan")
    floor = float(character.vertices[:, 1].min())
    planned = plan.plan_mesh(character.vertices, character.faces, character.uvs, character.weights, {}, floor)
    posed = character.posed(parameters) - np.array([0.0, floor, 0.0])
    return enabled("blender_addon.core.axes").to_blender(posed)[planned.source]


def test_stands_as_generated(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    actual = evaluated(mesh_of(armature))
    assert np.abs(actual - expected(enabled, character)).max() < TOLERANCE
    rest = np.array([vertex.co for vertex in mesh_of(armature).data.vertices])
    assert abs(rest[:, 2].min()) < 1e-6  # feet on the floor
    assert rest[:, 2].max() > 1.4  # metres
    assert np.abs(actual - rest).max() > (0.05 if character.rest_pose.any() else 0.3)  # the arms have come down


def test_looks_along_minus_y(enabled: MODULE, armature: bpy.types.Object) -> None:
    bones = armature.data.bones
    assert bones["left_foot"].tail_local.y < bones["left_foot"].head_local.y - 0.01
    assert bones["left_wrist"].head_local.x > 0.3 > -0.3 > bones["right_wrist"].head_local.x


def test_random_poses_match_rigging(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    tool = enabled("blender_addon.tool.armature")
    body_parameters = enabled("rigging.body_parameters").BodyParameters
    generator = np.random.default_rng(3)
    for _ in range(3):
        body = body_parameters.from_full_pose(
            generator.normal(0.0, 0.6, (55, 3)), betas=character.params.betas, transl=generator.normal(0.0, 0.5, 3)
        )
        tool.set_pose(armature, character.joint_names, body.full_pose, body.transl)
        assert np.abs(evaluated(mesh_of(armature)) - expected(enabled, character, body)).max() < TOLERANCE


def test_sliders_drive_bones_in_every_rotation_mode(
    enabled: MODULE, character: Any, armature: bpy.types.Object
) -> None:
    for mode in ("QUATERNION", "AXIS_ANGLE", "XYZ", "ZYX"):
        armature.pose.bones["left_elbow"].rotation_mode = mode
        turn = np.array([0.2, -0.9, 0.3])
        armature.doppel.pose.left_elbow = turn
        assert np.allclose(armature.doppel.pose.left_elbow, turn, atol=1e-4), mode
        body = character.params.with_joint("left_elbow", turn)
        assert np.abs(evaluated(mesh_of(armature)) - expected(enabled, character, body)).max() < TOLERANCE, mode
        armature.doppel.pose.left_elbow[2] = -0.4
        assert np.allclose(armature.doppel.pose.left_elbow, (0.2, -0.9, -0.4), atol=1e-4), mode


def test_sliders_follow_the_bones(character: Any, armature: bpy.types.Object) -> None:
    bone = armature.pose.bones["right_knee"]
    bone.rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    assert np.allclose(armature.doppel.pose.right_knee, character.rest_pose[JOINT_KNEE], atol=1e-6)
    armature.doppel.pose.right_knee = (0.0, 0.0, 0.0)
    assert np.allclose(armature.doppel.pose.right_knee, 0.0, atol=1e-6)
    bone.rotation_mode = "XYZ"
    turn = bone.rotation_euler.to_quaternion()
    bone.rotation_euler = (turn @ mathutils.Quaternion((1.0, 0.0, 0.0), 0.7)).to_euler()
    assert abs(np.linalg.norm(armature.doppel.pose.right_knee) - 0.7) < 1e-5


def test_skeleton(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    names = list(enabled("rigging.joints").JOINT_NAMES)
    bones = armature.data.bones
    assert [bone.name for bone in bones if bone.name in names] and len(bones) == 55
    assert set(bone.name for bone in bones) == set(names)
    floor = character.vertices[:, 1].min()
    for name, joint, parent in zip(names, character.joints, character.parents, strict=True):
        bone = bones[name]
        wanted = enabled("blender_addon.core.axes").to_blender(joint - np.array([0.0, floor, 0.0]))
        assert np.allclose(bone.head_local, wanted, atol=1e-5), name
        assert bone.length >= 0.0099, name
        assert (bone.parent.name if bone.parent else None) == (names[parent] if parent >= 0 else None)
    for name in names:
        if name.startswith("left_"):
            left, right = bones[name], bones["right_" + name.removeprefix("left_")]
            mirrored = np.array(left.matrix_local.to_3x3()) * np.array([[-1], [1], [1]])
            difference = np.abs(np.array(right.matrix_local.to_3x3()) * np.array([[-1, 1, 1]]) - mirrored)
            assert difference.max() < 0.05, name  # the open body is not perfectly symmetric
    assert {collection.name: len(collection.bones) for collection in armature.data.collections} == {
        "Body": 22,
        "Face": 3,
        "Hands": 30,
    }


def test_mesh_is_welded_textured_and_bound(character: Any, armature: bpy.types.Object) -> None:
    mesh = mesh_of(armature)
    assert len(mesh.data.vertices) < len(character.vertices)  # the seams are closed
    assert len(mesh.data.polygons) == len(character.faces)
    corners = np.empty(len(mesh.data.loops) * 2, dtype=np.float32)
    mesh.data.uv_layers["UVMap"].data.foreach_get("uv", corners)
    assert np.allclose(corners.reshape(-1, 2), character.uvs[character.faces.reshape(-1)], atol=1e-6)
    for vertex in list(mesh.data.vertices)[::97]:
        assert abs(sum(group.weight for group in vertex.groups) - 1.0) < 1e-4
    assert [group.name for group in mesh.vertex_groups] == list(character.joint_names)
    (material,) = mesh.data.materials
    images = {node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"}
    assert {image.colorspace_settings.name for image in images} == {"sRGB", "Non-Color"}
    assert all(image.packed_file is not None and image.size[0] == 16 for image in images)
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    colour = shader.inputs["Base Color"].links[0].from_node.image
    assert np.allclose(colour.pixels[:3], (200 / 255, 40 / 255, 40 / 255), atol=1e-3)


def test_shape_keys(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    mesh = mesh_of(armature)
    keys = mesh.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", "mouthSmileLeft"]
    before = evaluated(mesh)
    assert np.abs(before - expected(enabled, character)).max() < TOLERANCE
    keys["mouthSmileLeft"].value = 1.0
    moved = np.linalg.norm(evaluated(mesh) - before, axis=1)
    assert moved.max() == pytest.approx(0.02, abs=1e-4)


def test_provenance_is_kept(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    for holder in (armature, mesh_of(armature)):
        document = json.loads(holder["doppel_provenance"])
        assert document == character.provenance and document["request"]["seed"] == 7
    kept = enabled("rigging.body_parameters").BodyParameters.from_dict(json.loads(armature.doppel.generation_pose))
    assert np.array_equal(kept.full_pose, character.params.full_pose)


def test_import_is_one_undo_step(enabled: MODULE, character: Any, tmp_path: Path) -> None:
    character.save_npz(tmp_path / "avatar.npz")
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    before = (len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.armatures))
    assert bpy.ops.doppel.import_file("EXEC_DEFAULT", True, filepath=str(tmp_path / "avatar.npz")) == {"FINISHED"}
    assert len(bpy.data.objects) == before[0] + 2
    assert bpy.context.active_object.type == "ARMATURE"
    assert bpy.context.active_object.name == "Woman Red Dress 7"
    bpy.ops.ed.undo()
    assert (len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.armatures)) == before
    bpy.ops.ed.redo()
    assert len(bpy.data.objects) == before[0] + 2


def test_bad_results_are_refused_in_words(enabled: MODULE, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"there is no .*avatar\.npz.*\[result_missing\]"):
        bpy.ops.doppel.import_file(filepath=str(tmp_path / "avatar.npz"))
    (tmp_path / "avatar.npz").write_bytes(b"no archive")
    with pytest.raises(RuntimeError, match=r"\[result_unreadable\]"):
        bpy.ops.doppel.import_file(filepath=str(tmp_path / "avatar.npz"))
    assert not bpy.data.objects


def test_reset_and_mirror_of_an_avatar(enabled: MODULE, character: Any, armature: bpy.types.Object) -> None:
    upright = enabled("rigging.body_parameters").BodyParameters()
    bpy.ops.doppel.reset_avatar(kind="T")
    assert np.abs(evaluated(mesh_of(armature)) - expected(enabled, character, upright)).max() < 1e-5
    armature.doppel.pose.left_shoulder = (0.1, 0.2, -0.7)
    bpy.ops.doppel.mirror_avatar(keep="left")
    assert np.allclose(armature.doppel.pose.right_shoulder, (0.1, -0.2, 0.7), atol=1e-4)
    bpy.ops.doppel.use_avatar_pose()
    assert np.allclose(bpy.context.scene.doppel.pose.right_shoulder, (0.1, -0.2, 0.7), atol=1e-4)
    bpy.ops.doppel.reset_avatar(kind="GENERATED")
    assert np.abs(evaluated(mesh_of(armature)) - expected(enabled, character)).max() < TOLERANCE
