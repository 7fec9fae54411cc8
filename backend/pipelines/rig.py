"""Rigging: the textured mesh takes the skin of the body that it was made around, and goes back to the rest pose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.normals import vertex_normals
from rigging.parts import PART_INDEX
from rigging.unpose import unpose_mesh
from rigging.weight_transfer import MAX_ANGLE, MAX_DISTANCE, transfer_weights
from rigging.weld import weld

HIDDEN_PARTS = ("tongue", "mouth")


class RigPipeline:
    """Posed mesh and body in, rigged character in the rest pose out. Runs on numpy and scipy, same bytes everywhere."""

    def __init__(self, max_distance: float = MAX_DISTANCE, max_angle: float = MAX_ANGLE) -> None:
        self.max_distance, self.max_angle = max_distance, max_angle

    def __call__(
        self,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        uvs: NDArray[np.floating],
        body_model: BodyModel,
        params: BodyParameters,
        texture_png: bytes,
        provenance: dict[str, Any],
        normal_png: bytes | None = None,
    ) -> RiggedCharacter:
        """Rig one mesh.

        Args:
            vertices: (V, 3) metres, in the body's pose and frame; may be split along texture seams.
            faces: (F, 3) counter-clockwise from outside.
            uvs: (V, 2), origin lower left.
            body_model: the body that the mesh was made around; its joints become the skeleton.
            params: the body's shape and pose.
            texture_png: base colour.
            provenance: JSON-able record; ``rig`` is added to it.
            normal_png: tangent-space normal map.

        Raises:
            ValueError: empty or inconsistent arrays.
        """
        body = body_model.pose(params)
        welded = weld(vertices, faces)
        weights = transfer_weights(
            welded.vertices,
            welded.faces,
            body.vertices,
            visible_faces(body_model),
            body_model.weights,
            self.max_distance,
            self.max_angle,
        )
        rest = unpose_mesh(welded.vertices, welded.faces, weights, body.transforms)
        normals = vertex_normals(rest.vertices, welded.faces)
        split = welded.of_original
        report = {
            "bridges": rest.bridges,
            "bridges_left": rest.remaining,
            "worst_stretch": round(rest.worst_stretch, 3),
        }
        return RiggedCharacter(
            vertices=rest.vertices[split].astype(np.float32),
            faces=np.asarray(faces, np.int32),
            uvs=np.asarray(uvs, np.float32),
            normals=normals[split].astype(np.float32),
            weights=rest.weights[split].astype(np.float32),
            joints=body.rest_joints.astype(np.float32),
            texture_png=texture_png,
            params=params.copy(),
            parents=np.array(body_model.parents),
            normal_png=normal_png,
            provenance={**provenance, "rig": report},
        )


def visible_faces(body_model: BodyModel) -> NDArray[np.integer]:
    """The body's faces (F, 3) that clothes and skin can lie on: without the inside of the mouth, where it is known."""
    if body_model.part_ids is None:
        return body_model.faces
    hidden = np.isin(body_model.part_ids, [PART_INDEX[name] for name in HIDDEN_PARTS])
    return body_model.faces[~hidden[body_model.faces].all(axis=1)]
