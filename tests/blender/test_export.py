"""GLB and FBX as an engine gets them: exported, read again, measured."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import people
import pytest
from mathutils import Vector

MODULE = Callable[[str], ModuleType]
TOOLS = Path(__file__).resolve().parents[1] / "tools"


@pytest.fixture
def armature(enabled: MODULE) -> bpy.types.Object:
    return people.imported(enabled, "Woman 7")


def read_again(path: Path) -> bpy.types.Object:
    """The armature in `path`, imported into an empty file."""
    bpy.ops.wm.read_homefile(use_empty=True)
    if path.suffix in (".glb", ".vrm"):
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif path.suffix == ".fbx":
        bpy.ops.wm.fbx_import(filepath=str(path))
    else:
        bpy.ops.wm.usd_import(filepath=str(path))
    bpy.context.view_layer.update()
    (armature,) = (obj for obj in bpy.data.objects if obj.type == "ARMATURE")
    return armature


def skinned(armature: bpy.types.Object) -> bpy.types.Object:
    """The mesh that is bound to an armature."""
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    (mesh,) = [
        obj for obj in meshes if any(getattr(modifier, "object", None) == armature for modifier in obj.modifiers)
    ]
    return mesh


def places(mesh: bpy.types.Object) -> np.ndarray:
    """World positions (V, 3) of a mesh as it is stored."""
    points = np.empty(len(mesh.data.vertices) * 3, dtype=np.float32)
    mesh.data.vertices.foreach_get("co", points)
    matrix = np.array(mesh.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def weights(mesh: bpy.types.Object, names: dict[str, str]) -> list[dict[str, float]]:
    """Shares by bone of each vertex, by the avatar's own names."""
    groups = [names[group.name] for group in mesh.vertex_groups]
    return [{groups[g.group]: g.weight for g in vertex.groups if g.weight > 1e-4} for vertex in mesh.data.vertices]


def textures(mesh: bpy.types.Object) -> list[bpy.types.Image]:
    return [
        node.image
        for material in mesh.data.materials
        for node in material.node_tree.nodes
        if node.type == "TEX_IMAGE" and node.image
    ]


ROUND_TRIPS = {
    "glb": ("export_glb", {}, ".glb", "smplx"),
    "glb-mixamo": ("export_glb", {"skeleton": "MIXAMO"}, ".glb", "mixamo"),
    "fbx-unreal": ("export_fbx", {"target": "UNREAL"}, ".fbx", "unreal"),
    "fbx-unity": ("export_fbx", {"target": "UNITY"}, ".fbx", "unity"),
    "usd": ("export_usd", {}, ".usdc", "smplx"),
    "usdz": ("export_usd", {}, ".usdz", "smplx"),
    "vrm": ("export_vrm", {"author": "A. Author"}, ".vrm", "smplx"),
}


@pytest.mark.parametrize("kind", ROUND_TRIPS)
def test_round_trip(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path, kind: str) -> None:
    operator, options, suffix, target = ROUND_TRIPS[kind]
    bone_names = enabled("rigging.skeletons").skeleton(target).from_smplx
    before = places(skinned(armature))
    joints = {name: np.array(armature.data.bones[name].head_local) for name in ("left_wrist", "right_foot", "head")}
    every = enabled("rigging.joints").JOINT_NAMES
    shares = weights(skinned(armature), {name: name for name in every})
    armature.location = (2.0, 1.0, 0.0)
    path = tmp_path / f"avatar{suffix}"
    assert getattr(bpy.ops.doppel, operator)(filepath=str(path), **options) == {"FINISHED"}

    again = read_again(path)
    mesh = skinned(again)
    assert len(again.data.bones) == 55  # no leaf bones
    names = {bone_names.get(name, name): name for name in every}  # joints that a target lacks keep their names
    assert {bone.name for bone in again.data.bones} == set(names)
    # a file in centimetres is read as objects of a hundredth
    assert np.allclose(mesh.matrix_world.to_scale(), 0.01 if kind == "fbx-unreal" else 1.0, rtol=1e-5)
    for name, joint in joints.items():  # metres, up and forward at once
        bone = again.data.bones[bone_names[name]]
        assert np.allclose(again.matrix_world @ bone.head_local, joint, atol=2e-3), name
    after = places(mesh)
    nearest = np.linalg.norm(after[::23, None] - before[None], axis=2).argmin(axis=1)
    assert np.abs(after[::23] - before[nearest]).max() < 1e-3
    assert np.ptp(after[:, 2]) == pytest.approx(np.ptp(before[:, 2]), abs=2e-3)
    found = weights(mesh, names)[::23]
    for mine, source in zip(found, nearest, strict=True):
        assert mine.keys() == shares[source].keys()
        assert all(abs(mine[name] - shares[source][name]) < 2e-3 for name in mine)
    assert {key.name.lower() for key in mesh.data.shape_keys.key_blocks} == {"basis", "mouthsmileleft"}
    assert textures(mesh) and all(image.size[0] == 16 for image in textures(mesh))


