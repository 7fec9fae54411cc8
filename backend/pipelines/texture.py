"""Texture: an atlas for the mesh, and base colour, relief and roughness baked into it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

from ..geometry.normal_map import bake_normal_map
from ..geometry.roughness import bake_roughness
from ..geometry.texture import bake_texture
from ..geometry.unwrap import Atlas, unwrap
from .body import PosedSubject
from .lift import LiftResult

FACE_RADIUS = 0.06
"""Metres about the middle between eyes and jaw within which a surface that looks forward is the face."""
PNG_LEVEL = 4
"""zlib's level: half the time of the default, and a few per cent more bytes."""


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh cut along its UV charts, with its textures."""

    vertices: np.ndarray  # (V, 3) view space
    faces: np.ndarray  # (F, 3)
    uvs: np.ndarray  # (V, 2) origin lower left
    source_vertex: np.ndarray  # (V,) the lifted mesh's vertex that each came from
    image: Image.Image  # RGB, base colour
    roughness: Image.Image  # L
    normal_map: Image.Image | None  # RGB, tangent space


class TexturePipeline:
    """Lifted mesh and views to a textured mesh."""

    @torch.no_grad()
    def __call__(
        self,
        lifted: LiftResult,
        subject: PosedSubject,
        front: Tensor,
        back: Tensor,
        size: int,
        atlas: Atlas | None = None,
    ) -> TexturedMesh:
        """Texture a mesh.

        Args:
            front, back: [4, H, H] straight RGBA in [0, 1], of any size, the lifter's or a finer one.
            size: texture pixels a side.
            atlas: of the mesh, where it has one; else it is unwrapped by projection, the head larger.
        """
        joints = subject.frame.to_view(subject.posed.joints)
        head = lifted.vertices[:, 1] > joints[JOINT_INDEX["neck"], 1]
        if atlas is None:
            atlas = unwrap(lifted.vertices, lifted.faces, size, padding=max(4, size // 256), favoured=head)
        normals = vertex_normals(lifted.vertices, lifted.faces).astype(np.float32)
        source = atlas.source_vertex
        vertices, normals = lifted.vertices[source], normals[source]
        field = lifted.albedo

        def albedo(points: Tensor) -> Tensor:
            assert field is not None
            return field(points.to(subject.device)).cpu()

        texture = bake_texture(
            vertices,
            normals,
            atlas.faces,
            atlas.uvs,
            front.permute(1, 2, 0).cpu().numpy(),
            back.permute(1, 2, 0).cpu().numpy(),
            albedo if field is not None else None,
            size,
        )
        middle = joints[[JOINT_INDEX[name] for name in ("left_eye_smplhf", "right_eye_smplhf", "jaw")]].mean(axis=0)
        to_face = np.linalg.norm((vertices - middle)[:, :2], axis=1)
        face = (to_face < FACE_RADIUS * subject.frame.scale) & (normals[:, 2] > 0.5) & head[source]
        roughness = bake_roughness(atlas.faces, atlas.uvs, texture, face, head[source])
        relief = None
        if lifted.fine is not None:
            relief = bake_normal_map(vertices, normals, atlas.faces, atlas.uvs, *lifted.fine, size)
        return TexturedMesh(
            vertices,
            atlas.faces,
            atlas.uvs,
            source,
            Image.fromarray(texture, "RGB"),
            Image.fromarray(roughness, "L"),
            None if relief is None else Image.fromarray(relief, "RGB"),
        )


def png(image: Image.Image) -> bytes:
    """The picture as a PNG."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=PNG_LEVEL)
    return stream.getvalue()
