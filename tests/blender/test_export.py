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

MODULE = Callable[[str], ModuleType]
TOOLS = Path(__file__).resolve().parents[1] / "tools"


@pytest.fixture
def armature(enabled: MODULE) -> bpy.types.Object:
    body = enabled("rigging.body_parameters").BodyParameters.a_pose()
    character = people.person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    return enabled("blender_addon.tool.importer").import_character(bpy.context, character, "Woman 7")


def rest_height(armature: bpy.types.Object) -> float:
    """Height of the rest pose in metres, in the world."""
    return measured(next(child for child in armature.children if child.type == "MESH"))


def measured(mesh: bpy.types.Object) -> float:
    points = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
    return float(np.ptp(points[:, 2]))


def read_again(path: Path) -> bpy.types.Object:
    """The armature in `path`, imported into an empty file."""
    bpy.ops.wm.read_homefile(use_empty=True)
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.wm.fbx_import(filepath=str(path))
    bpy.context.view_layer.update()
    (armature,) = (obj for obj in bpy.data.objects if obj.type == "ARMATURE")
    return armature


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_round_trip(enabled: MODULE, armature: bpy.types.Object, tmp_path: Path, kind: str) -> None:
    height = rest_height(armature)
    joint = np.array(armature.matrix_world @ armature.data.bones["left_wrist"].head_local)
    names = {bone.name for bone in armature.data.bones}
    path = tmp_path / f"avatar.{kind}"
    operator = getattr(bpy.ops.doppel, f"export_{kind}")
    assert operator(filepath=str(path)) == {"FINISHED"}

    again = read_again(path)
    assert {bone.name for bone in again.data.bones} == names and len(again.data.bones) == 55  # no leaf bones
    assert np.allclose(again.matrix_world.to_scale(), 1.0, atol=1e-5)
    meshes = [child for child in again.children_recursive if child.type == "MESH"]
    (mesh,) = [child for child in meshes if any(modifier.type == "ARMATURE" for modifier in child.modifiers)]
    assert np.allclose(mesh.matrix_world.to_scale(), 1.0, atol=1e-5)
    assert measured(mesh) == pytest.approx(height, abs=2e-3)
    assert np.allclose(again.matrix_world @ again.data.bones["left_wrist"].head_local, joint, atol=2e-3)
    assert {key.name for key in mesh.data.shape_keys.key_blocks} == {"Basis", "mouthSmileLeft"}
    textures = [
        node.image
        for material in mesh.data.materials
        for node in material.node_tree.nodes
        if node.type == "TEX_IMAGE" and node.image
    ]
    assert textures and all(image.size[0] == 16 for image in textures)


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
        ["node", str(TOOLS / "validate_glb.mjs"), str(path)], capture_output=True, text=True, timeout=120
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
