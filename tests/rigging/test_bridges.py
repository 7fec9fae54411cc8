"""Parts that touched come apart: cut, closed again, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest
from clothed_person import arms_down, fused_torso, skinned_body, skirt
from scipy.spatial import ConvexHull

from backend.geometry.hygiene import mesh_report
from rigging.body_parameters import BodyParameters
from rigging.bridges import MAX_STRETCH, Separated, bridge_faces, separate
from rigging.mesh_graph import edge_lengths, unique_edges
from rigging.unpose import unpose, unpose_mesh
from rigging.weight_transfer import MAX_ANGLE, MAX_DISTANCE, match_body, weights_of


def matched(body, vertices: np.ndarray, faces: np.ndarray):  # type: ignore[no-untyped-def]
    return match_body(vertices, faces, body.vertices, body.faces, body.weights, MAX_DISTANCE, MAX_ANGLE)


@pytest.fixture(scope="module")
def torso():  # type: ignore[no-untyped-def]
    """Arms that touch the trunk as one surface: body, vertices, faces, rest by the nearest part, bridges, result."""
    body = skinned_body(arms_down())
    vertices, faces = fused_torso(body)
    match = matched(body, vertices, faces)
    rest = unpose(vertices, match.weights, body.posed.transforms)
    bridges = bridge_faces(vertices, faces, rest, match.distances, match.limbs)
    return body, vertices, faces, rest, bridges, separate(vertices, faces, rest, bridges)


def test_the_surface_is_closed_and_manifold_again(torso) -> None:  # type: ignore[no-untyped-def]
    _, vertices, faces, _, bridges, result = torso
    assert isinstance(result, Separated) and bridges.sum() > 20 and result.cut >= bridges.sum() and result.caps >= 2
    report = mesh_report(vertices[result.source_vertex], result.faces)
    assert report.closed and report.manifold and report.components == mesh_report(vertices, faces).components
    stay = result.source_face >= 0
    np.testing.assert_array_equal(result.source_vertex[result.faces[stay]], faces[result.source_face[stay]])
    assert (np.diff(result.source_face[stay]) > 0).all() and not stay[-1]
    assert not bridges[result.source_face[stay]].any()


def test_caps_do_not_reach_from_one_part_to_the_other(torso) -> None:  # type: ignore[no-untyped-def]
    """At rest the arms are far from the trunk; a cap there would be a web."""
    _, vertices, _, rest, _, result = torso
    caps = result.faces[result.source_face < 0]
    edges = unique_edges(caps)
    posed, apart = (edge_lengths(places[result.source_vertex], edges) for places in (vertices, rest))
    assert (apart > MAX_STRETCH * np.maximum(posed, 0.01)).mean() < 0.06


def test_what_is_left_moves_as_one_part_each(torso) -> None:  # type: ignore[no-untyped-def]
    body, vertices, faces, _, _, result = torso
    weights = weights_of(matched(body, vertices, faces), vertices, faces)
    webbed = unpose_mesh(vertices, faces, weights, body.posed.transforms)
    cut = vertices[result.source_vertex]
    weights = weights_of(matched(body, cut, result.faces), cut, result.faces)
    clean = unpose_mesh(cut, result.faces, weights, body.posed.transforms)

    def web(rest: np.ndarray, triangles: np.ndarray) -> float:
        """Share of the area at rest that lies below the arms, away from the trunk."""
        corners = rest[triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        middle = corners.mean(axis=1)
        shoulder = body.posed.rest_joints[16]
        below = (np.abs(middle[:, 0]) > abs(shoulder[0]) + 0.02) & (middle[:, 1] < shoulder[1] - 0.09)
        return float(area[below].sum() / area.sum())

    assert web(webbed.vertices, faces) > 0.01, "the test needs a web"
    assert web(clean.vertices, result.faces) < 0.4 * web(webbed.vertices, faces)


def test_a_skirt_in_a_wide_stance_is_not_cut() -> None:
    params = BodyParameters()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        params = params.with_joint(f"{side}_hip", [0.0, 0.0, sign * 0.5])
    body = skinned_body(params)
    vertices, faces = skirt(body)
    match = matched(body, vertices, faces)
    rest = unpose(vertices, match.weights, body.posed.transforms)
    assert not bridge_faces(vertices, faces, rest, match.distances, match.limbs).any()


def test_what_cannot_be_closed_is_left_alone(torso) -> None:  # type: ignore[no-untyped-def]
    _, vertices, faces, rest, bridges, _ = torso
    assert separate(vertices, faces[1:], rest, bridges[1:]) is None  # open already
    assert separate(vertices, faces, rest, np.ones(len(faces), bool)) is None


def test_two_cubes_that_share_a_wall_of_faces() -> None:
    """A bar cut in the middle: two closed bars, each with a flat end."""
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    rings = [np.column_stack([square, np.full(4, z)]) for z in (0.0, 1.0, 1.1, 2.1)]
    vertices = np.concatenate(rings)
    faces = [(0, 2, 1), (0, 3, 2), (12, 13, 14), (12, 14, 15)]
    for ring in range(3):
        for side in range(4):
            a, b = 4 * ring + side, 4 * ring + (side + 1) % 4
            faces += [(a, b, b + 4), (a, b + 4, a + 4)]
    triangles = np.array(faces)
    rest = vertices + np.where(vertices[:, 2:] > 1.05, [0.0, 0.0, 3.0], 0.0)
    limbs, near = np.where(vertices[:, 2] > 1.05, 3, 0), np.zeros(len(vertices))
    bridges = bridge_faces(vertices, triangles, rest, near, limbs)
    assert bridges.sum() == 8
    result = separate(vertices, triangles, rest, bridges)
    assert result is not None and (result.cut, result.caps) == (8, 2)
    report = mesh_report(vertices[result.source_vertex], result.faces)
    assert report.closed and report.manifold and report.components == 2
    assert report.volume == pytest.approx(2.0) and report.area == pytest.approx(12.0)
    assert not bridge_faces(vertices, triangles, rest, np.full(len(vertices), 0.2), limbs).any()  # cloth


def test_cuts_that_touch_at_a_vertex_leave_no_two_surfaces_there() -> None:
    """On vertices of their own they would be at one place all the same, and the hole needs two more triangles."""
    golden = (1 + np.sqrt(5)) / 2
    points = [(0.0, y, z * golden) for y in (-1, 1) for z in (-1, 1)]
    vertices = np.array([np.roll(point, turn) for turn in range(3) for point in points])
    hull = ConvexHull(vertices)
    inward = np.linalg.det(vertices[hull.simplices]) < 0
    faces = np.where(inward[:, None], hull.simplices[:, ::-1], hull.simplices).astype(np.int64)
    around = np.flatnonzero((faces == 0).any(axis=1))
    one, other = next((a, b) for a in around for b in around if len(np.intersect1d(faces[a], faces[b])) == 1)
    result = separate(vertices, faces, vertices, np.isin(np.arange(20), [one, other]))
    assert result is not None and len(result.faces) == len(faces)
    posed = vertices[result.source_vertex]
    assert mesh_report(posed, result.faces, uvs=np.zeros((len(posed), 2))).manifold
