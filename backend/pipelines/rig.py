"""Rigging: the textured mesh takes the skin of the body that it was made around, and goes back to the rest pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.bridges import Separated, bridge_faces, separate
from rigging.character import RiggedCharacter
from rigging.eyeballs import bind_eyeballs
from rigging.face_shapes import transfer_face_shapes
from rigging.joints import JOINT_INDEX
from rigging.limbs import HEAD_JOINT
from rigging.normals import vertex_normals
from rigging.parts import PART_INDEX
from rigging.unpose import unpose, unpose_mesh
from rigging.weight_transfer import MAX_ANGLE, MAX_DISTANCE, BodyMatch, checked_mesh, match_body, weights_of
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
        surface = _Surface.of(vertices, faces)

        def match() -> BodyMatch:
            return match_body(
                surface.vertices,
                surface.faces,
                body.vertices,
                skin_faces,
                skin_weights,
                self.max_distance,
                self.max_angle,
            )

        matched = match()
        apart = unpose(surface.vertices, matched.weights, body.transforms)
        bridges = bridge_faces(surface.vertices, surface.faces, apart, matched.distances, matched.limbs)
        separated = separate(surface.vertices, surface.faces, apart, bridges) if bridges.any() else None
        if separated is not None:
            surface = surface.separated(separated)
            matched = match()
        weights = weights_of(matched, surface.vertices, surface.faces)
        weights = bind_eyeballs(weights, surface.vertices, surface.faces, body.joints)
        rest = unpose_mesh(surface.vertices, surface.faces, weights, body.transforms)
        morphs = transfer_face_shapes(
            rest.vertices, surface.faces, body.rest_vertices, skin_faces, body_model.face_units
        )
        normals = vertex_normals(rest.vertices, surface.faces)
        split = surface.of_split
        report = {
            "faces_cut": 0 if separated is None else separated.cut,
            "holes_closed": 0 if separated is None else separated.caps,
            "bridges": rest.bridges,
            "bridges_left": rest.remaining,
            "worst_stretch": round(rest.worst_stretch, 3),
        }
        return RiggedCharacter(
            vertices=rest.vertices[split].astype(np.float32),
            faces=surface.split_faces.astype(np.int32),
            uvs=np.asarray(uvs, np.float32)[surface.uv_of_split],
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


@dataclass(frozen=True)
class _Surface:
    """One mesh twice: with a vertex a place, for skinning, and split along texture seams, as it is stored."""

    vertices: NDArray[np.float64]  # (U, 3)
    faces: NDArray[np.int64]  # (F, 3) into them
    split_faces: NDArray[np.int64]  # (F, 3) into the split vertices
    of_split: NDArray[np.int64]  # (V,) the place of each split vertex
    uv_of_split: NDArray[np.int64]  # (V,) whose texture coordinate of those that were given it has

    @classmethod
    def of(cls, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> _Surface:
        """From split vertices (V, 3) and faces (F, 3).

        Raises:
            ValueError: empty or inconsistent arrays.
        """
        points, triangles = checked_mesh("mesh", vertices, faces)
        welded = weld(points, triangles)
        own = np.arange(len(points))
        return cls(welded.vertices, welded.faces.astype(np.int64), triangles, welded.of_original, own)

    def separated(self, result: Separated) -> _Surface:
        """The surface after its bridges are cut. A cap's triangle has one colour, that of its first corner: what it
        shows was never seen."""
        stay = result.source_face >= 0
        texture = np.empty((len(result.faces), 3), np.int64)
        texture[stay] = self.uv_of_split[self.split_faces[result.source_face[stay]]]
        beside = np.empty(len(result.source_vertex), np.int64)
        beside[result.faces[stay]] = texture[stay]
        texture[~stay] = beside[result.faces[~stay, :1]]
        base = int(texture.max()) + 1
        keys, corners = np.unique(result.faces * base + texture, return_inverse=True)
        place, uv = np.divmod(keys, base)
        return _Surface(self.vertices[result.source_vertex], result.faces, corners.reshape(-1, 3), place, uv)


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
