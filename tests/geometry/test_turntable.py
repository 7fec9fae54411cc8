"""Pictures of the mesh: right side, right place, no holes, smooth edges."""

from __future__ import annotations

import numpy as np
import pytest
from capsule_person import person_colour
from scipy.ndimage import binary_erosion, binary_fill_holes, label
from torch import from_numpy

from backend.geometry.turntable import render_turntable, render_view

Mesh = tuple[np.ndarray, np.ndarray]
SIZE = 128


def seen(picture: np.ndarray) -> np.ndarray:
    """Where the picture differs from its background."""
    return np.abs(picture.astype(int) - picture[0, 0]).max(axis=2) > 6


@pytest.fixture(scope="module")
def painted(person_mesh: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """With one texel a face, which needs no atlas: faces in a row, each over its own texel."""
    vertices, faces = person_mesh
    side = int(np.ceil(np.sqrt(len(faces))))
    row, column = np.divmod(np.arange(len(faces)), side)
    texture = np.zeros((side, side, 3), dtype=np.uint8)
    texture[row, column] = (person_colour(from_numpy(vertices[faces].mean(axis=1))) * 255).numpy()
    uvs = np.stack([(column + 0.5) / side, 1 - (row + 0.5) / side], axis=1).repeat(3, axis=0)
    return vertices[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3), uvs, texture


def view(painted: tuple[np.ndarray, ...], yaw: float) -> np.ndarray:
    return np.asarray(render_view(*painted, yaw=yaw, size=SIZE))


def test_front_and_back(painted: tuple[np.ndarray, ...]) -> None:
    chest = np.s_[44:58, 58:70]
    front, back = (view(painted, yaw)[chest].reshape(-1, 3).mean(axis=0) for yaw in (0, np.pi))
    assert front[0] > 100 and front[0] > 3 * front[2]
    assert back[2] > 100 and back[2] > 3 * back[0]


def test_camera_walks_to_the_left_of_the_person(painted: tuple[np.ndarray, ...]) -> None:
    """From there the person looks to the picture's left: red before, blue behind."""
    chest = view(painted, np.pi / 2)[48:52].astype(int)
    across = np.flatnonzero(seen(view(painted, np.pi / 2))[48:52].all(axis=0))
    left, right = chest[:, across[2]].mean(axis=0), chest[:, across[-3]].mean(axis=0)
    assert left[0] > left[2] and right[2] > right[0]


def test_clay_is_whole_centred_and_smooth(person_mesh: Mesh) -> None:
    picture = np.asarray(render_view(*person_mesh, size=SIZE))
    mask = seen(picture)
    assert (binary_fill_holes(mask) == mask).all() and label(mask)[1] == 1
    rows, columns = np.argwhere(mask).T
    assert abs(rows.min() - (SIZE - 1 - rows.max())) <= 2 and abs(columns.min() - (SIZE - 1 - columns.max())) <= 2
    assert rows.max() - rows.min() > 0.85 * SIZE
    assert np.ptp(picture, axis=2).max() < 25  # grey
    rim = mask & ~binary_erosion(mask)
    assert len(np.unique(picture[rim][:, 0])) > 20  # shades, not steps
    assert picture[binary_erosion(mask, iterations=3)].std() > 8  # lit, not flat


def test_seams_do_not_show(painted: tuple[np.ndarray, ...], person_mesh: Mesh) -> None:
    """A mesh in single triangles is lit like the whole one."""
    vertices, faces, _, _ = painted
    whole, pieces = (np.asarray(render_view(*mesh, size=SIZE)) for mesh in (person_mesh, (vertices, faces)))
    assert np.abs(whole.astype(int) - pieces).max() <= 1


def test_pitch_looks_down(person_mesh: Mesh) -> None:
    heights = []
    for pitch in (0.0, 1.2):
        rows = np.flatnonzero(seen(np.asarray(render_view(*person_mesh, pitch=pitch, size=SIZE))).any(axis=1))
        heights.append(rows.max() - rows.min())
    assert heights[1] < 0.7 * heights[0]


def test_strip(painted: tuple[np.ndarray, ...]) -> None:
    strip = render_turntable(*painted, views=6, size=64, columns=4, pitch=0.0)
    assert strip.size == (256, 128) and strip.mode == "RGB"
    tiles = np.asarray(strip).reshape(2, 64, 4, 64, 3).transpose(0, 2, 1, 3, 4).reshape(8, 64, 64, 3)
    assert np.array_equal(tiles[0], np.asarray(render_view(*painted, size=64)))
    assert all(seen(tile).mean() > 0.05 for tile in tiles[:6])
    assert not any(seen(tile).any() for tile in tiles[6:])
    assert np.array_equal(tiles[3], np.asarray(render_view(*painted, size=64, yaw=np.pi)))
