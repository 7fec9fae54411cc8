"""Skin weights from the body: right motion on other triangles, and sense where the surface leaves the body."""

from __future__ import annotations

import numpy as np
import pytest
from clothed_person import a_posed, arms_down, ball, fused_torso, joined, random_poses, skinned_body, skirt, suit

from rigging.joints import JOINT_INDEX, MIRROR
from rigging.limbs import LEFT_ARM, LEFT_LEG, LIMB_OF_JOINT, RIGHT_ARM, RIGHT_LEG, TRUNK, limb_labels
from rigging.mesh_graph import edge_lengths, unique_edges
from rigging.unpose import unpose
from rigging.weight_inpainting import inpaint_weights, limit_influences
from rigging.weight_transfer import match_body, transfer_weights

HEAD = JOINT_INDEX["head"]


def assert_weights(weights: np.ndarray) -> None:
    assert np.isfinite(weights).all() and weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
    assert (weights > 0).sum(axis=1).max() <= 8


@pytest.mark.parametrize(("offset", "limit_cm"), [(0.005, 0.3), (0.015, 0.5), (0.03, 1.0)])
def test_suit_follows_the_body(offset: float, limit_cm: float) -> None:
    body, garment = a_posed(), suit(offset)
    weights = transfer_weights(garment.vertices, garment.faces, body.vertices, body.faces, body.weights)
    assert_weights(weights)
    rest = unpose(garment.vertices, weights, body.posed.transforms)
    for params in random_poses(2):
        error = body.moved(params, rest, weights) - body.moved(params, garment.rest, garment.weights)
        assert 100.0 * np.sqrt((error**2).sum(axis=1).mean()) < limit_cm


def test_the_body_itself_keeps_its_weights() -> None:
    body = a_posed()
    weights = transfer_weights(body.vertices, body.faces, body.vertices, body.faces, body.weights)
    assert np.abs(weights - body.weights).sum(axis=1).mean() < 1e-3


def test_left_and_right_are_treated_alike() -> None:
    """A mirrored mesh on a mirrored body gets the mirrored weights."""
    body, garment = a_posed(), suit(0.015, 5000)
    flip = np.array([-1.0, 1.0, 1.0])
    plain = transfer_weights(garment.vertices, garment.faces, body.vertices, body.faces, body.weights)
    mirrored = transfer_weights(
        garment.vertices * flip,
        garment.faces[:, ::-1],
        body.vertices * flip,
        body.faces[:, ::-1],
        body.weights[:, MIRROR],
    )
    assert np.abs(mirrored[:, MIRROR] - plain).sum(axis=1).mean() < 1e-3


def test_copies_along_seams_stay_together() -> None:
    body, garment = a_posed(), suit(0.015, 5000)
    count, half = len(garment.vertices), len(garment.faces) // 2
    vertices = np.concatenate([garment.vertices, garment.vertices])
    faces = np.concatenate([garment.faces[:half], garment.faces[half:] + count])
    whole = transfer_weights(garment.vertices, garment.faces, body.vertices, body.faces, body.weights)
    split = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    np.testing.assert_array_equal(split[:count], split[count:])
    used = np.unique(garment.faces)
    np.testing.assert_allclose(split[used], whole[used], atol=1e-6)


def test_skirt_swings_between_both_legs() -> None:
    body = a_posed()
    vertices, faces = skirt(body)
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    assert_weights(weights)
    left, right = (weights[:, LIMB_OF_JOINT == limb].sum(axis=1) for limb in (LEFT_LEG, RIGHT_LEG))
    hem = vertices[:, 1] < vertices[:, 1].min() + 0.15
    middle = hem & (np.abs(vertices[:, 0]) < 0.03)
    assert np.abs(left - right)[middle].max() < 0.35 and (left + right)[middle].min() > 0.7
    assert (left - right)[hem & (vertices[:, 0] > 0.2)].min() > 0.7
    assert (right - left)[hem & (vertices[:, 0] < -0.2)].min() > 0.7
    edges = unique_edges(faces)
    change = np.abs(weights[edges[:, 0]] - weights[edges[:, 1]]).sum(axis=1)
    assert (change / np.maximum(edge_lengths(vertices, edges), 0.005)).max() < 25.0, "it tears between the legs"


def test_hair_follows_the_head() -> None:
    body = a_posed()
    head = body.posed.joints[HEAD]
    bun, halo = ball(head + [0.0, 0.12, -0.17], 0.07), ball(head + [0.0, 0.40, 0.0], 0.05)
    vertices, faces, (bun_at, halo_at) = joined(bun, halo)
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    assert weights[bun_at, HEAD].min() > 0.95
    assert weights[halo_at, HEAD].min() > 0.999


def test_a_piece_that_never_touches_the_body_is_rigid() -> None:
    body = a_posed()
    vertices, faces = ball(body.posed.joints[JOINT_INDEX["left_wrist"]] + [0.3, 0.0, 0.2], 0.05)
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    assert_weights(weights)
    np.testing.assert_allclose(weights, np.repeat(weights[:1], len(weights), axis=0), atol=1e-12)
    assert limb_labels(weights[:1])[0] == LEFT_ARM


