"""Decimation and smoothing: count, shape, volume, and a closed 2-manifold whatever the decimator does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from capsule_person import person_sdf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from backend.geometry.extract import extract_surface
from backend.geometry.normals import face_areas
from backend.geometry.repair import close_manifold, is_closed_manifold
from backend.geometry.simplify import simplify, smooth
from backend.geometry.topology import component_labels, signed_volumes
from rigging.normals import vertex_normals


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray]:
    return extract_surface(person_sdf, 128)


@pytest.fixture(scope="module")
def rough_person() -> tuple[np.ndarray, np.ndarray]:
    """With bumps, tunnels and thin walls, on which plain decimation makes edges with four faces."""
    noise = torch.randn(65, 65, 65, generator=torch.Generator().manual_seed(0))[None, None]

    def field(points: Tensor) -> Tensor:
        grid = points.flip(1)[None, None, None]
        bumps = torch.nn.functional.grid_sample(noise, grid, align_corners=True, padding_mode="border")
        return person_sdf(points) + 0.02 * bumps.view(-1)

    return extract_surface(field, 160, coarse=40)


@pytest.mark.parametrize("triangles", [8000, 2000])
def test_count_shape_and_volume(person: tuple[np.ndarray, np.ndarray], triangles: int) -> None:
    vertices, faces = simplify(*person, triangles)
    assert 0.98 * triangles <= len(faces) <= triangles
    assert is_closed_manifold(faces)
    assert signed_volumes(vertices, faces)[0] == pytest.approx(signed_volumes(*person)[0], rel=0.01)
    middles = torch.from_numpy(vertices[faces].mean(axis=1))
    assert person_sdf(middles).abs().max() < 0.012


@pytest.mark.parametrize("triangles", [12000, 4000, 1000])
def test_rough_mesh_stays_closed(rough_person: tuple[np.ndarray, np.ndarray], triangles: int) -> None:
    vertices, faces = simplify(*rough_person, triangles)
    assert is_closed_manifold(faces)
    assert component_labels(faces, len(vertices)).max() == 0
    assert 0.9 * triangles <= len(faces) <= 1.05 * triangles
    assert signed_volumes(vertices, faces)[0] == pytest.approx(signed_volumes(*rough_person)[0], rel=0.06)


def test_small_mesh_comes_back(person: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = simplify(*person, 10**6)
    assert np.array_equal(vertices, person[0]) and np.array_equal(faces, person[1])


def test_deterministic(person: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = simplify(*person, 3000), simplify(*person, 3000)
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=60), st.integers(0, 99))
def test_any_soup_becomes_closed(soup: list[tuple[int, int, int]], seed: int) -> None:
    vertices = np.random.default_rng(seed).normal(size=(10, 3))
    vertices, faces = close_manifold(vertices, np.array(soup))
    assert not len(faces) or is_closed_manifold(faces)


def test_repair_leaves_a_sound_mesh_alone(person: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = close_manifold(*person)
    assert len(vertices) == len(person[0]) and len(faces) == len(person[1])
    assert np.array_equal(np.sort(vertices[faces].ravel()), np.sort(person[0][person[1]].ravel()))


def test_manifold_check_sees_faults(person: tuple[np.ndarray, np.ndarray]) -> None:
    faces = person[1]
    assert is_closed_manifold(faces)
    assert not is_closed_manifold(faces[1:])
    assert not is_closed_manifold(np.concatenate([faces, faces[:1]]))
    flipped = faces.copy()
    flipped[0] = flipped[0, ::-1]
    assert not is_closed_manifold(flipped)
    touching = np.concatenate([faces, faces + len(person[0])])
    touching[touching == touching[-1, 0]] = 0  # two bodies that share one vertex
    assert not is_closed_manifold(touching)


def test_smoothing_removes_noise_and_keeps_the_volume(person: tuple[np.ndarray, np.ndarray]) -> None:
    vertices, faces = person
    rng = np.random.default_rng(0)
    noisy = vertices + vertex_normals(vertices, faces) * rng.normal(scale=0.003, size=(len(vertices), 1))
    result = smooth(noisy, faces)
    assert signed_volumes(result, faces)[0] == pytest.approx(signed_volumes(noisy, faces)[0], rel=1e-4)
    before, after = (person_sdf(torch.from_numpy(v).float()).abs().mean() for v in (noisy, result))
    assert after < 0.6 * before
    assert face_areas(result, faces).sum() < face_areas(noisy, faces).sum()