@pytest.mark.parametrize("target", ["UNREAL", "UNITY"])
def test_fbx_has_clean_nodes(armature: bpy.types.Object, tmp_path: Path, target: str) -> None:
    """No object is turned or scaled, whatever the artist did with the armature: the engine's own would be on top."""
    from io_scene_fbx import parse_fbx

    armature.rotation_euler = (0.0, 0.0, 1.0)
    armature.scale = (1.1, 1.1, 1.1)
    bpy.context.view_layer.update()
    path = tmp_path / "avatar.fbx"
    bpy.ops.doppel.export_fbx(filepath=str(path), target=target)
    root, _ = parse_fbx.parse(str(path))

    def inside(element: Any, name: bytes) -> list[Any]:
        return [child for child in element.elems if child is not None and child.id == name]

    def values(element: Any) -> dict[bytes, list[Any]]:
        return {entry.props[0]: entry.props[4:] for part in inside(element, b"Properties70") for entry in part.elems}

    settings = values(inside(root, b"GlobalSettings")[0])
    assert settings[b"UnitScaleFactor"][0] == pytest.approx(1.0 if target == "UNREAL" else 100.0)
    assert (settings[b"UpAxis"], settings[b"UpAxisSign"]) == ([2 if target == "UNREAL" else 1], [1])
    models = inside(inside(root, b"Objects")[0], b"Model")
    assert sum(model.props[2] == b"LimbNode" for model in models) == 55
    for model in models:
        found = values(model)
        assert np.allclose(found.get(b"Lcl Scaling", [1, 1, 1]), 1.0, atol=1e-4)
        if model.props[2] != b"LimbNode":
            assert np.allclose(found.get(b"Lcl Rotation", [0, 0, 0]), 0.0, atol=1e-3)
            assert np.allclose(found.get(b"Lcl Translation", [0, 0, 0]), 0.0, atol=1e-5)
    objects = [model.props[1].split(b"\x00")[0] for model in models if model.props[2] != b"LimbNode"]
    assert (b"root" in objects) == (target == "UNREAL")


