"""The report sees each fault that is put into a sound mesh, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from backend.geometry.extract import extract_surface
from backend.geometry.hygiene import mesh_report, self_intersecting_faces
from backend.geometry.unwrap import unwrap

Mesh = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return extract_surface(lambda p: p.norm(dim=1) - 0.5, 24, coarse=24)


def test_sound_mesh(ball: Mesh) -> None:
    report = mesh_report(*ball, self_intersections=True)
    assert report.closed and report.manifold
    assert (report.components, report.euler, report.degenerate_faces, report.self_intersecting_faces) == (1, 2, 0, 0)
    assert report.volume == pytest.approx(4 / 3 * np.pi * 0.125, rel=0.02)
    assert report.area == pytest.approx(np.pi, rel=0.02)


def test_person_is_sound(person_mesh: Mesh) -> None:
    report = mesh_report(*person_mesh)
    assert report.closed and report.manifold and report.components == 1 and report.faces == 12_000


def test_torus_has_a_hole() -> None:
    def torus(points):
        return ((points[:, :2].norm(dim=1) - 0.6) ** 2 + points[:, 2] ** 2).sqrt() - 0.2

    assert mesh_report(*extract_surface(torus, 32)).euler == 0


def test_faults_are_counted(ball: Mesh) -> None:
    vertices, faces = ball
    assert mesh_report(vertices, faces[1:]).boundary_edges == 3
    assert not mesh_report(vertices, faces[1:]).closed
    doubled = mesh_report(vertices, np.concatenate([faces, faces[:1]]))
    assert doubled.non_manifold_edges == 3 and not doubled.manifold
    turned = faces.copy()
    turned[0] = turned[0, ::-1]
    assert mesh_report(vertices, turned).misoriented_edges == 3
    two = np.concatenate([vertices, vertices + [1.0, 0, 0]])
    apart = np.concatenate([faces, faces + len(vertices)])
    assert mesh_report(two, apart).components == 2
    apart[apart == len(vertices)] = 0
    touching = mesh_report(two, apart)
    assert touching.components == 1 and touching.non_manifold_vertices == 1 and touching.non_manifold_edges == 0
    flat = vertices.copy()
    flat[faces[0, 1]] = flat[faces[0, 0]]
    assert mesh_report(flat, faces).degenerate_faces == 2


def test_crossing_surfaces_are_found(ball: Mesh) -> None:
    vertices, faces = ball
    two = np.concatenate([vertices, vertices + np.float32([0.7, 0.01, 0.02])])
    both = np.concatenate([faces, faces + len(vertices)])
    cut = self_intersecting_faces(two, both)
    assert len(cut) > 40
    # the two balls meet in a circle: what is cut lies on it
    middles = two[both[cut]].mean(axis=1)
    assert np.abs(middles[:, 0] - 0.35).max() < 0.1
    assert len(self_intersecting_faces(two + np.where(np.arange(len(two)) < len(vertices), 0, 9)[:, None], both)) == 0


def test_uv_use(person_mesh: Mesh) -> None:
    vertices, faces = person_mesh
    atlas = unwrap(vertices, faces, 512)
    split = vertices[atlas.source_vertex]
    report = mesh_report(split, atlas.faces, atlas.uvs, texture_size=512)
    assert report.closed and report.vertices == len(vertices)
    assert report.uv_overlap is not None and report.uv_overlap < 1e-5
    assert report.uv_coverage is not None and 0.4 < report.uv_coverage < 0.9
    folded = mesh_report(split, atlas.faces, np.abs(atlas.uvs - 0.5), texture_size=512)
    assert folded.uv_overlap is not None and folded.uv_overlap > 0.2


def test_to_dict_is_json(ball: Mesh) -> None:
    report = mesh_report(*ball)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["closed"] is True and data["faces"] == len(ball[1]) and "uv_overlap" not in data
