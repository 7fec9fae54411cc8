"""Skin shines more than cloth."""

import numpy as np

from backend.geometry.roughness import CLOTH, HAIR, SKIN, bake_roughness

SIZE = 64
# four quads beside each other: face, hand of the same colour, hair, coat
UVS = np.array([[x / 4, y] for x in range(5) for y in (0.0, 1.0)], dtype=np.float32)
FACES = np.array([face for x in range(4) for face in ([2 * x, 2 * x + 2, 2 * x + 3], [2 * x, 2 * x + 3, 2 * x + 1])])


def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The quads without common vertices: faces, uvs, quad of each vertex."""
    return np.arange(24).reshape(8, 3), UVS[FACES.ravel()], np.repeat(np.arange(4), 6)


def test_what_looks_like_the_face_is_skin() -> None:
    faces, uvs, quad = patches()
    colours = np.array([[190, 140, 120], [186, 138, 118], [40, 30, 25], [30, 60, 140]], np.uint8)
    texture = np.repeat(np.repeat(colours[None], SIZE // 4, axis=1), SIZE, axis=0)
    rough = bake_roughness(faces, uvs, texture, quad == 0, np.isin(quad, (0, 2))) / 255
    middles = rough[SIZE // 2, [8, 24, 40, 56]]
    assert np.allclose(middles, [SKIN, SKIN, HAIR, CLOTH], atol=0.03)


def test_without_a_face_all_is_cloth() -> None:
    faces, uvs, quad = patches()
    rough = bake_roughness(faces, uvs, np.zeros((SIZE, SIZE, 3), np.uint8), quad < 0, quad < 0)
    assert (rough == round(CLOTH * 255)).all()
