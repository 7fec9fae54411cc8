# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporting one avatar, set so that engines need no correction. Every function writes a whole file or raises."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.errors import DoppelError
from ...rigging import atomic
from ...rigging.bvh_writer import bvh_text
from ...rigging.glb import GlbReader, pack, skinned_to_roots
from ...rigging.joints import JOINT_NAMES
from ...rigging.lbs import joints_at_rest
from ...rigging.skeletons import SKELETONS, Skeleton
from ...rigging.vrm import VrmMeta, vrm_of
from ..core.axes import Y_UP_TO_Z_UP, to_body
from . import armature as armature_tool
from .export_copy import Y_UP, export_copy, is_animated

SMPLX = SKELETONS["smplx"]
CENTIMETRES = 100.0


def write_glb(context: bpy.types.Context, armature: bpy.types.Object, path: Path, skeleton: Skeleton = SMPLX) -> None:
    """glTF binary: metres, Y up, the rest pose in the nodes, provenance in the extras, four influences a vertex.

    Raises:
        DoppelError: the exporter refused.
    """
    with export_copy(context, armature, skeleton) as copied:
        mode = "ACTIVE_ACTIONS" if copied.animation_data and copied.animation_data.action else "ACTIONS"
        data = _gltf(animated=is_animated(copied), tangents=_has_normal_map(copied), mode=mode)
    atomic.write_bytes(path, data)


def write_vrm(
    context: bpy.types.Context, armature: bpy.types.Object, path: Path, meta: VrmMeta, skeleton: Skeleton = SMPLX
) -> None:
    """VRM 1.0: a GLB that rests in the T-pose, with the humanoid, expressions, look-at and licence of `meta`.

    Raises:
        DoppelError: the exporter refused.
        VrmError: the avatar lacks a bone that VRM needs.
    """
    with export_copy(context, armature, skeleton, t_pose=True):
        data = _gltf(animated=False, tangents=False)
    atomic.write_bytes(path, vrm_of(data, meta, skeleton.from_smplx))


def _gltf(animated: bool, tangents: bool, mode: str = "ACTIVE_ACTIONS") -> bytes:
    """The selected avatar as GLB; the exporter's other modes would take every action of the file that fits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "avatar.glb"
        result = bpy.ops.export_scene.gltf(
            filepath=str(path),
            export_format="GLB",
            use_selection=True,
            export_yup=True,
            export_apply=False,
            export_skins=True,
            export_influence_nb=4,
            export_all_influences=False,
            export_rest_position_armature=True,
            export_def_bones=False,
            export_morph=True,
            export_tangents=tangents,
            export_animations=animated,
            export_animation_mode=mode,
            export_extras=True,
            export_materials="EXPORT",
        )
        _check(result, path)
        reader = GlbReader(path.read_bytes())
    skinned_to_roots(reader.document)
    return pack(reader.document, reader.binary)


def write_fbx_unreal(
    context: bpy.types.Context, armature: bpy.types.Object, path: Path, skeleton: Skeleton = SKELETONS["unreal"]
) -> None:
    """FBX for Unreal: centimetres, Z up, facing -Y, which the engine turns to its +Y.

    The armature is called root, which makes it the bone on the floor that the Mannequin has.

    Raises:
        DoppelError: the exporter refused.
    """
    with (
        export_copy(context, armature, skeleton, scale=CENTIMETRES, name="root") as copied,
        _scene_unit(context, 1.0 / CENTIMETRES),
        _in_full(path) as file,
    ):
        _fbx(copied, file, axis_forward="Y", axis_up="Z")


def write_fbx_unity(
    context: bpy.types.Context, armature: bpy.types.Object, path: Path, skeleton: Skeleton = SKELETONS["unity"]
) -> None:
    """FBX for Unity: metres, Y up, facing +Z, no object turned or scaled.

    Raises:
        DoppelError: the exporter refused.
    """
    with (
        export_copy(context, armature, skeleton, turn=Y_UP) as copied,
        _scene_unit(context, 1.0),
        _in_full(path) as file,
    ):
        _fbx(copied, file, axis_forward="-Z", axis_up="Y")


def _fbx(copied: bpy.types.Object, path: Path, axis_forward: str, axis_up: str) -> None:
    result = bpy.ops.export_scene.fbx(
        filepath=str(path),
        use_selection=True,
        object_types={"ARMATURE", "MESH"},
        global_scale=1.0,
        apply_unit_scale=True,
        apply_scale_options="FBX_SCALE_ALL",  # the unit goes into the header, not into the objects
        axis_forward=axis_forward,
        axis_up=axis_up,
        use_mesh_modifiers=False,
        mesh_smooth_type="FACE",
        add_leaf_bones=False,
        primary_bone_axis="Y",
        secondary_bone_axis="X",
        use_armature_deform_only=False,
        armature_nodetype="NULL",
        bake_anim=is_animated(copied),
        path_mode="COPY",
        embed_textures=True,
        use_custom_props=True,
    )
    _check(result, path)


@contextmanager
def _scene_unit(context: bpy.types.Context, metres: float) -> Iterator[None]:
    """The scene's unit for as long as an exporter reads it."""
    units = context.scene.unit_settings
    before = units.system, units.scale_length
    try:
        units.system, units.scale_length = "METRIC", metres
        yield
    finally:
        units.system, units.scale_length = before


