"""Extraction: equal to the dense grid, closed and manifold on any field, few evaluations, honest errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from capsule_person import person_sdf
from scipy.spatial import cKDTree
from skimage import measure
from torch import Tensor

from backend.geometry.extract import extract_surface
from backend.geometry.marching_cubes import case_table
from backend.geometry.topology import adjacent_faces, component_labels, signed_volumes, undirected_edges
from backend.protocol.errors import DoppelError
from rigging.mesh_graph import components


def assert_closed_manifold(vertices: np.ndarray, faces: np.ndarray) -> None:
    assert (undirected_edges(faces)[2] == 2).all()
    directed = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed), "neighbours disagree about which side is out"
    # one fan a vertex: the corners of each vertex form one group when joined across its edges
    pairs, edges = adjacent_faces(faces)
    where = {(f, v): 3 * f + i for f, face in enumerate(faces.tolist()) for i, v in enumerate(face)}
    joins = [
        (where[f, v], where[g, v]) for (f, g), edge in zip(pairs.tolist(), edges.tolist(), strict=True) for v in edge
    ]
    assert components(np.array(joins), faces.size).max() + 1 == len(vertices)


def sphere(points: Tensor) -> Tensor:
    return points.norm(dim=1) - 0.6


def dense(sdf, n: int) -> np.ndarray:
    axis = torch.linspace(-1, 1, n + 1)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    return sdf(grid).reshape(n + 1, n + 1, n + 1).numpy()


@pytest.mark.parametrize("resolution", [64, 96])
def test_equals_dense_marching_cubes(resolution: int) -> None:
    def field(points: Tensor) -> Tensor:
        return person_sdf(points) - 0.00071  # no grid point lies exactly on it, where scikit-image doubles vertices

    vertices, faces = extract_surface(field, resolution, coarse=16)
    expected, expected_faces, *_ = measure.marching_cubes(dense(field, resolution), 0.0, method="lorensen")
    expected = expected * (2 / resolution) - 1
    assert len(vertices) == len(expected)
    assert cKDTree(expected).query(vertices)[0].max() < 0.002 * 2 / resolution
    assert signed_volumes(vertices, faces)[0] == pytest.approx(
        abs(signed_volumes(expected, expected_faces)[0]), rel=1e-3
    )


def test_faces_look_outward_and_sit_on_the_surface() -> None:
    vertices, faces = extract_surface(sphere, 64)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) > 0).all()
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.6).max() < 2e-3
    assert signed_volumes(vertices, faces)[0] == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=5e-3)


def test_few_evaluations() -> None:
    count = 0

    def counting(points: Tensor) -> Tensor:
        nonlocal count
        count += len(points)
        return person_sdf(points)

    extract_surface(counting, 256)
    assert count < 0.02 * 257**3


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_closed_and_manifold(seed: int) -> None:
    """White noise around a ball meets every ambiguous case of the table."""
    noise = torch.randn(33, 33, 33, generator=torch.Generator().manual_seed(seed))

    def field(points: Tensor) -> Tensor:
        i, j, k = ((points + 1) * 16).round().long().unbind(1)
        return sphere(points) + 0.2 * noise[i, j, k]

    vertices, faces = extract_surface(field, 32, coarse=32)
    assert len(faces) > 5000
    assert_closed_manifold(vertices, faces)


def test_table_covers_all_cases() -> None:
    _, counts = case_table()
    assert counts[0] == counts[255] == 0 and (counts[1:255] > 0).all() and counts.max() == 5


def test_keeps_the_largest_piece_without_cavities() -> None:
    def field(points: Tensor) -> Tensor:
        crumb = (points - points.new_tensor([0.8, 0.8, 0.8])).norm(dim=1) - 0.1
        cavity = 0.3 - points.norm(dim=1)
        return torch.minimum(torch.maximum(sphere(points), cavity), crumb)

    vertices, faces = extract_surface(field, 64)
    assert component_labels(faces, len(vertices)).max() == 0
    assert np.linalg.norm(vertices, axis=1).min() > 0.55 and np.abs(vertices).max() < 0.65


def test_closes_at_the_wall_of_the_cube() -> None:
    vertices, faces = extract_surface(lambda p: p[:, 1].abs() - 0.3, 32, coarse=16)
    assert_closed_manifold(vertices, faces)
    assert np.abs(vertices).max() <= 1


def test_follows_a_field_that_is_no_distance() -> None:
    """An occupancy logit is far steeper than any distance; the thin arms are followed from where they were met."""
    steep, _ = extract_surface(lambda p: (person_sdf(p) * 400).tanh(), 128)
    true, _ = extract_surface(person_sdf, 128)
    assert cKDTree(steep).query(true)[0].max() < 2 / 128


def test_device_chunks_and_callbacks() -> None:
    sizes, steps = [], []

    def field(points: Tensor) -> Tensor:
        sizes.append(len(points))
        return sphere(points)[:, None]

    whole = extract_surface(field, 64, progress=lambda step, steps_: steps.append((step, steps_)))
    parts = extract_surface(field, 64, chunk=1000)
    assert max(sizes[-10:]) <= 1000
    assert np.array_equal(whole[0], parts[0]) and np.array_equal(whole[1], parts[1])
    assert [step for step, _ in steps] == list(range(1, len(steps) + 1)) and steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize(
    ("field", "code"),
    [(lambda p: p.norm(dim=1) + 1, "no_surface"), (lambda p: p[:, 0] * float("nan"), "field_not_finite")],
)
def test_errors(field, code: str) -> None:
    with pytest.raises(DoppelError) as caught:
        extract_surface(field, 32)
    assert caught.value.code == code


def test_cancel() -> None:
    with pytest.raises(DoppelError) as caught:
        extract_surface(sphere, 64, cancelled=lambda: True)
    assert caught.value.code == "cancelled"
