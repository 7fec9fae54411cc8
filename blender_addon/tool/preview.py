# SPDX-License-Identifier: GPL-3.0-or-later
"""The live body in the viewport: shows shape and pose before anything is generated."""

import bpy
import numpy as np
from numpy.typing import ArrayLike

from . import mesh as mesh_tool

NAME = "Doppel Body"
COLOURS = ((0.50, 0.62, 0.72, 1.0), (0.16, 0.27, 0.42, 1.0))  # a dummy and its suit


def find(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The scene's preview body while it is really in the scene."""
    preview = scene.doppel.preview
    if preview is not None and preview.type == "MESH" and preview.name in scene.objects:
        return preview
    return None


def create(scene: bpy.types.Scene, vertices: ArrayLike, faces: ArrayLike, suit: ArrayLike) -> bpy.types.Object:
    """Add the preview body, posed, to the scene: faces (F, 3), of which those marked in `suit` (F,) are covered.

    It is neither rendered nor selectable.
    """
    mesh = bpy.data.meshes.new(NAME)
    mesh_tool.fill(mesh, vertices, faces)
    for colour in COLOURS:
        material = bpy.data.materials.new(NAME)
        material.diffuse_color = colour
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", np.asarray(suit, dtype=np.int32))
    preview = bpy.data.objects.new(NAME, mesh)
    preview.hide_render = True
    preview.hide_select = True
    scene.collection.objects.link(preview)
    scene.doppel.preview = preview
    return preview


def move_vertices(preview: bpy.types.Object, vertices: ArrayLike) -> bool:
    """Move the body's vertices to (V, 3); False when the mesh has another number of them."""
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    mesh = preview.data
    if len(mesh.vertices) != len(points) or mesh.is_editmode:
        return False
    mesh.vertices.foreach_set("co", points.reshape(-1))
    mesh.update()
    return True


def remove(scene: bpy.types.Scene) -> None:
    """Take the preview body out of the file."""
    preview = scene.doppel.preview
    scene.doppel.preview = None
    if preview is None:
        return
    mesh = preview.data
    materials = [material for material in mesh.materials if material is not None]
    bpy.data.objects.remove(preview)
    if mesh.users == 0:
        bpy.data.meshes.remove(mesh)
    for material in materials:
        if material.users == 0:
            bpy.data.materials.remove(material)
