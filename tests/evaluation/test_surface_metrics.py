"""Distances, alignment and volume on balls, whose answers are known."""

import numpy as np
import pytest
import torch

from backend.evaluation.surface_metrics import Points, align, occupancy, sample_mesh, surface_errors
from backend.geometry.extract import extract_surface
from rigging.lbs import rodrigues

RADIUS = 0.5


@pytest.fixture(scope="module")
def ball() -> tuple[np.ndarray, np.ndarray]:
    return extract_surface(lambda p: p.norm(dim=1) - RADIUS, 64, coarse=32)


def sphere(radius: float, count: int = 60_000, stretch: tuple[float, float, float] = (1, 1, 1)) -> Points:
    directions = np.random.default_rng(0).normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    normals = directions / np.array(stretch)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Points(directions * radius * np.array(stretch), normals, radius * 0.02)


def test_a_ball_that_is_too_large_is_so_by_the_difference_of_radii(ball) -> None:  # type: ignore[no-untyped-def]
    vertices, faces = ball
    found = sample_mesh(vertices * 100, faces, 40_000, np.random.default_rng(1))
    errors = surface_errors(found, sphere(49.2))
    assert abs(errors["p2s"] - 0.8) < 0.05 and abs(errors["s2p"] - 0.8) < 0.05
    assert errors["chamfer"] == pytest.approx((errors["p2s"] + errors["s2p"]) / 2)
    assert errors["normals"] > 0.99 and errors["f@1"] > 0.95 and errors["f@0.5"] < 0.05


def test_alignment_takes_back_a_rigid_motion_and_nothing_else() -> None:
    true = sphere(50.0, stretch=(0.4, 1.0, 0.6))
    rotation = rodrigues(np.array([[0.03, -0.05, 0.02]]))[0]
    moved = true.moved(rotation, np.array([1.0, -0.5, 0.7]))
    assert surface_errors(moved, true)["chamfer"] > 0.5
    assert surface_errors(align(moved, true), true)["chamfer"] < 0.1
    larger = Points(true.points * 1.04, true.normals, true.spacing)
    assert surface_errors(align(larger, true), true)["chamfer"] > 0.5


def test_occupancy_is_the_inside(ball) -> None:  # type: ignore[no-untyped-def]
    vertices, faces = ball
    solid = occupancy(vertices + np.array([0.25, 0.0, -0.25], np.float32), faces, 64)
    centre = (torch.arange(64) + 0.5) / 32 - 1
    z, y, x = torch.meshgrid(centre, -centre, centre, indexing="ij")
    inside = ((x - 0.25) ** 2 + y**2 + (z + 0.25) ** 2).sqrt().numpy() < RADIUS
    assert (solid & inside).sum() / (solid | inside).sum() > 0.97
