"""Another rest pose for a character: what an artist animates from best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .body_parameters import BodyParameters
from .character import CharacterError, RiggedCharacter
from .lbs import Influences, blend_transforms, rigid_chain
from .normals import vertex_normals
from .unpose import unpose
from .weld import weld

REST_POSES = ("t", "a", "as-posed")
"""T-pose, A-pose, and the pose at generation, in which the mesh is as it was made to the last vertex."""


def with_rest(character: RiggedCharacter, rest: str) -> RiggedCharacter:
    """The character with another of `REST_POSES`. It looks the same in the pose at generation, and nearly so in others.

    The mesh is taken back from the pose at generation anew, so that less is undone the nearer the new rest is to it.

    Raises:
        CharacterError: an unknown rest pose.
    """
    if rest not in REST_POSES:
        raise CharacterError(f"There is no rest pose {rest!r}; there are: {', '.join(REST_POSES)}.")
    poses = {"t": BodyParameters(), "a": BodyParameters.a_pose(), "as-posed": character.params}
    return in_rest(character, poses[rest].full_pose)


def in_rest(character: RiggedCharacter, rest_pose: NDArray[np.floating]) -> RiggedCharacter:
    """The character with the rest pose (J, 3), axis-angle from the T-pose; the root joint stays where it is."""
    if np.array_equal(rest_pose, character.rest_pose):
        return character
    turns = character.turns(rest_pose)
    joints, to_rest = rigid_chain(turns, character.joints.astype(np.float64), character.parents)
    welded = weld(character.vertices, character.faces)
    rows = np.empty(len(welded.vertices), np.int64)
    rows[welded.of_original] = np.arange(len(welded.of_original))
    weights = character.weights[rows].astype(np.float64)
    generated = character.posed()[rows]
    vertices = unpose(generated, weights, character.joint_transforms() @ np.linalg.inv(to_rest))
    linear = blend_transforms(Influences.of(weights), to_rest)[:, :, :3]
    morphs = {
        name: np.einsum("vij,vj->vi", linear[welded.of_original], delta).astype(np.float32)
        for name, delta in character.morphs.items()
    }
    split = welded.of_original
    return replace(
        character,
        vertices=vertices[split].astype(np.float32),
        normals=vertex_normals(vertices, welded.faces)[split].astype(np.float32),
        joints=joints.astype(np.float32),
        morphs=morphs,
        rest_pose=np.array(rest_pose, np.float64),
    )