def test_sleeves_do_not_stick_to_the_trunk() -> None:
    """Arms that touch the trunk, as one surface: away from the contact each side moves with its own limb."""
    body = skinned_body(arms_down())
    vertices, faces = fused_torso(body)
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    assert_weights(weights)
    match = match_body(vertices, faces, body.vertices, body.faces, body.weights, 0.05, np.radians(30.0))
    assert 0.6 < match.accepted.mean() < 0.99
    arms = weights[:, np.isin(LIMB_OF_JOINT, [LEFT_ARM, RIGHT_ARM])].sum(axis=1)
    level = np.abs(vertices[:, 1] - body.posed.joints[JOINT_INDEX["spine2"], 1]) < 0.05
    outer = level & (np.abs(vertices[:, 0]) > 0.27)
    chest = level & (np.abs(vertices[:, 0]) < 0.10)
    assert outer.sum() > 30 and arms[outer].min() > 0.9
    assert chest.sum() > 30 and arms[chest].max() < 0.1
    # the surface changes sides over a band, not from one vertex to the next
    edges = unique_edges(faces)
    near = level[edges].all(axis=1)
    assert np.abs(arms[edges[:, 0]] - arms[edges[:, 1]])[near].max() < 0.75
    assert (limb_labels(weights)[level & (np.abs(vertices[:, 0]) < 0.15)] == TRUNK).all()


def test_needles_and_repeated_corners_do_no_harm() -> None:
    body, garment = a_posed(), suit(0.03, 3000)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(garment.faces), 200, replace=False)
    a, b, c = garment.faces[chosen].T
    nudged = garment.vertices[a] * 0.5 + garment.vertices[b] * 0.5 + rng.normal(size=(200, 3)) * 1e-9
    new = np.arange(200) + len(garment.vertices)
    kept = np.delete(garment.faces, chosen, axis=0)
    needles = np.concatenate([np.stack([a, new, c], 1), np.stack([new, b, c], 1), np.stack([a, b, new], 1)])
    faces = np.concatenate([kept, needles, np.stack([a, a, b], 1)])
    vertices = np.concatenate([garment.vertices, nudged, [[0.0, 1.0, 0.5]]])  # the last one is in no face
    weights = transfer_weights(vertices, faces, body.vertices, body.faces, body.weights)
    assert_weights(weights)
    rest = unpose(vertices, weights, body.posed.transforms)[: len(garment.vertices)]
    for params in random_poses(2):
        moved = body.moved(params, rest, weights[: len(rest)])
        error = moved - body.moved(params, garment.rest, garment.weights)
        assert 100.0 * np.sqrt((error**2).sum(axis=1).mean()) < 1.5


def test_inpainting_bridges_a_tube_evenly() -> None:
    """Between two ends with one joint each the blend along a tube falls monotonically and is mirror symmetric."""
    sides, rings = 24, 41
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    along = np.linspace(0.0, 0.4, rings)
    vertices = np.stack(
        [
            np.tile(0.05 * np.cos(angles), rings),
            np.repeat(along, sides),
            np.tile(0.05 * np.sin(angles), rings),
        ],
        axis=1,
    )
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    a, b = ring * sides + side, ring * sides + (side + 1) % sides
    faces = np.stack([a, a + sides, b, b, a + sides, b + sides], axis=-1).reshape(-1, 3)
    known = np.repeat((along < 0.055) | (along > 0.345), sides)
    weights = np.zeros((len(vertices), 2))
    weights[vertices[:, 1] < 0.1, 0] = weights[vertices[:, 1] > 0.3, 1] = 1.0
    filled = inpaint_weights(vertices, faces, weights, known)
    profile = filled[:, 0].reshape(rings, sides)
    assert profile.std(axis=1).max() < 1e-6
    assert (np.diff(profile.mean(axis=1)) <= 1e-9).all()
    np.testing.assert_allclose(profile.mean(axis=1), 1.0 - profile.mean(axis=1)[::-1], atol=1e-6)
    np.testing.assert_array_equal(filled[known], weights[known])


def test_limit_influences() -> None:
    weights = np.random.default_rng(0).random((50, 55))
    limited = limit_influences(weights, 4)
    assert ((limited > 0).sum(axis=1) == 4).all()
    np.testing.assert_allclose(limited.sum(axis=1), 1.0)
    assert (limited.argmax(axis=1) == weights.argmax(axis=1)).all()
    with pytest.raises(ValueError, match="1 vertices have no skin weight"):
        limit_influences(np.array([[1.0, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": np.full((3, 3), np.nan)}, "not finite"),
        ({"faces": np.array([[0, 1, 3]])}, r"outside 0\.\.2"),
        ({"faces": np.zeros((0, 3), int)}, "needs vertices"),
        ({"body_weights": np.ones((3, 54))}, "weights"),
    ],
)
def test_errors_name_the_cause(change: dict, message: str) -> None:
    given = {
        "vertices": np.eye(3),
        "faces": np.array([[0, 1, 2]]),
        "body_vertices": np.eye(3),
        "body_faces": np.array([[0, 1, 2]]),
        "body_weights": np.eye(3, 55),
    }
    assert_weights(transfer_weights(**given))
    with pytest.raises(ValueError, match=message):
        transfer_weights(**(given | change))
