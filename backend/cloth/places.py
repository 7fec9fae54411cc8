"""Where on the unposed body pixels and surface points lie, beside the body, too: loose cloth and skirts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from torch import Tensor

from rigging.body_model import PosedBody
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

from ..geometry.rasterize import Layer, rasterize
from ..geometry.view_frame import ViewFrame

_PELVIS = JOINT_INDEX["pelvis"]


@dataclass(frozen=True)
class Places:
    """Places of pixels or points, on the CPU. What lies beside the body goes with the nearest spot on it."""

    rest: Tensor  # [..., 3] on the body in the T-pose, metres
    hung: Tensor  # [..., 3] the same if all cloth hung stiffly from the pelvis, as a skirt does
    facing: Tensor  # [..., 3] where the body's surface there faces in the T-pose
    hung_facing: Tensor  # [..., 3] where the cloth itself faces, as hung
    part: Tensor  # [...] index into rigging.parts.PART_NAMES
    pelvis: float  # height of its joint in the T-pose, metres

    def at(self, chosen: Tensor) -> Places:
        """Those of a mask (...) or of indices."""
        fields = (self.rest, self.hung, self.facing, self.hung_facing, self.part)
        rest, hung, facing, hung_facing, part = (values[chosen] for values in fields)
        return Places(rest, hung, facing, hung_facing, part, self.pelvis)


def places_of_pixels(
    posed: PosedBody, faces: np.ndarray, weights: np.ndarray, part_ids: np.ndarray, frame: ViewFrame, size: int
) -> tuple[Places, Places]:
    """Of the pixels (H, W) of a posed body's front and back.

    All are taken to face the camera; depths of ``hung`` are the pelvis'.

    Args:
        posed: the body in world space.
        faces: [F, 3].
        weights: [V, 55] skin weights.
        part_ids: [V] index into PART_NAMES.
        frame: of the views.
        size: pixels a side.
    """
    triangles = torch.from_numpy(faces.astype(np.int64))
    rest = torch.tensor(posed.rest_vertices, dtype=torch.float32)
    parts = torch.from_numpy(part_ids.astype(np.int64))
    turns = torch.from_numpy(posed.transforms[:, :3, :3]).float()
    turn_of = turns[torch.from_numpy(weights.argmax(1))]
    steps = (torch.arange(size) + 0.5) / size * 2 - 1
    view = torch.stack([steps.expand(size, size), -steps.unsqueeze(1).expand(size, size), torch.zeros(size, size)], -1)
    world = frame.to_world(view)
    world[..., 2] = float(posed.joints[_PELVIS, 2])
    hung = _hung(world, posed)

    facing = torch.tensor([0.0, 0.0, 1.0]).expand(size, size, 3)

    def side(layer: Layer) -> Places:
        away = distance_transform_edt(~layer.mask.numpy(), return_distances=False, return_indices=True)
        row, column = (torch.from_numpy(index).long() for index in away)
        corner = triangles[layer.face.clamp_min(0)][..., 0][row, column]
        beside = world - world[row, column]
        unposed = torch.einsum("hwji,hwj->hwi", turn_of[corner], beside)
        on_it = layer.interpolate(triangles, rest)[row, column]
        return Places(on_it + unposed, hung, facing, facing, parts[corner], _pelvis_height(posed))

    front, back = rasterize(torch.from_numpy(frame.to_view(posed.vertices)).float(), triangles, size)
    return side(front), side(back)


def places_of_points(
    points: np.ndarray,
    normals: np.ndarray,
    posed: PosedBody,
    faces: np.ndarray,
    weights: np.ndarray,
    part_ids: np.ndarray,
) -> Places:
    """Of points (N, 3), in world space, of a surface about a posed body with unit normals (N, 3); the rest as above."""
    nearest = cKDTree(posed.vertices).query(points, workers=1)[1]
    turns = np.einsum("vj,jab->vab", weights[nearest], posed.transforms[:, :3, :3])
    beside = points - posed.vertices[nearest]
    unposed = np.linalg.solve(turns, beside[..., None])[..., 0]
    return Places(
        torch.from_numpy(posed.rest_vertices[nearest] + unposed).float(),
        _hung(torch.from_numpy(points).float(), posed),
        torch.from_numpy(vertex_normals(posed.rest_vertices, faces)[nearest]).float(),
        torch.from_numpy(normals @ posed.transforms[_PELVIS, :3, :3]).float(),
        torch.from_numpy(part_ids[nearest].astype(np.int64)),
        _pelvis_height(posed),
    )


def _hung(world: Tensor, posed: PosedBody) -> Tensor:
    """Places (..., 3) in the T-pose of points that move with the pelvis."""
    middle, rest = (torch.tensor(joints[_PELVIS], dtype=torch.float32) for joints in (posed.joints, posed.rest_joints))
    return (world - middle) @ torch.from_numpy(posed.transforms[_PELVIS, :3, :3]).float() + rest


def _pelvis_height(posed: PosedBody) -> float:
    return float(posed.rest_joints[_PELVIS, 1])
