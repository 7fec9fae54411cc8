"""Inverse skinning: exact where it can be, tame where it cannot, and limbs that touched come apart in one piece."""

from __future__ import annotations

import numpy as np
import pytest
from clothed_person import a_posed, arms_down, fused_torso, random_poses, skinned_body, suit
from hypothesis import given, settings
from hypothesis import strategies as st

from rigging.body_model import BodyModel
from rigging.lbs import blend_transforms, rodrigues, skin
from rigging.mesh_graph import edge_lengths, unique_edges
from rigging.unpose import MAX_STRETCH, SHORT_EDGE, SMALLEST_SCALE, unpose, unpose_mesh
from rigging.weight_transfer import transfer_weights


def transforms_of(*axis_angles: tuple[float, float, float]) -> np.ndarray:
    transforms = np.tile(np.eye(4), (len(axis_angles), 1, 1))
    transforms[:, :3, :3] = rodrigues(np.array(axis_angles))
    transforms[:, :3, 3] = np.arange(3 * len(axis_angles)).reshape(-1, 3) * 0.1
    return transforms


def test_inverse_of_the_body_models_skinning() -> None:
    model = BodyModel.load()
    for params in random_poses(2, scale=0.3):
        posed = model.pose(params)
        rest = unpose(posed.vertices, model.weights, posed.transforms)
        healthy = np.linalg.svd(blend_transforms(model.weights, posed.transforms)[:, :, :3], compute_uv=False).min(
            axis=1
        )
        exact = healthy > SMALLEST_SCALE
        assert exact.mean() > 0.999
        np.testing.assert_allclose(rest[exact], posed.rest_vertices[exact], atol=1e-9)


@given(st.floats(0.0, 2.0 * np.pi), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_twists_of_any_angle_stay_tame(angle: float, share: float) -> None:
    """Blending opposite rotations collapses space; the inverse must neither explode nor turn inside out."""
    transforms = transforms_of((0.0, 0.0, 0.0), (0.0, angle, 0.0))
    weights = np.repeat([[1.0 - share, share]], 8, axis=0)
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * 0.1 + 0.2
    rest = unpose(cube, weights, transforms)
    assert np.isfinite(rest).all()
    stretch = np.linalg.norm(rest[1:] - rest[0], axis=1) / np.linalg.norm(cube[1:] - cube[0], axis=1)
    assert stretch.max() <= 1.0 / SMALLEST_SCALE + 1e-9
    axes = rest[[4, 2, 1]] - rest[0]
    assert np.linalg.det(axes) > 0.0
    smallest = np.linalg.svd(blend_transforms(weights[:1], transforms)[0, :, :3], compute_uv=False).min()
    if smallest > SMALLEST_SCALE + 1e-9:
        np.testing.assert_allclose(skin(rest, weights, transforms), cube, atol=1e-9)


def test_a_clean_mesh_is_left_alone() -> None:
    body, garment = a_posed(), suit(0.005)
    result = unpose_mesh(garment.vertices, garment.faces, garment.weights, body.posed.transforms)
    assert result.bridges == result.remaining == 0 and result.worst_stretch < MAX_STRETCH
    np.testing.assert_array_equal(result.weights, garment.weights)
    np.testing.assert_allclose(result.vertices, garment.rest, atol=1e-12)


@pytest.fixture(scope="module")
def fused() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Arms that touch the trunk, as one surface, with each vertex on its own limb: the hardest case."""
    body = skinned_body(arms_down())
    vertices, faces = fused_torso(body)
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    sharp = np.where(weights == weights.max(axis=1, keepdims=True), 1.0, 0.0)
    return vertices, faces, sharp / sharp.sum(axis=1, keepdims=True), body.posed.transforms


def test_bridges_between_limbs_are_mended(fused: tuple[np.ndarray, ...]) -> None:
    vertices, faces, weights, transforms = fused
    edges = unique_edges(faces)
    lengths = np.maximum(edge_lengths(vertices, edges), SHORT_EDGE)
    raw = edge_lengths(unpose(vertices, weights, transforms), edges) / lengths
    assert (raw > MAX_STRETCH).sum() > 20 and raw.max() > 8.0, "the test needs bridges"
    result = unpose_mesh(vertices, faces, weights, transforms)
    after = edge_lengths(result.vertices, edges) / lengths
    assert result.bridges == (raw > MAX_STRETCH).sum()
    assert result.remaining == (after > MAX_STRETCH).sum() <= 0.05 * result.bridges
    assert result.worst_stretch == pytest.approx(after.max()) and after.max() < 0.6 * raw.max()
    np.testing.assert_allclose(result.weights.sum(axis=1), 1.0, atol=1e-9)
    # posed again it is what it was, up to the smoothed places
    again = skin(result.vertices, result.weights, transforms)
    assert np.median(np.linalg.norm(again - vertices, axis=1)) < 1e-9
    assert np.linalg.norm(again - vertices, axis=1).max() < 0.05


def test_far_from_bridges_nothing_changes(fused: tuple[np.ndarray, ...]) -> None:
    vertices, faces, weights, transforms = fused
    result = unpose_mesh(vertices, faces, weights, transforms)
    changed = np.abs(result.weights - weights).max(axis=1) > 1e-9
    assert changed.any() and changed.mean() < 0.7
    middle = np.abs(vertices[:, 0]) < 0.02
    assert not changed[middle].any()
