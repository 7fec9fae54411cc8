"""Where on the unposed body each pixel of a view lies, beside the body, too: loose cloth and skirts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from rigging.body_model import PosedBody
from rigging.joints import JOINT_INDEX

from ..geometry.rasterize import Layer, rasterize
from ..geometry.view_frame import ViewFrame

_PELVIS = JOINT_INDEX["pelvis"]


@dataclass(frozen=True)
class Places:
    """One side's pixels. A pixel beside the body goes with the nearest one on it. On the CPU."""

    rest: Tensor  # [H, W, 3] on the body in the T-pose, metres
    hung: Tensor  # [H, W, 3] the same if all cloth hung stiffly from the pelvis, as a skirt does; depth is its middle's
    part: Tensor  # [H, W] index into rigging.parts.PART_NAMES
    on_body: Tensor  # [H, W] bool
    pelvis: float  # its height in the T-pose, metres


def places(
    posed: PosedBody, faces: np.ndarray, weights: np.ndarray, part_ids: np.ndarray, frame: ViewFrame, size: int
) -> tuple[Places, Places]:
    """Front and back of a posed body.

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
    hung = _hung(posed, frame, size, turns[_PELVIS])

    def side(layer: Layer) -> Places:
        away = distance_transform_edt(~layer.mask.numpy(), return_distances=False, return_indices=True)
        row, column = (torch.from_numpy(index).long() for index in away)
        corner = triangles[layer.face.clamp_min(0)][..., 0][row, column]
        pixel = 2 / size / frame.scale
        ys, xs = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        beside = torch.stack([xs - column, row - ys, torch.zeros_like(xs)], dim=-1) * pixel
        unposed = torch.einsum("hwji,hwj->hwi", turn_of[corner], beside)
        on_it = layer.interpolate(triangles, rest)[row, column]
        return Places(on_it + unposed, hung, parts[corner], layer.mask, float(posed.rest_joints[_PELVIS, 1]))

    front, back = rasterize(torch.from_numpy(frame.to_view(posed.vertices)).float(), triangles, size)
    return side(front), side(back)


def _hung(posed: PosedBody, frame: ViewFrame, size: int, turn: Tensor) -> Tensor:
    """T-pose places (size, size, 3) of pixels that lie as deep as the pelvis and move with it."""
    middle, rest = (torch.tensor(joints[_PELVIS], dtype=torch.float32) for joints in (posed.joints, posed.rest_joints))
    steps = (torch.arange(size) + 0.5) / size * 2 - 1
    view = torch.stack([steps.expand(size, size), -steps.unsqueeze(1).expand(size, size), torch.zeros(size, size)], -1)
    offset = frame.to_world(view) - middle
    offset[..., 2] = 0
    return offset @ turn + rest
