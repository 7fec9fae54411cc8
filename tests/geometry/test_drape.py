"""Free cloth becomes smooth in depth; what pictures and body say stays."""

import numpy as np
import pytest
from test_wrap import Mesh, ball

from backend.geometry.drape import drape


@pytest.fixture(scope="module")
def creased() -> tuple[Mesh, np.ndarray, np.ndarray]:
    """A ball with a crease of 5 cm down its front, its smooth depths, and how free each vertex is."""
    vertices, faces = ball()
    front = vertices[:, 2] > 0
    smooth = vertices[:, 2].copy()
    vertices[:, 2] -= np.where(front, 0.05 * np.exp(-((vertices[:, 0] / 0.03) ** 2)), 0.0)
    freedom = np.where(front & (np.abs(vertices[:, 1]) < 0.2), np.exp(-((vertices[:, 0] / 0.08) ** 4)), 0.0)
    return (vertices, faces), smooth, np.where(freedom > 0.01, freedom, 0.0)


def test_a_crease_is_bridged(creased: tuple[Mesh, np.ndarray, np.ndarray]) -> None:
    (vertices, faces), smooth, freedom = creased
    moved = drape(vertices, faces, freedom)
    middle = (freedom > 0.9) & (np.abs(vertices[:, 1]) < 0.12)
    before, after = (np.abs(depth - smooth)[middle].max() for depth in (vertices[:, 2], moved[:, 2]))
    assert before > 0.04 and after < 0.25 * before


def test_only_depth_moves_and_only_near_what_is_free(creased: tuple[Mesh, np.ndarray, np.ndarray]) -> None:
    (vertices, faces), _, freedom = creased
    moved = drape(vertices, faces, freedom)
    np.testing.assert_array_equal(moved[:, :2], vertices[:, :2].astype(np.float32))
    behind = vertices[:, 2] < -0.1
    np.testing.assert_array_equal(moved[behind], vertices[behind].astype(np.float32))


def test_nothing_free_nothing_moves(creased: tuple[Mesh, np.ndarray, np.ndarray]) -> None:
    (vertices, faces), _, freedom = creased
    np.testing.assert_array_equal(drape(vertices, faces, 0 * freedom), vertices.astype(np.float32))
