"""A body's vertices on a surface around it."""

import numpy as np
import torch
from torch import Tensor

from backend.geometry.normals import face_normals
from backend.geometry.wrap import wrap

Mesh = tuple[np.ndarray, np.ndarray]


def ball(middle: tuple[float, float, float] = (0.0, 0.0, 0.0), radius: float = 0.3) -> Mesh:
    """A sphere of 15 rings of 30 vertices between two poles."""
    rings, around = 15, 30
    polar, angle = np.meshgrid(np.pi * (np.arange(rings) + 1) / (rings + 1), 2 * np.pi * np.arange(around) / around)
    ring = np.stack([np.sin(polar) * np.sin(angle), np.cos(polar), np.sin(polar) * np.cos(angle)], axis=-1)
    points = np.concatenate([ring.transpose(1, 0, 2).reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]])
    here = np.arange(rings * around).reshape(rings, around)
    beside, pole = np.roll(here, -1, axis=1), rings * around
    upper = np.stack([here[:-1], here[1:], beside[:-1]], axis=-1).reshape(-1, 3)
    lower = np.stack([beside[:-1], here[1:], beside[1:]], axis=-1).reshape(-1, 3)
    top = np.stack([np.full(around, pole), here[0], beside[0]], axis=-1)
    bottom = np.stack([np.full(around, pole + 1), beside[-1], here[-1]], axis=-1)
    return points * radius + middle, np.concatenate([upper, lower, top, bottom])


def egg(points: Tensor) -> Tensor:
    """A surface 2 to 8 cm outside the unit ball of 30 cm."""
    return (points / points.new_tensor([0.38, 0.32, 0.35])).norm(dim=1) - 1


def no_limbs(points: Tensor) -> Tensor:
    return (points.norm(dim=1) - 0.3).abs()


def test_vertices_come_to_lie_on_the_surface() -> None:
    vertices, faces = ball()
    moved = wrap(vertices, faces, np.zeros(len(vertices)), np.zeros(len(vertices)), egg, no_limbs)
    assert np.abs(egg(torch.from_numpy(moved)).numpy()).max() * 0.3 < 0.003
    assert (np.einsum("ij,ij->i", face_normals(moved, faces), face_normals(vertices, faces)) > 0).all()


def test_what_is_kept_stays_exactly_and_the_rest_meets_it() -> None:
    vertices, faces = ball()
    kept = np.clip((vertices[:, 1] - 0.05) / 0.1, 0, 1)
    moved = wrap(vertices, faces, kept, np.zeros(len(vertices)), egg, no_limbs)
    step = np.linalg.norm(moved - vertices, axis=1)
    assert step[kept == 1].max() < 0.002 and step[vertices[:, 1] < -0.1].min() > 0.01
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    assert np.abs(step[edges[:, 0]] - step[edges[:, 1]]).max() < 0.06


def test_one_leg_does_not_reach_through_the_other() -> None:
    """Two balls within one skirt: between them there is no surface to be had."""
    (left, faces), (right, _) = ball((-0.25, 0, 0), 0.2), ball((0.25, 0, 0), 0.2)
    vertices, faces = np.concatenate([left, right]), np.concatenate([faces, faces + len(left)])
    spots = torch.from_numpy(vertices)

    def skirt(points: Tensor) -> Tensor:
        return ((points - points.new_tensor([0.0, 0.0, 0.0])) / points.new_tensor([0.5, 0.25, 0.25])).norm(dim=1) - 1

    def near(points: Tensor) -> Tensor:
        return torch.cdist(points.double(), spots).amin(1)

    moved = wrap(vertices, faces, np.zeros(len(vertices)), np.zeros(len(vertices)), skirt, near)
    assert np.isfinite(moved).all()
    assert moved[: len(left), 0].max() < 0.04 and moved[len(left) :, 0].min() > -0.04
    assert moved[:, 0].max() > 0.47


def test_without_a_surface_nothing_moves() -> None:
    vertices, faces = ball()
    moved = wrap(
        vertices, faces, np.zeros(len(vertices)), np.zeros(len(vertices)), lambda p: torch.ones(len(p)), no_limbs
    )
    assert np.abs(moved - vertices).max() < 1e-9
