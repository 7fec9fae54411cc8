# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes: from planned arrays to a bound mesh object."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from operator import setitem

import bmesh
import bpy
import numpy as np
from numpy.typing import ArrayLike

from ..core.mesh_plan import Bindings, MeshPlan, has_doubles


def fill(mesh: bpy.types.Mesh, vertices: ArrayLike, triangles: ArrayLike) -> None:
    """Give an empty mesh its vertices (V, 3) and triangles (F, 3), smooth-shaded."""
    _add_vertices(mesh, vertices)
    _add_triangles(mesh, triangles)


def create(context: bpy.types.Context, name: str, joints: Sequence[str], plan: MeshPlan) -> bpy.types.Object:
    """A new mesh object in the active collection, with UVs and a vertex group for each joint; no armature yet."""
    mesh = bpy.data.meshes.new(name)
    result = bpy.data.objects.new(name, mesh)
    for joint in joints:
        result.vertex_groups.new(name=joint)
    _add_vertices(mesh, plan.vertices)
    _set_weights(mesh, plan.bindings)  # before there are faces, which bmesh would have to carry along
    _add_triangles(mesh, plan.triangles)
    uv_layer = mesh.uv_layers.new(name="UVMap")
    uv_layer.uv.foreach_set("vector", np.ascontiguousarray(plan.corner_uvs, dtype=np.float32).reshape(-1))
    if has_doubles(plan.triangles):
        mesh.validate()  # a fifth of the import's time, and all that it could find here
    context.collection.objects.link(result)
    return result


def bind(mesh_object: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Parent a mesh to an armature whose bones its vertex groups are named after (linear blend skinning)."""
    mesh_object.parent = armature
    modifier = mesh_object.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False


def _add_vertices(mesh: bpy.types.Mesh, vertices: ArrayLike) -> None:
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    mesh.vertices.add(len(points))
    mesh.attributes["position"].data.foreach_set("vector", points.reshape(-1))


def _add_triangles(mesh: bpy.types.Mesh, triangles: ArrayLike) -> None:
    faces = np.ascontiguousarray(triangles, dtype=np.int32)
    mesh.loops.add(faces.size)
    # the same as MeshLoop.vertex_index, five times as fast
    mesh.attributes[".corner_vert"].data.foreach_set("value", faces.reshape(-1))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()


def _set_weights(mesh: bpy.types.Mesh, bindings: Bindings) -> None:
    """One pass through bmesh's deform layer: exact, and a fifth of the time of VertexGroup.add per vertex."""
    working = bmesh.new()
    try:
        working.from_mesh(mesh)
        layer = working.verts.layers.deform.verify()
        deforms = map(repeat, [vertex[layer] for vertex in working.verts], bindings.counts.tolist())
        pairs = chain.from_iterable(deforms), bindings.joints.tolist(), bindings.weights.tolist()
        deque(map(setitem, *pairs), maxlen=0)  # deform[joint] = weight, in a loop that is not Python's
        working.to_mesh(mesh)
    finally:
        working.free()


def add_shape_keys(mesh_object: bpy.types.Object, plan: MeshPlan) -> None:
    """One shape key for each morph of the plan, above a basis; none at all where there are no morphs."""
    if not plan.morphs:
        return
    mesh_object.shape_key_add(name="Basis", from_mix=False)
    for name, deltas in plan.morphs.items():
        key = mesh_object.shape_key_add(name=name, from_mix=False)
        moved = plan.vertices + deltas
        points = getattr(key, "points", key.data)  # from 4.1 on there is a way 300 times as fast
        points.foreach_set("co", moved.reshape(-1))
        key.value = 0.0


def lowest(mesh_object: bpy.types.Object) -> float:
    """The least height of a mesh in its own axes."""
    points = np.empty(3 * len(mesh_object.data.vertices), dtype=np.float32)
    mesh_object.data.vertices.foreach_get("co", points)
    return float(points[2::3].min(initial=np.inf))


def unskin(mesh_object: bpy.types.Object, transforms: Mapping[str, ArrayLike]) -> None:
    """Take the mesh and all its shape keys to where bones would carry them from: the inverse of linear blend skinning.

    transforms: (4, 4) by bone, in the axes of the mesh.
    """
    mesh = mesh_object.data
    matrices = {group.index: transforms.get(group.name) for group in mesh_object.vertex_groups}
    blended = np.zeros((len(mesh.vertices), 4, 4))
    for vertex in mesh.vertices:
        for share in vertex.groups:
            if matrices[share.group] is not None:
                blended[vertex.index] += share.weight * matrices[share.group]
    total = blended[:, 3, 3].copy()
    blended[total == 0.0] = np.eye(4)  # what follows no bone stays
    blended[total > 0.0] /= total[total > 0.0, None, None]
    back = np.linalg.pinv(blended[:, :3, :3], rcond=0.1)  # blends of far-apart turns shrink space
    keys = mesh.shape_keys.key_blocks if mesh.shape_keys else ()
    for points in [mesh.vertices, *(getattr(key, "points", key.data) for key in keys)]:
        places = np.empty(3 * len(points), dtype=np.float32)
        points.foreach_get("co", places)
        moved = np.einsum("vij,vj->vi", back, places.reshape(-1, 3) - blended[:, :3, 3])
        points.foreach_set("co", moved.astype(np.float32).reshape(-1))
    mesh.update()
