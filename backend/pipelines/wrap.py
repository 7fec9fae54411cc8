"""Wrap: the body's own mesh drawn onto the lifted surface, for artists who want its quads, UVs and face."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rigging.body_model import BodyModel
from rigging.joints import JOINT_INDEX, JOINT_NAMES
from rigging.limbs import HEAD_JOINT
from rigging.mesh_graph import distance_from, edge_lengths, unique_edges
from rigging.parts import PART_INDEX

from ..geometry.texels import Texels
from ..geometry.unwrap import Atlas
from ..geometry.wrap import wrap
from ..protocol.errors import DoppelError
from .body import PosedSubject
from .lift import LiftResult

RAMP = 0.035
"""Metres over which what stays as it is passes into what is wrapped."""
_HANDS = [i for i, name in enumerate(JOINT_NAMES) if i >= 25 or name.endswith("wrist")]
_FACE = [JOINT_INDEX[name] for name in ("jaw", "left_eye_smplhf", "right_eye_smplhf")]
_MOUTH = {"mouth": (84, 34, 34), "tongue": (158, 86, 84)}  # sRGB
_EXPRESSIVE = 0.002  # metres by which some facial shape moves a vertex of the face


class WrapPipeline:
    """Lifted surface and body to the surface in the body's topology."""

    @torch.no_grad()
    def __call__(self, lifted: LiftResult, subject: PosedSubject) -> LiftResult:
        """The body's vertices (V, 3) on the surface, in view space, with the body's triangles in their order.

        Raises:
            DoppelError: ``topology_no_uvs`` when a user's body brings no texture coordinates.
        """
        if not subject.model.uv_faces.any():
            raise DoppelError(
                "topology_no_uvs",
                f"the body model {subject.model.name} has no UVs, so its topology cannot be textured",
                "use --topology free or the open body",
            )
        assert lifted.sdf is not None
        field = lifted.sdf

        def sdf(points: Tensor) -> Tensor:
            return field(subject.frame.to_view(points).to(subject.device))

        def distance(points: Tensor) -> Tensor:
            near, _ = subject.field.nearest(subject.frame.to_view(points).to(subject.device))
            return near[:, 0] / subject.frame.scale

        vertices = subject.posed.vertices
        kept = kept_as_is(subject.model, vertices)
        pliant = 1 - subject.model.weights[:, HEAD_JOINT]  # ears are no folds to be smoothed away
        moved = wrap(vertices, subject.model.faces, kept, pliant, sdf, distance)
        return LiftResult(
            subject.frame.to_view(moved).astype(np.float32),
            subject.model.faces.astype(np.int64),
            lifted.albedo,
            lifted.sdf,
            lifted.fine,
        )


def body_atlas(model: BodyModel) -> Atlas:
    """The body's own UVs as an atlas of its triangles."""
    keys = model.faces.astype(np.int64) * len(model.uvs) + model.uv_faces
    unique, faces = np.unique(keys, return_inverse=True)
    vertex, uv = np.divmod(unique, len(model.uvs))
    return Atlas(
        model.uvs[uv].astype(np.float32), faces.reshape(-1, 3).astype(np.int64), vertex, np.zeros(len(keys), np.int64)
    )


def paint_mouth(model: BodyModel, atlas: Atlas, texture: np.ndarray) -> np.ndarray:
    """A copy of a texture (S, S, 3) uint8 of the body's atlas with the inside of the mouth in its colours, which no
    picture of a closed mouth shows."""
    painted = texture.copy()
    if model.part_ids is not None:
        for name, colour in _MOUTH.items():
            of_part = (model.part_ids == PART_INDEX[name])[model.faces].all(1)
            painted[Texels.of(atlas.faces[of_part], atlas.uvs, len(texture)).mask.numpy()] = colour
    return painted


def kept_as_is(model: BodyModel, vertices: np.ndarray) -> np.ndarray:
    """(V,) in [0, 1]: 1 on hands, face, eyes and within the mouth, falling to 0 around them.

    vertices: (V, 3) posed, metres.
    """
    core = (model.weights[:, _HANDS].sum(1) > 0.5) | (model.weights[:, _FACE].sum(1) > 0.1)
    for index, offsets in model.face_units.values():
        core[index[np.linalg.norm(offsets, axis=1) > _EXPRESSIVE]] = True
    if model.part_ids is not None:
        hidden = [PART_INDEX[name] for name in ("left_eye", "right_eye", "tongue", "mouth")]
        core |= np.isin(model.part_ids, hidden)
    edges = unique_edges(model.faces)
    away = distance_from(core, edges, edge_lengths(vertices, edges), RAMP)
    return np.clip(1 - away / RAMP, 0.0, 1.0)
