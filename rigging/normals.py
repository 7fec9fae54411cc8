"""Vertex normals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3) of a mesh with counter-clockwise outward faces (F, 3).

    A vertex without area (unused, or in needles only) gets +Y, so that every normal has unit length.
    """
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    doubled_areas = np.cross(b - a, c - a)
    incidence = sparse.csr_array(
        (np.ones(faces.size), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))), shape=(len(vertices), len(faces))
    )
    normals = incidence @ doubled_areas
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    return np.where(length > 1e-20, normals / np.maximum(length, 1e-20), up)


def vertex_tangents(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    uvs: NDArray[np.floating],
    normals: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Tangents (V, 4) for normal maps: the unit direction of +u on the surface, and the side (+-1) on which +v lies.

    Args:
        vertices: (V, 3), split along texture seams; faces: (F, 3); normals: (V, 3) unit.
        uvs: (V, 2), origin lower left, so that +v is up in the image.

    Where the texture is degenerate any direction along the surface is returned.
    Source: Lengyel, Foundations of Game Engine Development 2, section 7.5; weighted by area.
    """
    faces = np.asarray(faces)
    corners, flat = np.asarray(vertices, np.float64)[faces], np.asarray(uvs, np.float64)[faces]
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    (u1, v1), (u2, v2) = (flat[:, 1] - flat[:, 0]).T, (flat[:, 2] - flat[:, 0]).T
    turn = np.sign(u1 * v2 - u2 * v1)[:, None]
    along_u, along_v = turn * (e1 * v2[:, None] - e2 * v1[:, None]), turn * (e2 * u1[:, None] - e1 * u2[:, None])
    area = np.linalg.norm(np.cross(e1, e2), axis=1, keepdims=True)
    incidence = sparse.csr_array(
        (np.ones(faces.size), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))), shape=(len(vertices), len(faces))
    )

    def averaged(directions: NDArray[np.float64]) -> NDArray[np.float64]:
        length = np.linalg.norm(directions, axis=1, keepdims=True)
        return incidence @ (directions / np.maximum(length, 1e-30) * area)

    normals = np.asarray(normals, np.float64)
    tangents, bitangents = averaged(along_u), averaged(along_v)
    tangents -= np.einsum("ij,ij->i", tangents, normals)[:, None] * normals
    length = np.linalg.norm(tangents, axis=1)
    lost = length < 1e-12
    least = np.eye(3)[np.abs(normals[lost]).argmin(axis=1)]
    tangents[lost] = np.cross(normals[lost], least)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.where(np.einsum("ij,ij->i", np.cross(normals, tangents), bitangents) < 0.0, -1.0, 1.0)
    return np.concatenate([tangents, side[:, None]], axis=1)
