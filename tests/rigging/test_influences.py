"""Four joints a vertex instead of eight: nearly the same motion."""

from __future__ import annotations

import numpy as np
from clothed_person import a_posed, random_poses, suit

from rigging.influences import fit_influences
from rigging.joints import PARENTS
from rigging.weight_inpainting import limit_influences
from rigging.weight_transfer import transfer_weights


def test_fitted_weights_move_the_surface_as_before() -> None:
    body, garment = a_posed(), suit(0.015, 6000)
    weights = transfer_weights(garment.vertices, garment.faces, body.vertices, body.faces, body.weights)
    joints, parents = body.posed.rest_joints, PARENTS
    cut, fitted = limit_influences(weights, 4), fit_influences(garment.rest, weights, joints, parents, 4)
    crowded = (weights > 0).sum(axis=1) > 4
    assert crowded.sum() > 50
    assert (fitted > 0).sum(axis=1).max() == 4 and fitted.min() >= 0.0
    np.testing.assert_allclose(fitted.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(fitted[~crowded], weights[~crowded])
    errors = {}
    for name, few in (("cut", cut), ("fitted", fitted)):
        away = [
            np.linalg.norm(body.moved(pose, garment.rest, few) - body.moved(pose, garment.rest, weights), axis=1)
            for pose in random_poses(4)
        ]
        errors[name] = np.stack(away)[:, crowded]
    assert np.sqrt((errors["fitted"] ** 2).mean()) < 0.85 * np.sqrt((errors["cut"] ** 2).mean())
    assert errors["fitted"].max() < 0.75 * errors["cut"].max()


def test_joints_that_move_alike_and_few_joints_do_no_harm() -> None:
    joints = np.zeros((6, 3))  # all in one place, and the vertex too: nothing moves
    parents = np.array([-1, 0, 1, 2, 3, 4])
    weights = np.full((3, 6), 1.0 / 6.0)
    fitted = fit_influences(np.zeros((3, 3)), weights, joints, parents, 4)
    np.testing.assert_allclose(fitted.sum(axis=1), 1.0)
    assert np.isfinite(fitted).all() and ((fitted > 0).sum(axis=1) <= 4).all()
    few = np.eye(6)[:3]
    np.testing.assert_array_equal(fit_influences(np.ones((3, 3)), few, joints, parents, 4), few)
