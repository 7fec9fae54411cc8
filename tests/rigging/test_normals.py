"""Normals and tangents of a surface whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from rigging.normals import vertex_normals, vertex_tangents


def sphere(rings: int = 40, sides: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces and longitude/latitude UVs (origin lower left) of a unit sphere without its poles."""
    v, u = np.meshgrid(np.linspace(0.15, 0.85, rings), np.linspace(0.0, 1.0, sides), indexing="ij")
    longitude, latitude = 2 * np.pi * u, np.pi * (v - 0.5)
    points = np.stack(
        [np.sin(longitude) * np.cos(latitude), np.sin(latitude), np.cos(longitude) * np.cos(latitude)], -1
    )
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(sides - 1), indexing="ij")
    a = ring * sides + side
    faces = np.stack([a, a + 1, a + sides, a + 1, a + sides + 1, a + sides], axis=-1).reshape(-1, 3)
    return points.reshape(-1, 3), faces, np.stack([u, v], axis=-1).reshape(-1, 2)


def test_normals_of_a_sphere() -> None:
    vertices, faces, _ = sphere()
    inner = np.abs(vertices[:, 1]) < 0.8
    assert np.einsum("ij,ij->i", vertex_normals(vertices, faces), vertices)[inner].min() > 0.995


def test_unused_vertices_still_have_a_unit_normal() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    np.testing.assert_array_equal(vertex_normals(vertices, np.array([[0, 1, 2]]))[3], [0.0, 1.0, 0.0])


@pytest.mark.parametrize("mirrored", [False, True])
def test_tangents_point_east_and_bitangents_north(mirrored: bool) -> None:
    vertices, faces, uvs = sphere()
    if mirrored:
        uvs = uvs * [-1.0, 1.0]
    tangents = vertex_tangents(vertices, faces, uvs, vertices)
    east = np.cross([0.0, 1.0, 0.0], vertices)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    sign = -1.0 if mirrored else 1.0
    assert (sign * np.einsum("ij,ij->i", tangents[:, :3], east)).min() > 0.99
    bitangents = np.cross(vertices, tangents[:, :3]) * tangents[:, 3:]
    assert (bitangents[:, 1] > 0.0).all() and (tangents[:, 3] == sign).all()


def test_degenerate_textures_give_valid_tangents() -> None:
    vertices, faces, uvs = sphere(6, 8)
    tangents = vertex_tangents(vertices, faces, np.zeros_like(uvs), vertices)
    np.testing.assert_allclose(np.linalg.norm(tangents[:, :3], axis=1), 1.0)
    np.testing.assert_allclose(np.einsum("ij,ij->i", tangents[:, :3], vertices), 0.0, atol=1e-12)
