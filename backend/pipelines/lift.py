"""Lift: front and back views with the posed body to a closed surface and an albedo field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

from ..geometry.drape import drape
from ..geometry.extract import extract_surface
from ..geometry.simplify import simplify, smooth
from ..models.autoencoder import premultiply, resize
from ..models.lifter import IMAGE_SIZE, Lifter, Planes
from .body import PosedSubject
from .flow import Cancelled
from .view_check import check_view

Field = Callable[[Tensor], Tensor]

RESOLUTION = 256
SMOOTHING = 8
"""Iterations of Taubin smoothing on the fine mesh, against the grain of pixels in the depths."""

ON_THE_BODY, OFF_THE_BODY = 0.03, 0.06
"""Metres from a leg up to which a surface's depth is the lifter's, and from which it hangs as a plate would."""
_LEGS = [JOINT_INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("hip", "knee")]


@dataclass(frozen=True)
class LiftResult:
    """A mesh in view space, and what it came from as far as that is known."""

    vertices: np.ndarray  # (V, 3) float32
    faces: np.ndarray  # (F, 3) int64
    albedo: Field | None = None  # [N, 3] points in view space -> [N, 3] sRGB in [0, 1]
    sdf: Field | None = None  # [N, 3] -> [N] view units, negative inside
    fine: tuple[np.ndarray, np.ndarray] | None = None  # vertices and unit normals (W, 3) before decimation


class LiftPipeline:
    """Two pictures and a body to a mesh."""

    def __init__(self, lifter: Lifter) -> None:
        self.lifter = lifter

    @torch.no_grad()
    def __call__(
        self,
        subject: PosedSubject,
        front: Tensor,
        back: Tensor,
        triangles: int = 40_000,
        resolution: int = RESOLUTION,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled | None = None,
    ) -> LiftResult:
        """Lift one person.

        Args:
            subject: the posed body.
            front, back: [4, H, H] straight RGBA in [0, 1], of any size; the back as seen through the body.
            triangles: upper limit.
            resolution: cells along a side of the finest grid.

        Raises:
            DoppelError: as :func:`check_view`, when there is no person to lift.
        """
        for view, side, body in zip((front, back), ("front", "back"), subject.maps(IMAGE_SIZE)[:, -1], strict=True):
            check_view(view, side, body)
        planes = self.read(subject, front, back)
        vertices, faces = extract_surface(
            lambda points: self.query(subject, planes, points)[0],
            resolution=resolution,
            device=subject.device,
            progress=progress,
            cancelled=cancelled,
        )
        vertices = smooth(vertices, faces, SMOOTHING)
        vertices = drape(vertices, faces, hanging(subject, vertices))
        fine = vertices, vertex_normals(vertices, faces).astype(np.float32)
        vertices, faces = simplify(vertices, faces, triangles)
        return LiftResult(
            vertices,
            faces,
            lambda points: self.query(subject, planes, points)[1],
            lambda points: self.query(subject, planes, points)[0],
            fine,
        )

    def read(self, subject: PosedSubject, front: Tensor, back: Tensor) -> Planes:
        """The lifter's reading of both pictures."""
        size = (IMAGE_SIZE, IMAGE_SIZE)
        views = torch.cat([resize(view[None], IMAGE_SIZE) for view in (front, back)])
        pictures = premultiply(views).reshape(1, 8, *size)
        maps = subject.maps(IMAGE_SIZE).reshape(1, -1, *size)
        return self.lifter.encode(pictures.to(self.lifter.dtype), maps.to(self.lifter.dtype))

    def query(self, subject: PosedSubject, planes: Planes, points: Tensor) -> tuple[Tensor, Tensor]:
        """Signed distance (N,) and albedo (N, 3) at points (N, 3) in view space."""
        body = subject.field(points)
        sdf, albedo = self.lifter.query(planes, points[None].to(self.lifter.dtype), body[None].to(self.lifter.dtype))
        return sdf[0].float(), albedo[0].float()


def hanging(subject: PosedSubject, vertices: np.ndarray) -> np.ndarray:
    """How free of the legs each of ``vertices`` (V, 3) in view space hangs, as a skirt does: (V,) in [0, 1]."""
    distance, nearest = cKDTree(subject.vertices.cpu().numpy()).query(vertices)
    off = (distance / subject.frame.scale - ON_THE_BODY) / (OFF_THE_BODY - ON_THE_BODY)
    share = off.clip(0, 1) * subject.model.weights[nearest][:, _LEGS].sum(axis=1).clip(0, 1)
    return share * share * (3 - 2 * share)
