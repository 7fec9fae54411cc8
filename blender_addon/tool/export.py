# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporting one avatar with Blender's own exporters, set so that engines need no correction."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...backend.protocol.errors import DoppelError


@contextmanager
def only_selected(context: bpy.types.Context, armature: bpy.types.Object) -> Iterator[None]:
    """Select the armature and its meshes and nothing else, with the armature active; restore everything after."""
    active = context.view_layer.objects.active
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    selected = [obj.name for obj in context.view_layer.objects if obj.select_get()]
    wanted = [armature, *(child for child in armature.children_recursive if child.type == "MESH")]
    hidden = [obj.name for obj in wanted if obj.hide_get()]
    active_name = active.name if active is not None else None
    try:
        for obj in context.view_layer.objects:
            obj.select_set(False)
        for obj in wanted:
            obj.hide_set(False)
            obj.select_set(True)
        context.view_layer.objects.active = armature
        yield
    finally:
        objects = context.view_layer.objects
        for obj in objects:
            obj.select_set(obj.name in selected)
        for name in hidden:
            objects[name].hide_set(True)
        objects.active = objects.get(active_name) if active_name else None


def write_glb(context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
    """glTF binary: metres, Y up, the rest pose in the nodes, provenance in the extras, four influences a vertex.

    Raises:
        DoppelError: the exporter refused.
    """
    with only_selected(context, armature):
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
            export_tangents=_has_normal_map(armature),
            export_animations=_is_animated(armature),
            export_extras=True,
            export_materials="EXPORT",
        )
    _check(result, path)


def write_fbx(context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
    """FBX for game engines: Y up, -Z forward, one unit is a metre with object scale 1, no leaf bones, textures inside.

    Raises:
        DoppelError: the exporter refused.
    """
    with only_selected(context, armature):
        result = bpy.ops.export_scene.fbx(
            filepath=str(path),
            use_selection=True,
            object_types={"ARMATURE", "MESH"},
            global_scale=1.0,
            apply_unit_scale=True,
            apply_scale_options="FBX_SCALE_ALL",
            axis_forward="-Z",
            axis_up="Y",
            use_mesh_modifiers=False,
            mesh_smooth_type="FACE",
            add_leaf_bones=False,
            primary_bone_axis="Y",
            secondary_bone_axis="X",
            use_armature_deform_only=False,
            armature_nodetype="NULL",
            bake_anim=_is_animated(armature),
            path_mode="COPY",
            embed_textures=True,
            use_custom_props=True,
        )
    _check(result, path)


def _is_animated(armature: bpy.types.Object) -> bool:
    data = armature.animation_data
    return data is not None and (data.action is not None or len(data.nla_tracks) > 0)


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
