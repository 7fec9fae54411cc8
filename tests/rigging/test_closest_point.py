"""Closest points: exact against all triangles, also beside needles and mixed sizes, and honest about its shortcut."""

from __future__ import annotations

import numpy as np
import pytest
from clothed_person import a_posed
from hypothesis import given, settings
from hypothesis import strategies as st

from rigging.closest_point import closest_barycentrics, closest_points


def brute_force(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    triangles = vertices[faces]
    best = []
    for point in points:
        weights = closest_barycentrics(np.repeat(point[None], len(triangles), axis=0), triangles)
        best.append(np.linalg.norm(np.einsum("nc,ncx->nx", weights, triangles) - point, axis=1).min())
    return np.array(best)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1e-3, 1e-7, 0.0]))
@settings(max_examples=40, deadline=None)
def test_point_of_a_triangle_beats_a_dense_sampling(seed: int, flatness: float) -> None:
    rng = np.random.default_rng(seed)
    triangle = rng.normal(size=(3, 3))
    triangle[2] = triangle[0] + 0.3 * (triangle[1] - triangle[0]) + flatness * (triangle[2] - triangle[0])
    point = 2.0 * rng.normal(size=3)
    weights = closest_barycentrics(point[None], triangle[None])[0]
    assert weights.min() >= 0.0 and weights.sum() == pytest.approx(1.0)
    samples = rng.dirichlet([0.5, 0.5, 0.5], size=3000) @ triangle
    found = np.linalg.norm(weights @ triangle - point)
    assert found <= np.linalg.norm(samples - point, axis=1).min() + 1e-9


@pytest.mark.parametrize("noise", [0.003, 0.05, 0.3])
def test_exact_on_the_body(noise: float) -> None:
    body = a_posed()
    rng = np.random.default_rng(1)
    points = body.vertices[rng.integers(0, len(body.vertices), 15)] + rng.normal(size=(15, 3)) * noise
    found = closest_points(points, body.vertices, body.faces)
    np.testing.assert_allclose(found.distances, brute_force(points, body.vertices, body.faces), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found.points - points, axis=1), found.distances, atol=1e-12)
    positions = found.interpolate(body.faces, body.vertices)
    np.testing.assert_allclose(positions, found.points, atol=1e-12)


def test_one_huge_triangle_among_small_ones() -> None:
    body = a_posed()
    far = np.array([[-3.0, 0.0, -0.5], [3.0, 0.0, -0.5], [0.0, 4.0, -0.5]])
    vertices = np.concatenate([body.vertices, far])
    faces = np.concatenate([body.faces, [[len(body.vertices) + i for i in range(3)]]])
    points = np.array([[0.0, 1.0, -0.45], [0.4, 1.2, -0.3], [0.0, 1.0, 0.4]])
    found = closest_points(points, vertices, faces)
    np.testing.assert_allclose(found.distances, brute_force(points, vertices, faces), atol=1e-12)
    assert found.face_ids[0] == len(faces) - 1


def test_far_queries_are_nearly_right() -> None:
    body = a_posed()
    points = np.random.default_rng(2).uniform([-1, 0, -1], [1, 2, 1], size=(25, 3))
    quick = closest_points(points, body.vertices, body.faces, exact_within=0.05)
    truth = brute_force(points, body.vertices, body.faces)
    near = truth <= 0.05
    np.testing.assert_allclose(quick.distances[near], truth[near], atol=1e-12)
    assert (quick.distances - truth).max() < 0.01


def test_empty_mesh_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one face"):
        closest_points(np.zeros((1, 3)), np.zeros((3, 3)), np.zeros((0, 3), int))
