"""Clothed people as a lifter makes them, closed and in one pose, with the skin weights that they truly have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.measure import marching_cubes
from torch import Tensor

from rigging.body_model import PosedBody
from rigging.body_parameters import BodyParameters
from rigging.closest_point import closest_points

from ..data.person import Person, draw_person
from ..data.render import rotation_y
from ..data.scene import Wardrobe
from ..data.surface import is_outside
from ..geometry.rasterize import rasterize
from ..geometry.simplify import simplify, smooth
from ..geometry.topology import largest_component
from ..geometry.view_frame import ViewFrame

VOXELS = 224
_YAWS = tuple(i * math.pi / 6 for i in range(6))
TRIANGLES = 20_000
RAREST = 50  # people in trousers drawn in a row
FARTHEST = 0.02  # metres: what is further from any true surface, such as the filling of a skirt, has no true weights


@dataclass(frozen=True)
class RigCase:
    """One person of the test split. Metres, world frame."""

    vertices: NDArray[np.float64]  # (V, 3) closed outer surface, in the person's pose
    faces: NDArray[np.int64]  # (F, 3)
    weights: NDArray[np.float64]  # (V, 55) of the nearest point of skin or garment
    known: NDArray[np.bool_]  # (V,) where that point is near enough
    params: BodyParameters

    @staticmethod
    def people(wardrobe: Wardrobe, seed: int) -> Iterator[Person]:
        """Always the same people of the test split for a seed, in the family of the A-pose that avatars are made in;
        every second one wears a skirt or a dress, which are rare otherwise. Without end."""
        waiting: tuple[list[Person], list[Person]] = ([], [])
        for index in count():
            person = draw_person(wardrobe.catalogue, np.random.default_rng([seed, index]), held_out=True)
            kind = person.attributes.get("lower_kind", "")
            waiting["skirt" in kind or kind == "dress"].append(person)
            if all(waiting):
                yield waiting[0].pop(0)
                yield waiting[1].pop(0)
            elif len(waiting[0]) > RAREST:  # the assets have no skirt that may be worn
                yield waiting[0].pop(0)

    @classmethod
    def of(cls, wardrobe: Wardrobe, person: Person) -> RigCase:
        """The person in its clothes."""
        scene = wardrobe.dress(person)
        frame = ViewFrame.of_body(scene.body_vertices)
        view, faces = _outer_surface(frame.to_view(scene.vertices), scene.faces)
        vertices = frame.to_world(np.asarray(view, np.float64))
        dressed = scene.faces.numpy()
        found = closest_points(vertices, scene.vertices.numpy().astype(np.float64), dressed, exact_within=FARTHEST)
        weights = found.interpolate(dressed, wardrobe.skin_weights(person))
        weights /= weights.sum(axis=1, keepdims=True)
        return cls(vertices, faces, weights, found.distances <= FARTHEST, person.body)

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path,
            vertices=self.vertices,
            faces=self.faces,
            weights=self.weights.astype(np.float32),
            known=self.known,
            betas=self.params.betas,
            pose=self.params.full_pose,
        )

    @classmethod
    def load(cls, path: Path) -> RigCase:
        with np.load(path, allow_pickle=False) as file:
            weights = file["weights"].astype(np.float64)
            params = BodyParameters.from_full_pose(file["pose"], betas=file["betas"])
            return cls(
                file["vertices"],
                file["faces"],
                weights / weights.sum(axis=1, keepdims=True),
                file["known"],
                params,
            )


@dataclass(frozen=True)
class Bones:
    """The posed skeleton as bones with ends, for programs that weigh skin by bones."""

    heads: NDArray[np.float64]  # (55, 3)
    tails: NDArray[np.float64]  # (55, 3)

    @classmethod
    def of(cls, body: PosedBody, parents: NDArray[np.int64]) -> Bones:
        """Each bone ends at the mean of its children; the last ones go on as their parents do."""
        heads = body.joints
        tails = np.empty_like(heads)
        for joint, parent in enumerate(parents):
            children = np.flatnonzero(parents == joint)
            tails[joint] = heads[children].mean(axis=0) if len(children) else 2.0 * heads[joint] - heads[parent]
        short = np.linalg.norm(tails - heads, axis=1) < 0.005
        tails[short] = heads[short] + [0.0, 0.02, 0.0]
        return cls(heads, tails)


def _outer_surface(vertices: Tensor, faces: Tensor) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """What can be seen of a mesh in view space from all around, as one closed surface in view space."""
    cameras = []
    for yaw in _YAWS:
        turn = rotation_y(yaw)
        front, back = (
            layer.depth.masked_fill(~layer.mask, torch.nan) for layer in rasterize(vertices @ turn.T, faces, VOXELS)
        )
        cameras.append((turn, front, back))
    step = 2.0 / VOXELS
    low, high = vertices.amin(0) - 3 * step, vertices.amax(0) + 3 * step
    x, y, z = (torch.arange(float(a), float(b), step) for a, b in zip(low, high, strict=True))
    grid = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), dim=-1)
    places = grid.reshape(-1, 3)
    within = torch.arange(len(places))
    for camera in cameras:  # most of space is outside for the first one already
        within = within[~is_outside(places[within], [camera])]
    solid = torch.zeros(len(places), dtype=torch.float32)
    solid[within] = 1.0
    smoothed = gaussian_filter(solid.view(grid.shape[:3]).numpy(), 0.8)
    corners, triangles, _, _ = marching_cubes(smoothed, 0.5, gradient_direction="descent")
    points, triangles = corners * step + low.numpy(), triangles.astype(np.int64)
    a, b, c = points[triangles].transpose(1, 0, 2)
    if np.einsum("ij,ij->i", a, np.cross(b, c)).sum() < 0.0:
        triangles = triangles[:, ::-1]
    points, triangles = largest_component(points, triangles)
    return simplify(smooth(points, triangles, iterations=8), triangles, TRIANGLES)