def write_usd(context: bpy.types.Context, armature: bpy.types.Object, path: Path, skeleton: Skeleton = SMPLX) -> None:
    """USD: metres, Y up, skeleton and blend shapes as UsdSkel, textures in a folder beside the file.

    Raises:
        DoppelError: the exporter refused.
    """
    with export_copy(context, armature, skeleton, keep_pose=True) as copied:
        result = bpy.ops.wm.usd_export(
            filepath=str(path),
            selected_objects_only=True,
            export_animation=is_animated(copied),
            export_armatures=True,
            export_shapekeys=True,
            export_materials=True,
            generate_preview_surface=True,
            export_textures_mode="NEW",
            overwrite_textures=True,
            relative_paths=True,
            convert_orientation=True,
            export_global_forward_selection="NEGATIVE_Z",
            export_global_up_selection="Y",
            root_prim_path="/Avatar",
        )
    _check(result, path)


def write_bvh(context: bpy.types.Context, armature: bpy.types.Object, path: Path, skeleton: Skeleton = SMPLX) -> None:
    """The scene's frames as BVH, counted from the T-pose: centimetres, Y up, bones by the skeleton's names, constraints
    included.

    Raises:
        OSError: the file cannot be written.
    """
    scene = context.scene
    bones = list(armature.data.bones)
    index = {bone.name: number for number, bone in enumerate(bones)}
    parents = [index[bone.parent.name] if bone.parent else -1 for bone in bones]
    rest = np.array([np.array(bone.matrix_local) for bone in bones])
    by_name = dict(zip(JOINT_NAMES, armature_tool.rest_rotations(armature), strict=True))
    at_rest = np.array([by_name.get(bone.name, np.eye(3)) for bone in bones])  # from the T-pose
    turned, moved = [], []
    current = scene.frame_current
    try:
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            posed = np.array([np.array(armature.pose.bones[bone.name].matrix) for bone in bones])
            world = posed[:, :3, :3] @ np.swapaxes(rest[:, :3, :3], 1, 2)  # from the rest pose, in Blender's axes
            world = Y_UP_TO_Z_UP.T @ (world / np.cbrt(np.linalg.det(world))[:, None, None]) @ Y_UP_TO_Z_UP @ at_rest
            above = np.array([world[parent] if parent >= 0 else np.eye(3) for parent in parents])
            turned.append(np.swapaxes(above, 1, 2) @ world)
            moved.append(to_body(posed[0, :3, 3] - rest[0, :3, 3]))
    finally:
        scene.frame_set(current)
    names = [skeleton.from_smplx.get(bone.name, bone.name).replace(" ", "_") for bone in bones]
    seconds = scene.render.fps_base / scene.render.fps
    joints = joints_at_rest(to_body(rest[:, :3, 3]), at_rest, np.array(parents))
    text = bvh_text(names, parents, joints, np.array(turned), np.array(moved), seconds)
    atomic.write_bytes(path, text.encode())


@contextmanager
def _in_full(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, which it replaces only when it is finished."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".doppel-") as folder:
        file = Path(folder) / path.name
        yield file
        os.replace(file, path)


def _has_normal_map(armature: bpy.types.Object) -> bool:
    return any(
        node.type == "NORMAL_MAP"
        for mesh in armature.children_recursive
        if mesh.type == "MESH"
        for material in mesh.data.materials
        if material is not None and material.node_tree is not None
        for node in material.node_tree.nodes
    )


def _check(result: set[str], path: Path) -> None:
    if "FINISHED" not in result or not path.is_file():
        raise DoppelError("export_failed", f"Blender's exporter did not write {path}", "see Blender's console")
