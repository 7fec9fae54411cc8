"""Rigging: the textured mesh takes the skin of the body that it was made around, and goes back to the rest pose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.eyeballs import bind_eyeballs
from rigging.face_shapes import transfer_face_shapes
from rigging.joints import JOINT_INDEX
from rigging.limbs import HEAD_JOINT
from rigging.normals import vertex_normals
from rigging.parts import PART_INDEX
from rigging.unpose import unpose, unpose_mesh
from rigging.weight_transfer import MAX_ANGLE, MAX_DISTANCE, transfer_weights
from rigging.weld import weld

HIDDEN_PARTS = ("tongue", "mouth")
EYES = [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]


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
        roughness_png: bytes | None = None,
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
            normal_png: tangent-space normal map; roughness_png: grey.

        Raises:
            ValueError: empty or inconsistent arrays.
        """
        body = body_model.pose(params)
        skin_faces, skin_weights = skin_of(body_model)
        welded = weld(vertices, faces)
        weights = transfer_weights(
            welded.vertices,
            welded.faces,
            body.vertices,
            skin_faces,
            skin_weights,
            self.max_distance,
            self.max_angle,
        )
        weights = bind_eyeballs(weights, welded.vertices, welded.faces, body.joints)
        rest = unpose_mesh(welded.vertices, welded.faces, weights, body.transforms)
        morphs = transfer_face_shapes(
            rest.vertices, welded.faces, body.rest_vertices, skin_faces, body_model.face_units
        )
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
            roughness_png=roughness_png,
            provenance={**provenance, "rig": report},
            morphs={name: offsets[split] for name, offsets in morphs.items()},
        )

    def wrapped(
        self,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        uvs: NDArray[np.floating],
        source_vertex: NDArray[np.integer],
        body_model: BodyModel,
        params: BodyParameters,
        texture_png: bytes,
        provenance: dict[str, Any],
        normal_png: bytes | None = None,
        roughness_png: bytes | None = None,
    ) -> RiggedCharacter:
        """Rig a mesh that has the body's own vertices: it takes the body's weights, eyes, jaw and facial shapes as
        they are.

        Args:
            source_vertex: (V,) the body's vertex that each of ``vertices`` (V, 3) is.
            others: as for a call.
        """
        body = body_model.pose(params)
        posed = body.vertices.copy()
        posed[source_vertex] = vertices
        rest = unpose(posed, body_model.weights, body.transforms)
        normals = vertex_normals(rest, body_model.faces)

        def offsets(index: NDArray[np.integer], deltas: NDArray[np.floating]) -> NDArray[np.float32]:
            moved = np.zeros((len(rest), 3), np.float32)
            moved[index] = deltas
            return moved[source_vertex]

        return RiggedCharacter(
            vertices=rest[source_vertex].astype(np.float32),
            faces=np.asarray(faces, np.int32),
            uvs=np.asarray(uvs, np.float32),
            normals=normals[source_vertex].astype(np.float32),
            weights=body_model.weights[source_vertex].astype(np.float32),
            joints=body.rest_joints.astype(np.float32),
            texture_png=texture_png,
            params=params.copy(),
            parents=np.array(body_model.parents),
            normal_png=normal_png,
            roughness_png=roughness_png,
            provenance={**provenance, "rig": {"topology": "body"}},
            morphs={name: offsets(*unit) for name, unit in body_model.face_units.items()},
        )


def skin_of(body_model: BodyModel) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """What a character's surface can take after: faces (F, 3) and weights (B, 55) of the body without its eyeballs and,
    where it is known, the inside of its mouth.

    A character's eyes are painted on a closed surface, too coarse to turn in their sockets: they move with the head.
    """
    weights = body_model.weights.copy()
    hidden = weights[:, EYES].sum(axis=1) > 0.5
    if body_model.part_ids is not None:
        hidden |= np.isin(body_model.part_ids, [PART_INDEX[name] for name in HIDDEN_PARTS])
    weights[:, HEAD_JOINT] += weights[:, EYES].sum(axis=1)
    weights[:, EYES] = 0.0
    return body_model.faces[~hidden[body_model.faces].any(axis=1)], weights
