"""Eyes that turn, for a character whose eyes are painted on a closed surface.

The skin over each eye is cut fine enough, and the part between the lids is bound to the eye's bone: turning the bone
slides the painted iris along the eyeball, while the lids stay. The ARKit look shapes then do what the bones do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .character import RiggedCharacter
from .joints import JOINT_INDEX
from .lbs import rodrigues

LOOKS = {"In": 21.0, "Out": 20.0, "Up": 10.0, "Down": 17.0}
"""Degrees by which the open body's look shapes turn its eyeballs."""

_EDGE = 0.0035  # metres; longer edges over an eye are cut
_REACH = (0.010, 0.034)  # metres from the eye's centre between which there is skin that may follow it
_INNER = np.radians([12.0, 7.0])  # half angles, sideways and up, that follow fully: the pupil
_OUTER = np.radians([58.0, 42.0])  # and beyond which nothing does; nearer, the skin between would fold at a full look
_ROUNDS = 5

FloatArray = NDArray[np.float64]


def with_turning_eyes(character: RiggedCharacter) -> RiggedCharacter:
    """The character with eyes that follow their bones, and look shapes that agree with them.

    Unchanged if vertices follow the eye bones already, or if there is no skin in front of the eyes.
    """
    eyes = {side: JOINT_INDEX[f"{side}_eye_smplhf"] for side in ("left", "right")}
    if any(joint >= len(character.joints) for joint in eyes.values()) or character.weights[:, [*eyes.values()]].any():
        return character
    centres = {side: character.joints[joint].astype(np.float64) for side, joint in eyes.items()}
    fine = _Surface.cut(character, list(centres.values()))
    for side, centre in centres.items():
        x, y, z = (np.abs(fine.vertices - centre) < _REACH[1]).T
        moved = np.flatnonzero(x & y & z)
        offsets = fine.vertices[moved] - centre
        share = follows(offsets)[:, None]
        if not share.any():
            return character
        kept = fine.weights[moved] * (1.0 - share).astype(np.float32)
        kept[:, eyes[side]] += share[:, 0].astype(np.float32)
        fine.weights[moved] = kept / kept.sum(axis=1, keepdims=True)
        for look, degrees in LOOKS.items():
            turned = share * (offsets @ (_turn(look, side, degrees) - np.eye(3)).T)
            shape = fine.morphs.setdefault(f"eyeLook{look}{side.title()}", np.zeros_like(fine.vertices))
            shape[moved] += turned.astype(np.float32)
    return replace(character, **vars(fine))


def follows(offsets: NDArray[np.floating]) -> FloatArray:
    """How far (V,) points at offsets (V, 3) from an eye's centre follow it: 1 over the iris, 0 from the lids on."""
    points: FloatArray = np.asarray(offsets, np.float64)
    distance = np.linalg.norm(points, axis=1)
    seen = (points[:, 2] > 0.0) & (distance > _REACH[0]) & (distance < _REACH[1])
    angles = np.abs(np.arctan2(points[:, :2], np.maximum(points[:, 2:], 1e-9)))
    inner = np.maximum(np.linalg.norm(angles / _INNER, axis=1) - 1.0, 0.0)
    outer = np.maximum(1.0 - np.linalg.norm(angles / _OUTER, axis=1), 0.0)
    return np.where(seen, outer / np.maximum(inner + outer, 1e-12), 0.0)


def _turn(look: str, side: str, degrees: float) -> FloatArray:
    """The rotation (3, 3) of one look; an eye looks inward to the other side."""
    if look in ("Up", "Down"):
        axis = [-1.0 if look == "Up" else 1.0, 0.0, 0.0]
    else:
        axis = [0.0, 1.0 if (look == "Out") == (side == "left") else -1.0, 0.0]
    return rodrigues(np.radians(degrees) * np.array([axis]))[0]


