"""Surfaces around the open body whose true skin weights are known, and pieces of clothing and hair."""

from __future__ import annotations

import functools
import struct
import zlib
from dataclasses import dataclass

import fast_simplification
import numpy as np
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from rigging.body_model import BodyModel, PosedBody
from rigging.body_parameters import BodyParameters
from rigging.closest_point import closest_points
from rigging.lbs import skin
from rigging.normals import vertex_normals
from rigging.parts import PART_INDEX
from rigging.unpose import unpose

HIDDEN = [PART_INDEX[name] for name in ("left_eye", "right_eye", "tongue", "mouth")]


@dataclass(frozen=True)
class SkinnedBody:
    """The outer skin of the open body in one pose."""

    posed: PosedBody
    vertices: np.ndarray  # (B, 3)
    faces: np.ndarray  # (G, 3)
    weights: np.ndarray  # (B, 55)

    def moved(self, params: BodyParameters, rest: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Rest vertices with weights in another pose of this body."""
        return skin(rest, weights, BodyModel.load().pose(params).transforms)


def skinned_body(params: BodyParameters) -> SkinnedBody:
    model = BodyModel.load()
    posed = model.pose(params)
    hidden = np.isin(model.part_ids, HIDDEN)
    faces = model.faces[~hidden[model.faces].any(axis=1)]
    used, faces = np.unique(faces, return_inverse=True)
    return SkinnedBody(posed, posed.vertices[used], faces.reshape(-1, 3), model.weights[used])


@functools.cache
def a_posed() -> SkinnedBody:
    return skinned_body(BodyParameters.a_pose())


def arms_down() -> BodyParameters:
    params = BodyParameters()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        params = params.with_joint(f"{side}_shoulder", [0.0, 0.0, -sign * np.radians(72.0)])
    return params


def random_poses(count: int, scale: float = 0.35) -> list[BodyParameters]:
    rng = np.random.default_rng(0)
    poses = []
    for _ in range(count):
        pose = rng.normal(size=(55, 3)) * scale
        pose[0] *= 0.3
        pose[22:25] *= 0.2
        poses.append(BodyParameters().with_full_pose(pose))
    return poses


@dataclass(frozen=True)
class Garment:
    """A surface over the body with its own triangles, and how it should move."""

    vertices: np.ndarray  # (V, 3) posed
    faces: np.ndarray  # (F, 3)
    rest: np.ndarray  # (V, 3) true rest positions
    weights: np.ndarray  # (V, 55) true weights


@functools.cache
def suit(offset: float, triangles: int = 6000) -> Garment:
    """The body blown up by ``offset`` metres along its normals and decimated: other triangles, known truth."""
    body = a_posed()
    blown = body.vertices + offset * vertex_normals(body.vertices, body.faces)
    vertices, faces = fast_simplification.simplify(
        blown.astype(np.float32), body.faces.astype(np.int32), target_count=triangles
    )
    vertices = vertices.astype(np.float64)
    weights = closest_points(vertices, blown, body.faces).interpolate(body.faces, body.weights)
    return Garment(vertices, faces.astype(np.int64), unpose(vertices, weights, body.posed.transforms), weights)


def fused_torso(body: SkinnedBody, offset: float = 0.02, step: float = 0.012) -> tuple[np.ndarray, np.ndarray]:
    """The closed surface ``offset`` around trunk and upper arms by marching cubes: what touches is one surface."""
    joints = body.posed.joints
    low = np.array([-0.34, joints[0, 1] - 0.05, -0.2])
    high = np.array([0.34, joints[12, 1] - 0.02, 0.2])
    axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance, nearest = KDTree(body.vertices).query(grid, k=4)
    planes = np.einsum(
        "...kx,...kx->...k",
        grid[..., None, :] - body.vertices[nearest],
        vertex_normals(body.vertices, body.faces)[nearest],
    )
    field = np.where(distance[..., 0] < 0.03, planes.mean(-1), np.sign(planes.mean(-1)) * distance[..., 0]) - offset
    border = np.ones(field.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    field[border] = np.maximum(field[border], 0.5 * step)
    vertices, faces, _, _ = marching_cubes(field, 0.0)
    return vertices * step + low, outward(vertices, faces)


def outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Closed faces (F, 3) turned to enclose a positive volume."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return (faces if np.einsum("ij,ij->", a, np.cross(b, c)) > 0 else faces[:, ::-1]).astype(np.int64)


def skirt(body: SkinnedBody, rings: int = 24, sides: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A closed double-walled cone from the waist to the knees."""
    joints = body.posed.joints
    hip, knee = joints[[1, 2]].mean(axis=0), joints[[4, 5]].mean(axis=0)
    heights = np.linspace(hip[1] + 0.12, knee[1], rings)
    radii = np.linspace(0.17, 0.36, rings)
    angles = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    wall = np.stack(
        [
            hip[0] + radii[:, None] * np.sin(angles),
            np.repeat(heights[:, None], sides, axis=1),
            hip[2] + 0.8 * radii[:, None] * np.cos(angles),
        ],
        axis=-1,
    )
    inner = wall * [0.985, 1.0, 0.985]
    vertices = np.concatenate([wall, inner[::-1]]).reshape(-1, 3)
    ring, side = np.meshgrid(np.arange(2 * rings), np.arange(sides), indexing="ij")
    a, b = ring * sides + side, ring * sides + (side + 1) % sides
    c, d = (a + sides) % len(vertices), (b + sides) % len(vertices)
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return vertices, outward(vertices, faces)


def ball(centre: np.ndarray, radius: float, rings: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A sphere with faces that look outward."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1.2, 1.2, 2 * rings)] * 3, indexing="ij"), axis=-1)
    vertices, faces, _, _ = marching_cubes(np.linalg.norm(grid, axis=-1) - 1.0, 0.0)
    vertices = (vertices * 2.4 / (2 * rings - 1) - 1.2) * radius
    return vertices + centre, outward(vertices, faces)


def joined(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, list[slice]]:
    """Several meshes as one, and where each one's vertices are."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = np.concatenate([faces + start for (_, faces), start in zip(meshes, starts, strict=False)])
    places = [slice(int(a), int(b)) for a, b in zip(starts, starts[1:], strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), faces, places


def png(red: int, green: int, blue: int, size: int = 8) -> bytes:
    """A square PNG of one colour."""
    row = b"\0" + bytes((red, green, blue)) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * size)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
