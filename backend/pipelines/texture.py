"""Texture: unwrap the lifted mesh and bake the two views and the field onto it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rigging.joints import JOINT_INDEX

from ..geometry.body_maps import vertex_normals
from ..geometry.texture import bake_texture
from ..geometry.unwrap import unwrap
from .body import PosedSubject
from .lift import LiftResult


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh cut along its UV charts, with its texture."""

    vertices: np.ndarray  # (V, 3) view space
    faces: np.ndarray  # (F, 3)
    uvs: np.ndarray  # (V, 2) origin lower left
    image: Image.Image  # RGB

    @property
    def png(self) -> bytes:
        stream = io.BytesIO()
        self.image.save(stream, "PNG")
        return stream.getvalue()


class TexturePipeline:
    """Lifted mesh and views to a textured mesh."""

    @torch.no_grad()
    def __call__(
        self, lifted: LiftResult, subject: PosedSubject, front: Tensor, back: Tensor, size: int
    ) -> TexturedMesh:
        """front, back: [4, H, W] straight RGBA in [0, 1]; size: texture pixels a side."""
        neck = subject.frame.to_view(subject.posed.joints[JOINT_INDEX["neck"]])[1]
        atlas = unwrap(lifted.vertices, lifted.faces, size, favoured=lifted.vertices[:, 1] > neck)
        normals = vertex_normals(
            torch.from_numpy(lifted.vertices), torch.from_numpy(lifted.faces.astype(np.int64))
        ).numpy()
        vertices = lifted.vertices[atlas.source_vertex]

        def albedo(points: Tensor) -> Tensor:
            return lifted.albedo(points.to(subject.device)).cpu()

        texture = bake_texture(
            vertices,
            normals[atlas.source_vertex],
            atlas.faces,
            atlas.uvs,
            front.permute(1, 2, 0).cpu().numpy(),
            back.permute(1, 2, 0).cpu().numpy(),
            albedo,
            size,
        )
        return TexturedMesh(vertices, atlas.faces, atlas.uvs, Image.fromarray(texture, "RGB"))
