"""How far a surface lies from the true one: distances, normals, shares, volume. Pure functions on arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..geometry.normals import face_normals
from ..geometry.rasterize import make_fragments

TAUS_CM = (0.5, 1.0)
"""Distances at which a point counts as met."""

_ICP_ROUNDS, _ICP_REACH_CM = 15, 10.0


class Points(NamedTuple):
    """Points of a surface, dense enough that a neighbour lies within ``spacing`` of any spot between them."""

    points: np.ndarray  # (N, 3)
    normals: np.ndarray  # (N, 3) unit
    spacing: float

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> Points:
        """After ``x -> rotation x + shift``."""
        return Points(self.points @ rotation.T + shift, self.normals @ rotation.T, self.spacing)


def sample_mesh(vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator) -> Points:
    """``count`` points on triangles (F, 3), by area, with the triangles' normals."""
    normals = face_normals(np.asarray(vertices, np.float64), faces)
    double_area = np.linalg.norm(normals, axis=1)
    face = rng.choice(len(faces), count, p=double_area / double_area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    points = np.einsum("nc,ncx->nx", weights, vertices[faces[face]])
    return Points(points, normals[face] / double_area[face, None], float(np.sqrt(double_area.sum() / 2 / count)))


def surface_errors(found: Points, true: Points) -> dict[str, float]:
    """Errors of a found surface in the unit of its points (centimetres, if :data:`TAUS_CM` are to mean what they say).

    Returns:
        ``p2s`` mean distance from found points to the true surface, ``s2p`` the other way, ``chamfer`` their mean,
        ``normals`` mean |cosine| between nearest points' normals over both ways, ``f@0.5`` and ``f@1``: harmonic mean
        of the shares of found and of true points that are met.
    """
    to_true, cosine_found = _distances(found, true)
    to_found, cosine_true = _distances(true, found)
    errors = {
        "p2s": float(to_true.mean()),
        "s2p": float(to_found.mean()),
        "chamfer": float(to_true.mean() + to_found.mean()) / 2,
        "normals": float(cosine_found.mean() + cosine_true.mean()) / 2,
    }
    for tau in TAUS_CM:
        precision, recall = float((to_true <= tau).mean()), float((to_found <= tau).mean())
        errors[f"f@{tau:g}"] = 2 * precision * recall / max(precision + recall, 1e-9)
    return errors


def align(found: Points, true: Points, count: int = 6000) -> Points:
    """``found`` after the rigid motion that brings it closest to ``true`` (point-to-plane ICP, Chen & Medioni 1992)."""
    tree = cKDTree(true.points)
    step = max(1, len(found.points) // count)
    points = found.points[::step]
    rotation, shift = np.eye(3), np.zeros(3)
    middle = points.mean(axis=0)
    for _ in range(_ICP_ROUNDS):
        moved = points @ rotation.T + shift
        distance, index = tree.query(moved)
        near = distance < _ICP_REACH_CM
        if near.sum() < 100:
            break
        arm, normal = moved[near] - middle, true.normals[index[near]]
        gap = np.einsum("ij,ij->i", true.points[index[near]] - moved[near], normal)
        system = np.concatenate([np.cross(arm, normal), normal], axis=1)
        turn, push = np.split(np.linalg.lstsq(system, gap, rcond=None)[0], 2)
        small = _rotation(turn)
        rotation, shift = small @ rotation, small @ (shift - middle) + middle + push
    return found.moved(rotation, shift)


def occupancy(vertices: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """Which voxels (z, row, column) of the cube [-1, 1]^3 have their centre inside a mesh in view space, by winding."""
    corners = torch.from_numpy(np.asarray(vertices, np.float32))
    fragments = make_fragments(corners, torch.from_numpy(np.asarray(faces, np.int64)), size)
    upward = np.sign(face_normals(np.asarray(vertices, np.float64), faces)[:, 2]).astype(np.int32)
    below = np.ceil((fragments.depth.numpy() + 1) * size / 2 - 0.5).astype(np.int64).clip(0, size)
    crossings = np.bincount(
        below * size**2 + fragments.pixel.numpy(),
        weights=upward[fragments.face.numpy()],
        minlength=(size + 1) * size**2,
    ).reshape(size + 1, size, size)
    return np.flip(np.cumsum(np.flip(crossings[1:], 0), axis=0), 0) > 0.5


def _distances(one: Points, other: Points) -> tuple[np.ndarray, np.ndarray]:
    """Distances (N,) from points to the surface that other points stand for, and |cosine| (N,) of their normals.

    Within the other points' spacing the surface is taken to be their tangent plane.
    """
    distance, index = cKDTree(other.points).query(one.points)
    plane = np.einsum("ij,ij->i", one.points - other.points[index], other.normals[index])
    along = np.sqrt(np.maximum(distance**2 - plane**2, 0.0))
    cosine = np.abs(np.einsum("ij,ij->i", one.normals, other.normals[index]))
    return np.hypot(plane, np.maximum(along - other.spacing, 0.0)), cosine


def _rotation(axis_angle: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(axis_angle))
    x, y, z = axis_angle / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