def test_vrm(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    path = tmp_path / "avatar.vrm"
    bpy.ops.doppel.export_vrm(filepath=str(path), author="A. Author", permission="everyone")
    document = glb_document(path)
    vrm = document["extensions"]["VRMC_vrm"]
    assert vrm["specVersion"] == "1.0" and "VRMC_vrm" in document["extensionsUsed"]
    assert vrm["meta"]["name"] == "Woman 7" and vrm["meta"]["avatarPermission"] == "everyone"
    bones = {bone: document["nodes"][entry["node"]]["name"] for bone, entry in vrm["humanoid"]["humanBones"].items()}
    assert len(bones) == 55 and bones["leftHand"] == "left_wrist" and bones["hips"] == "pelvis"
    assert "mouthSmileLeft" in vrm["expressions"]["custom"]
    rest = {name: armature.data.bones[name].head_local for name in ("head", "left_eye_smplhf", "right_eye_smplhf")}
    between = 0.5 * (rest["left_eye_smplhf"] + rest["right_eye_smplhf"]) - rest["head"]
    # the head's bone runs up, so that the offset is turned into its axes: its length tells
    assert np.linalg.norm(vrm["lookAt"]["offsetFromHeadBone"]) == pytest.approx(between.length, abs=1e-4)
    validate_glb(path)
    with pytest.raises(RuntimeError, match=r"at least one author.*\[export_vrm\]"):
        bpy.ops.doppel.export_vrm(filepath=str(tmp_path / "b.vrm"))
    assert not (tmp_path / "b.vrm").exists()


def test_vrm_rests_in_the_t_pose(enabled: MODULE, tmp_path: Path) -> None:
    """Whatever the avatar's own rest is; the mesh and its shapes go along."""
    armature = people.imported(enabled, "Woman 7")
    bpy.ops.doppel.export_vrm(filepath=str(tmp_path / "t.vrm"), author="A. Author")
    bpy.ops.wm.read_homefile(use_empty=True)
    armature = people.imported(enabled, "Woman 7", "a")
    armature.rotation_euler = (0.0, 0.0, 0.0)
    lowered = armature.data.bones["left_wrist"].head_local.copy()
    bpy.ops.doppel.export_vrm(filepath=str(tmp_path / "a.vrm"), author="A. Author")
    assert (armature.data.bones["left_wrist"].head_local - lowered).length == 0.0 and armature.doppel.rest_pose
    found = {}
    for name in ("t", "a"):
        again = read_again(tmp_path / f"{name}.vrm")
        mesh = skinned(again)
        smile = np.array([point.co for point in mesh.data.shape_keys.key_blocks["mouthSmileLeft"].data])
        found[name] = (np.array([bone.head_local for bone in again.data.bones]), places(mesh), smile)
    for upright, from_a in zip(*found.values(), strict=True):
        np.testing.assert_allclose(from_a, upright, atol=1e-4)


def test_visemes_are_shape_keys_and_leave_with_the_file(enabled: MODULE, tmp_path: Path) -> None:
    body = enabled("rigging.body_parameters").BodyParameters.a_pose()
    shapes = sorted({shape for recipe in enabled("rigging.expressions").VISEMES.values() for shape in recipe})
    plain = people.person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    smile = plain.morphs["mouthSmileLeft"]
    made = people.person(
        enabled("rigging.character"),
        enabled("rigging.body_model"),
        body,
        morphs={name: smile * (0.1 * number + 0.1) for number, name in enumerate(shapes)},
    )
    armature = enabled("blender_addon.tool.importer").import_character(bpy.context, made, "Woman 7")
    keys = skinned(armature).data.shape_keys.key_blocks
    assert len(keys) == 1 + len(shapes) + 14 and "viseme_aa" in keys
    basis, viseme = (np.array([point.co for point in keys[name].data]) for name in ("Basis", "viseme_O"))
    strength = 0.4 * (0.1 * shapes.index("jawOpen") + 0.1) + 0.6 * (0.1 * shapes.index("mouthFunnel") + 0.1)
    assert np.abs(viseme - basis).max() == pytest.approx(0.02 * strength, abs=1e-5)
    bpy.ops.doppel.export_glb(filepath=str(tmp_path / "avatar.glb"))
    (mesh,) = glb_document(tmp_path / "avatar.glb")["meshes"]
    assert {"viseme_aa", "viseme_U", "jawOpen"} <= set(mesh["extras"]["targetNames"])


def key_arm(armature: bpy.types.Object) -> None:
    """Twenty frames in which the left arm bends and the pelvis moves half a metre to the person's left."""
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 20
    elbow, pelvis = armature.pose.bones["left_elbow"], armature.pose.bones["pelvis"]
    for frame, angle, way in ((1, 0.0, 0.0), (20, -1.2, 0.5)):
        armature.doppel.pose.left_elbow = (0.0, angle, 0.0)
        pelvis.location = pelvis.bone.matrix_local.to_3x3().inverted() @ Vector((way, 0.0, 0.0))
        elbow.keyframe_insert("rotation_quaternion", frame=frame)
        pelvis.keyframe_insert("location", frame=frame)


def wrist(armature: bpy.types.Object, bone: str, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    return np.array(armature.matrix_world @ armature.pose.bones[bone].matrix.translation)


@pytest.mark.parametrize("rest", ["t", "a"])
@pytest.mark.parametrize("kind", ["glb", "fbx-unreal", "fbx-unity", "usd"])
def test_actions_leave_with_the_file(enabled: MODULE, tmp_path: Path, kind: str, rest: str) -> None:
    armature = people.imported(enabled, "Woman 7", rest)
    bpy.ops.doppel.reset_avatar(kind="T")
    key_arm(armature)
    paths = {curve.data_path for curve in enabled("blender_addon.tool.actions").fcurves(armature.animation_data.action)}
    expected = [wrist(armature, "left_wrist", frame) for frame in (1, 20)]
    operator, options, suffix, target = ROUND_TRIPS[kind]
    getattr(bpy.ops.doppel, operator)(filepath=str(tmp_path / f"avatar{suffix}"), **options)
    after = {curve.data_path for curve in enabled("blender_addon.tool.actions").fcurves(armature.animation_data.action)}
    assert after == paths and len(bpy.data.actions) == 1  # renaming the copy's bones left the artist's action alone
    name = enabled("rigging.skeletons").skeleton(target).from_smplx["left_wrist"]
    again = read_again(tmp_path / f"avatar{suffix}")
    start = round(again.animation_data.action.frame_range[0])
    found = [wrist(again, name, start + frame) for frame in (0, 19)]
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("kind", ["glb", "fbx-unreal", "usd"])
def test_constraints_are_baked(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path, kind: str) -> None:
    """What is seen leaves: targets stay behind, and the copy that is exported stands elsewhere."""
    bpy.ops.doppel.reset_avatar(kind="T")
    key_arm(armature)
    armature.location = (3.0, 0.0, 0.0)
    hand = bpy.data.objects.new("Hand", None)
    bpy.context.collection.objects.link(hand)
    hand.location = (3.3, -0.4, 1.2)
    goal = armature.pose.bones["left_elbow"].constraints.new("IK")
    goal.target, goal.chain_count = hand, 2
    expected = [wrist(armature, "left_wrist", frame) - armature.location for frame in (1, 20)]
    assert np.linalg.norm(np.array(expected[0]) + armature.location - hand.location) < 0.15
    before = {action.name for action in bpy.data.actions}
    operator, options, suffix, target = ROUND_TRIPS[kind]
    getattr(bpy.ops.doppel, operator)(filepath=str(tmp_path / f"avatar{suffix}"), **options)
    assert {action.name for action in bpy.data.actions} == before and len(goal.id_data.pose.bones) == 55
    assert armature.pose.bones["left_elbow"].constraints[0].target == hand
    name = enabled("rigging.skeletons").skeleton(target).from_smplx["left_wrist"]
    again = read_again(tmp_path / f"avatar{suffix}")
    start = round(again.animation_data.action.frame_range[0])
    np.testing.assert_allclose([wrist(again, name, start + frame) for frame in (0, 19)], expected, atol=5e-3)


@pytest.mark.parametrize("rest", ["t", "a"])
def test_bvh(enabled: MODULE, tmp_path: Path, rest: str) -> None:
    armature = people.imported(enabled, "Woman 7", rest)
    bpy.ops.doppel.reset_avatar(kind="T")
    key_arm(armature)
    expected = [wrist(armature, "left_wrist", frame) for frame in (1, 11, 20)]
    path = tmp_path / "motion.bvh"
    bpy.ops.doppel.export_bvh(filepath=str(path), skeleton="MIXAMO")
    text = path.read_text()
    assert "ROOT mixamorig:Hips" in text and "Frames: 20" in text and "Frame Time: 0.041667" in text
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.import_anim.bvh(filepath=str(path), global_scale=0.01, axis_forward="-Z", axis_up="Y")
    (again,) = (obj for obj in bpy.data.objects if obj.type == "ARMATURE")
    found = [wrist(again, "mixamorig:LeftHand", frame) for frame in (1, 11, 20)]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_glb_for_engines(armature: bpy.types.Object, tmp_path: Path) -> None:
    path = tmp_path / "avatar.glb"
    bpy.ops.doppel.export_glb(filepath=str(path))
    document = glb_document(path)
    (skin,) = document["skins"]
    assert len(skin["joints"]) == 55
    (mesh,) = document["meshes"]
    for primitive in mesh["primitives"]:
        assert "JOINTS_1" not in primitive["attributes"]  # four influences are all that engines read
        assert "TANGENT" in primitive["attributes"]  # this avatar has a normal map
    extras = [node["extras"] for node in document["nodes"] if "doppel_provenance" in node.get("extras", {})]
    assert extras and json.loads(extras[0]["doppel_provenance"])["request"]["seed"] == 7
    validate_glb(path)


def test_export_leaves_the_scene_as_it_was(armature: bpy.types.Object, tmp_path: Path) -> None:
    mesh = next(child for child in armature.children if child.type == "MESH")
    other = bpy.data.objects.new("Other", None)
    bpy.context.collection.objects.link(other)
    mesh.hide_set(True)
    armature.select_set(False)
    other.select_set(True)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.doppel.export_glb(filepath=str(tmp_path / "hidden.glb"))
    assert [obj.name for obj in bpy.context.selected_objects] == ["Other"]
    assert bpy.context.view_layer.objects.active == mesh and mesh.hide_get()
    assert len(glb_document(tmp_path / "hidden.glb")["meshes"]) == 1


def test_refusals(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"there is no folder .*\[folder_missing\]"):
        bpy.ops.doppel.export_glb(filepath=str(tmp_path / "nowhere" / "a.glb"))
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.doppel.export_fbx.poll()
    with pytest.raises(RuntimeError, match="Select an avatar made with Doppel"):
        bpy.ops.doppel.export_fbx(filepath=str(tmp_path / "a.fbx"))


def glb_document(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length])


def validate_glb(path: Path) -> None:
    """Run the official glTF validator where Node and its package are there."""
    if shutil.which("node") is None or not (TOOLS / "node_modules").is_dir():
        pytest.skip("the glTF validator needs Node and `npm --prefix tests/tools ci`")
    finished = subprocess.run(
        ["node", str(TOOLS / "validate_glb.mjs"), str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    (report,) = json.loads(finished.stdout).values()
    issues = report["issues"]
    known = {"MESH_PRIMITIVE_GENERATED_TANGENT_SPACE"}  # VRM leaves tangents to the reader
    assert issues["numErrors"] == 0, issues["messages"]
    assert {issue["code"] for issue in issues["messages"] if issue["severity"] == 1} <= known, issues["messages"]
