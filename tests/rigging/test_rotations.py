"""Rotations: every form leads back to the matrix."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from rigging.lbs import rodrigues
from rigging.rotations import about, axis_angle, between, halfway, matrices_of, quaternions_of


@given(st.lists(st.floats(-4.0, 4.0), min_size=3, max_size=3))
@settings(max_examples=200, deadline=None)
def test_axis_angle_is_the_inverse_of_rodrigues(vector: list[float]) -> None:
    matrix = rodrigues(np.array(vector))
    back = axis_angle(matrix)
    assert np.linalg.norm(back) <= np.pi + 1e-9
    np.testing.assert_allclose(rodrigues(back), matrix, atol=1e-7)


def test_half_turns_and_rest() -> None:
    axes = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0], [0, 0.6, -0.8]])
    matrices = rodrigues(axes * np.pi)
    np.testing.assert_allclose(rodrigues(axis_angle(matrices)), matrices, atol=1e-9)
    np.testing.assert_allclose(axis_angle(np.eye(3)), 0.0, atol=1e-12)


def test_quaternions_are_scipys() -> None:
    rotations = Rotation.random(50, random_state=0)
    expected = rotations.as_quat(canonical=True)
    np.testing.assert_allclose(quaternions_of(rotations.as_matrix()), expected, atol=1e-12)
    np.testing.assert_allclose(matrices_of(expected), rotations.as_matrix(), atol=1e-12)


def test_between_turns_one_direction_to_the_other_and_no_further() -> None:
    rng = np.random.default_rng(0)
    first = np.concatenate([rng.normal(size=(20, 3)), [[0, 0, 1.0], [1, 0, 0], [0, 2, 0]]])
    second = np.concatenate([rng.normal(size=(20, 3)), [[0, 0, -1.0], [3, 0, 0], [0, -1, 0]]])
    turned = np.einsum("nij,nj->ni", between(first, second), first / np.linalg.norm(first, axis=1, keepdims=True))
    np.testing.assert_allclose(turned, second / np.linalg.norm(second, axis=1, keepdims=True), atol=1e-9)
    cosine = (turned * first / np.linalg.norm(first, axis=1, keepdims=True)).sum(axis=1)
    angle = np.linalg.norm(axis_angle(between(first, second)), axis=1)
    np.testing.assert_allclose(np.cos(angle), cosine, atol=1e-9)


def test_halfway_is_half_of_the_turn() -> None:
    start, axis = about(np.array([[0.0, 1.0, 0.0]]), np.array([0.7])), np.array([[0.0, 0.0, 2.0]])
    end = start @ about(axis, np.array([1.2]))
    np.testing.assert_allclose(halfway(start, end), start @ about(axis, np.array([0.6])), atol=1e-12)
