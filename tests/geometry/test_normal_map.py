"""Relief of the fine mesh in the coarse one's tangent space."""

import numpy as np
import pytest
import torch
from capsule_person import person_sdf

from backend.geometry.extract import extract_surface
from backend.geometry.normal_map import bake_normal_map
from backend.geometry.simplify import simplify
from backend.geometry.texels import Texels
from backend.geometry.unwrap import Atlas, unwrap
from rigging.normals import vertex_normals, vertex_tangents

SIZE = 512


@pytest.fixture(scope="module")
def coarse() -> tuple[np.ndarray, np.ndarray, Atlas]:
    vertices, faces = simplify(*extract_surface(person_sdf, 96), 3000)
    atlas = unwrap(vertices, faces, SIZE)
    return vertices[atlas.source_vertex], vertex_normals(vertices, faces)[atlas.source_vertex], atlas


def world_normals(vertices: np.ndarray, normals: np.ndarray, atlas: Atlas, picture: np.ndarray) -> np.ndarray:
    """What an engine makes of the map: (N, 3) at the texels."""
    texels = Texels.of(atlas.faces, atlas.uvs, SIZE)
    tangents = torch.from_numpy(vertex_tangents(vertices, atlas.faces, atlas.uvs, normals))
    up, along = texels.blend(torch.from_numpy(normals)), texels.blend(tangents)
    across = torch.linalg.cross(up, along[:, :3]) * along[:, 3:].sign()
    local = torch.from_numpy(picture)[texels.mask].double() / 127.5 - 1
    world = local[:, :1] * along[:, :3] + local[:, 1:2] * across + local[:, 2:] * up
    return torch.nn.functional.normalize(world, dim=1).numpy()


def test_map_turns_the_coarse_normals_into_the_fine_ones(coarse) -> None:  # type: ignore[no-untyped-def]
    vertices, normals, atlas = coarse
    # the same surface, with ripples across its normals that no coarse vertex shows
    dense, faces = extract_surface(person_sdf, 128)
    smooth = vertex_normals(dense, faces)
    ripple = smooth + 0.3 * np.sin(dense[:, 1:2] * 40) * np.array([0.0, 1.0, 0.0])
    ripple /= np.linalg.norm(ripple, axis=1, keepdims=True)
    picture = bake_normal_map(vertices, normals, atlas.faces, atlas.uvs, dense, ripple, SIZE)
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8

    texels = Texels.of(atlas.faces, atlas.uvs, SIZE)
    points = texels.blend(torch.from_numpy(vertices)).numpy()
    found = world_normals(vertices, normals, atlas, picture)
    body = texels.blend(torch.from_numpy(normals)).numpy()
    wanted = body + 0.3 * np.sin(points[:, 1:2] * 40) * np.array([0.0, 1.0, 0.0])
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((found * wanted).sum(1), -1, 1)))
    flat = np.degrees(np.arccos(np.clip((body / np.linalg.norm(body, axis=1, keepdims=True) * wanted).sum(1), -1, 1)))
    assert np.median(angle) < 4 < 8 < np.median(flat)


def test_the_same_surface_gives_a_flat_map(coarse) -> None:  # type: ignore[no-untyped-def]
    vertices, normals, atlas = coarse
    picture = bake_normal_map(vertices, normals, atlas.faces, atlas.uvs, vertices, normals, SIZE).astype(int)
    assert np.percentile(np.abs(picture - [128, 128, 255]).max(axis=2), 90) < 40


def test_sparse_values_match_dense_ones(coarse) -> None:  # type: ignore[no-untyped-def]
    vertices, _, atlas = coarse
    texels = Texels.of(atlas.faces, atlas.uvs, SIZE)
    points = texels.blend(torch.from_numpy(vertices).float())
    sparse = texels.sparsely(lambda chosen: points[chosen], 2)
    assert (sparse - points).abs().mean() < 0.004
