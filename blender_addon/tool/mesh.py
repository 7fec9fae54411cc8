# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes: from planned arrays to a bound mesh object."""

from collections.abc import Sequence

import bmesh
import bpy
import numpy as np
from numpy.typing import ArrayLike

from ..core.mesh_plan import MeshPlan


def fill(mesh: bpy.types.Mesh, vertices: ArrayLike, triangles: ArrayLike) -> None:
    """Give an empty mesh its vertices (V, 3) and triangles (F, 3), smooth-shaded."""
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    faces = np.ascontiguousarray(triangles, dtype=np.int32)
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.reshape(-1))
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.reshape(-1))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))


def create(context: bpy.types.Context, name: str, plan: MeshPlan) -> bpy.types.Object:
    """A new mesh object with UVs and shape keys in the active collection; not yet bound to anything."""
    mesh = bpy.data.meshes.new(name)
    fill(mesh, plan.vertices, plan.triangles)
    uv_layer = mesh.uv_layers.new(name="UVMap")
    uv_layer.data.foreach_set("uv", np.ascontiguousarray(plan.corner_uvs, dtype=np.float32).reshape(-1))
    mesh.validate()
    result = bpy.data.objects.new(name, mesh)
    context.collection.objects.link(result)
    return result


def bind(mesh_object: bpy.types.Object, armature: bpy.types.Object, names: Sequence[str], plan: MeshPlan) -> None:
    """Parent a mesh to an armature and bind it by vertex groups named as the bones (linear blend skinning)."""
    for name in names:
        mesh_object.vertex_groups.new(name=name)
    # One pass through bmesh's deform layer: half the time of VertexGroup.add per vertex and exact.
    working = bmesh.new()
    try:
        working.from_mesh(mesh_object.data)
        layer = working.verts.layers.deform.verify()
        for vertex, pairs in zip(working.verts, plan.bindings, strict=True):
            deform = vertex[layer]
            for joint, weight in pairs:
                deform[joint] = weight
        working.to_mesh(mesh_object.data)
    finally:
        working.free()
    mesh_object.parent = armature
    modifier = mesh_object.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False


def add_shape_keys(mesh_object: bpy.types.Object, plan: MeshPlan) -> None:
    """One shape key for each morph of the plan, above a basis; none at all where there are no morphs."""
    if not plan.morphs:
        return
    mesh_object.shape_key_add(name="Basis", from_mix=False)
    for name, deltas in plan.morphs.items():
        key = mesh_object.shape_key_add(name=name, from_mix=False)
        moved = np.ascontiguousarray(plan.vertices + deltas, dtype=np.float32)
        points = getattr(key, "points", key.data)  # from 4.1 on there is a way 300 times as fast
        points.foreach_set("co", moved.reshape(-1))
        key.value = 0.0
