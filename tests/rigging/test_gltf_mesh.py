"""Meshes of foreign GLB files: nodes, materials, and what is not read."""

from pathlib import Path

import numpy as np
import pytest

from rigging.glb import GlbError, GlbWriter
from rigging.gltf_mesh import read_mesh

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


def document(**changes: object) -> GlbWriter:
    writer = GlbWriter()
    attributes = {"POSITION": writer.accessor(TRIANGLE, bounds=True)}
    uvs = np.array([[0, 0], [65535, 0], [0, 65535]], np.uint16)
    other = attributes | {"TEXCOORD_0": writer.accessor(uvs)}
    writer.document |= {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"mesh": 0, "children": [1], "translation": [1, 2, 3]},
            {"mesh": 1, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 5, 0, 1]},
        ],
        "meshes": [
            {"primitives": [{"attributes": attributes, "material": 0}, {"attributes": attributes, "mode": 1}]},
            {"primitives": [{"attributes": other, "material": 0}]},
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.25, 1.0, 1.0]}}],
    } | changes
    return writer


def test_nodes_place_their_meshes(tmp_path: Path) -> None:
    document().save(tmp_path / "a.glb")
    mesh = read_mesh(tmp_path / "a.glb")
    np.testing.assert_allclose(mesh.vertices[:3], TRIANGLE + [1, 2, 3])
    np.testing.assert_allclose(mesh.vertices[3:], TRIANGLE * [-1, 1, 1] + [1, 7, 3])
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).all(), "a mirrored mesh keeps its outside"
    np.testing.assert_allclose(mesh.uvs[3:], [[0, 1], [1, 1], [0, 0]])
    assert mesh.image is None and mesh.colour == (0.5, 0.25, 1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extensionsRequired": ["KHR_draco_mesh_compression"]}, "KHR_draco"),
        ({"scenes": [{"nodes": []}]}, "no triangles"),
        ({"nodes": [{"children": [1]}, {"children": [0]}]}, "circle"),
        ({"meshes": [{"primitives": [{"attributes": {}}]}] * 2}, "damaged"),
        ({"scenes": [{"nodes": [7]}]}, "damaged"),
        (
            {
                "materials": [{}, {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}],
                "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": m} for m in (0, 1)]}] * 2,
            },
            "bake them",
        ),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, changes: dict, words: str) -> None:
    document(**changes).save(tmp_path / "a.glb")
    with pytest.raises(GlbError, match=words):
        read_mesh(tmp_path / "a.glb")