@dataclass
class _Surface:
    """The parts of a character that cutting changes; arrays of its own."""

    vertices: NDArray[np.float32]  # (V, 3)
    faces: NDArray[np.int32]
    uvs: NDArray[np.float32]
    normals: NDArray[np.float32]
    weights: NDArray[np.float32]
    morphs: dict[str, NDArray[np.float32]]

    @classmethod
    def cut(cls, character: RiggedCharacter, centres: list[FloatArray]) -> _Surface:
        """The same surface with shorter edges in front of the eyes.

        Whether an edge is cut depends on the places of its ends alone, so both sides of a texture seam are cut alike,
        and a face without such an edge will never get one: only the others are looked at again.
        """
        near = _meets(character.vertices, character.faces, centres)
        used, small = np.unique(character.faces[near], return_inverse=True)
        parts = [character.vertices, character.uvs, character.normals, character.weights, *character.morphs.values()]
        # all that a vertex has, in one row, so that a new one is the mean of two rows
        rows = np.concatenate([part[used] for part in parts], axis=1)
        done, open_faces = [], small.reshape(-1, 3).astype(np.int64)
        for _ in range(_ROUNDS):
            whole, open_faces, more = _cut_once(open_faces, rows, centres)
            done.append(whole)
            rows = np.concatenate([rows, more])
        added = rows[len(used) :]
        count = len(character.vertices)
        numbers = np.concatenate([used, count + np.arange(len(added))])
        widths = np.cumsum([part.shape[1] for part in parts])[:-1]
        vertices, uvs, normals, weights, *deltas = (
            np.concatenate([part, new]) for part, new in zip(parts, np.split(added, widths, axis=1), strict=True)
        )
        normals[count:] /= np.linalg.norm(normals[count:], axis=1, keepdims=True)
        weights[count:] /= weights[count:].sum(axis=1, keepdims=True)
        made = numbers[np.concatenate([*done, open_faces])]
        faces = np.concatenate([character.faces[~near], made]).astype(np.int32)
        return cls(vertices, faces, uvs, normals, weights, dict(zip(character.morphs, deltas, strict=True)))


def _meets(vertices: NDArray[np.float32], faces: NDArray[np.int32], centres: list[FloatArray]) -> NDArray[np.bool_]:
    """Which triangles (F, 3) have a box that comes within reach of an eye: a bound, quick to find."""
    result = np.zeros(len(faces), bool)
    for centre in centres:
        # a bit for each of the six sides of the box around the eye: is the vertex on the inner side of it?
        inside = np.concatenate([vertices < centre + _REACH[1], vertices > centre - _REACH[1]], axis=1)
        sides = np.packbits(inside, axis=1)[:, 0]
        a, b, c = sides[faces.T]
        result |= (a | b | c) == 0b11111100
    return result


def _cut_once(
    faces: NDArray[np.int64], rows: NDArray[np.floating], centres: list[FloatArray]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
    """Cut every edge that is too long and over an eye in two.

    Returns:
        the faces (F, 3) that stay whole, the pieces of the others, and the rows of the new vertices.
    """
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2), axis=2)  # (F, 3, 2): edge i leaves corner i
    ends = rows[:, :3].astype(np.float64)[edges]
    middle = 0.5 * (ends[:, :, 0] + ends[:, :, 1])
    long = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2) > _EDGE
    near = np.zeros(long.shape, bool)
    for centre in centres:
        near |= (np.linalg.norm(middle - centre, axis=2) < _REACH[1]) & (middle[:, :, 2] > centre[2])
    marked = long & near
    pairs, inverse = np.unique(edges[marked], axis=0, return_inverse=True)
    numbers = np.full(marked.shape, -1)
    numbers[marked] = len(rows) + inverse.ravel()
    touched = marked.any(axis=1)
    made = [
        triangle
        for corners, cuts in zip(faces[touched].tolist(), numbers[touched].tolist(), strict=True)
        for triangle in _pieces(corners, cuts)
    ]
    pieces = np.array(made, np.int64).reshape(-1, 3)
    return faces[~touched], pieces, 0.5 * (rows[pairs[:, 0]] + rows[pairs[:, 1]])


def _pieces(corners: list[int], cuts: list[int]) -> list[tuple[int, int, int]]:
    """A triangle cut at the new vertices on its edges (-1 where there is none), turning the same way."""
    count = sum(cut >= 0 for cut in cuts)
    start = {1: lambda: next(i for i in range(3) if cuts[i] >= 0), 2: lambda: next(i for i in range(3) if cuts[i] < 0)}
    i = start.get(count, lambda: 0)()
    a, b, c = (corners[(i + k) % 3] for k in range(3))
    ab, bc, ca = (cuts[(i + k) % 3] for k in range(3))
    if count == 1:
        return [(a, ab, c), (ab, b, c)]
    if count == 2:  # the edge from a to b is whole
        return [(c, ca, bc), (ca, a, bc), (a, b, bc)]
    return [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
