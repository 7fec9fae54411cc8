"""Skin weights as Blender makes them, for `doppel eval rigging`: run by a Python that has bpy.

    python tools/blender_weights.py IN.npz OUT.npz [IN.npz OUT.npz ...]

IN: vertices (V, 3), faces (F, 3), heads and tails (J, 3) of the bones, parents (J,), deform (J,) which bones may move
skin, body_vertices (B, 3), body_faces (G, 3), body_weights (B, J). OUT: for `heat` (automatic weights) and `transfer`
(the Data Transfer modifier, nearest face interpolated) the weights (V, J), zero where Blender found none, and seconds
of the processor.
"""

from __future__ import annotations

import sys
import time

import bpy
import numpy as np


def mesh_object(name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.update()
    created = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(created)
    return created


def armature_object(given: dict[str, np.ndarray]) -> bpy.types.Object:
    armature = bpy.data.armatures.new("rig")
    created = bpy.data.objects.new("rig", armature)
    bpy.context.collection.objects.link(created)
    bpy.context.view_layer.objects.active = created
    bpy.ops.object.mode_set(mode="EDIT")
    for joint, parent in enumerate(given["parents"]):
        bone = armature.edit_bones.new(str(joint))
        bone.head, bone.tail = given["heads"][joint], given["tails"][joint]
        bone.use_deform = bool(given["deform"][joint])
        if parent >= 0:
            bone.parent = armature.edit_bones[str(parent)]
    bpy.ops.object.mode_set(mode="OBJECT")
    return created


def weights_of(target: bpy.types.Object, joints: int) -> np.ndarray:
    weights = np.zeros((len(target.data.vertices), joints))
    column = {group.index: int(group.name) for group in target.vertex_groups}
    for vertex in target.data.vertices:
        for element in vertex.groups:
            weights[vertex.index, column[element.group]] = element.weight
    return weights


def select(active: bpy.types.Object, *others: bpy.types.Object) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    for each in (active, *others):
        each.select_set(True)
    bpy.context.view_layer.objects.active = active


def heat(given: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    target, rig = mesh_object("target", given["vertices"], given["faces"]), armature_object(given)
    select(rig, target)
    start = time.process_time()
    bpy.ops.object.parent_set(type="ARMATURE_AUTO")
    return weights_of(target, len(given["parents"])), time.process_time() - start


def transfer(given: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    target = mesh_object("target", given["vertices"], given["faces"])
    body = mesh_object("body", given["body_vertices"], given["body_faces"])
    for joint in range(len(given["parents"])):
        group = body.vertex_groups.new(name=str(joint))
        for vertex in np.flatnonzero(given["body_weights"][:, joint]):
            group.add([int(vertex)], float(given["body_weights"][vertex, joint]), "REPLACE")
    start = time.process_time()
    modifier = target.modifiers.new("transfer", "DATA_TRANSFER")
    modifier.object = body
    modifier.use_vert_data = True
    modifier.data_types_verts = {"VGROUP_WEIGHTS"}
    modifier.vert_mapping = "POLYINTERP_NEAREST"
    modifier.layers_vgroup_select_src, modifier.layers_vgroup_select_dst = "ALL", "NAME"
    select(target)
    bpy.ops.object.datalayout_transfer(modifier="transfer")
    bpy.ops.object.modifier_apply(modifier="transfer")
    return weights_of(target, len(given["parents"])), time.process_time() - start


def main() -> None:
    for source, target in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        with np.load(source, allow_pickle=False) as archive:
            given = dict(archive)
        made = {}
        for name, make in (("heat", heat), ("transfer", transfer)):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            made[name], made[f"{name}_seconds"] = make(given)
        np.savez(target, **made)


if __name__ == "__main__":
    main()
