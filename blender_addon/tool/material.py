# SPDX-License-Identifier: GPL-3.0-or-later
"""The avatar's material: a Principled BSDF with packed textures, in the shape that every exporter understands."""

import bpy

from ..core.images import png_size

ROUGHNESS = 0.8  # skin and cloth; matches the GLB written by the worker


def create(
    name: str, texture_png: bytes, normal_png: bytes | None = None, roughness_png: bytes | None = None
) -> bpy.types.Material:
    """A material with a base colour texture and, where there are any, a tangent-space normal map and roughness."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location = (300, 0)
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    shader.inputs["Roughness"].default_value = ROUGHNESS
    shader.inputs["Metallic"].default_value = 0.0
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    colour = _texture_node(tree, packed_image(f"{name} Colour", texture_png), (-400, 200))
    tree.links.new(colour.outputs["Color"], shader.inputs["Base Color"])
    if roughness_png:
        image = packed_image(f"{name} Roughness", roughness_png)
        image.colorspace_settings.name = "Non-Color"
        texture = _texture_node(tree, image, (-400, -80))
        tree.links.new(texture.outputs["Color"], shader.inputs["Roughness"])
    if normal_png:
        image = packed_image(f"{name} Normal", normal_png)
        image.colorspace_settings.name = "Non-Color"
        texture = _texture_node(tree, image, (-700, -200))
        normal_map = tree.nodes.new("ShaderNodeNormalMap")
        normal_map.location = (-300, -200)
        tree.links.new(texture.outputs["Color"], normal_map.inputs["Color"])
        tree.links.new(normal_map.outputs["Normal"], shader.inputs["Normal"])
    return material


def packed_image(name: str, png: bytes) -> bpy.types.Image:
    """An image that lives in the .blend file, from the bytes of a PNG; nothing is written to disk."""
    width, height = png_size(png)
    image = bpy.data.images.new(name, width, height, alpha=False)
    image.source = "FILE"
    image.filepath_raw = f"//{name}.png"
    image.pack(data=png, data_len=len(png))
    return image


def _texture_node(tree: bpy.types.NodeTree, image: bpy.types.Image, location: tuple[int, int]) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    node.location = location
    return node
