"""A synthetic avatar for the tests: a capsule person whose limbs follow the joints of the open body."""

import dataclasses
import struct
import zlib
from collections.abc import Callable, Sequence
from types import ModuleType

import bpy
import numpy as np

SIDES = 12
RINGS = 6


def png(red: int, green: int, blue: int, size: int = 16) -> bytes:
    """A square PNG of one colour."""
    row = b"\0" + bytes((red, green, blue)) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * size)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def capsule(start: np.ndarray, end: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles, UVs and normals of a closed tube; its seam is split, as real avatars' are."""
    axis = (end - start) / np.linalg.norm(end - start)
    aside = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (1.0, 0.0, 0.0))
    aside /= np.linalg.norm(aside)
    other = np.cross(axis, aside)
    angles = np.linspace(0.0, 2.0 * np.pi, SIDES + 1)
    angles[-1] = 0.0  # exactly the first column again: the seam
    circle = np.cos(angles)[:, None] * aside + np.sin(angles)[:, None] * other
    rings = np.linspace(0.0, 1.0, RINGS)
    vertices = (start + rings[:, None, None] * (end - start) + radius * circle[None]).reshape(-1, 3)
    normals = np.tile(circle, (RINGS, 1, 1)).reshape(-1, 3)
    u = np.linspace(0.0, 1.0, SIDES + 1)
    uvs = np.stack(np.broadcast_arrays(u[None], rings[:, None]), axis=-1).reshape(-1, 2)
    faces = []
    for ring in range(RINGS - 1):
        for side in range(SIDES):
            a = ring * (SIDES + 1) + side
            b, c, d = a + 1, a + SIDES + 1, a + SIDES + 2
            faces += [(a, b, c), (b, d, c)]
    return vertices, np.array(faces), uvs, normals


def resting(made: object, body_parameters: ModuleType, rest_pose: np.ndarray) -> object:
    """The same person with the rest pose (55, 3): the mesh as skinning carries it there."""
    there = body_parameters.BodyParameters.from_full_pose(rest_pose)
    transforms = made.joint_transforms(there)
    joints = np.einsum("jab,jb->ja", transforms[:, :3, :3], made.joints) + transforms[:, :3, 3]
    return dataclasses.replace(made, vertices=made.posed(there), joints=joints, rest_pose=rest_pose)


def imported(enabled: Callable[[str], ModuleType], name: str, rest: str = "t", betas: Sequence[float] = (0.0,) * 10):
    """The armature of a person, imported, that was generated in the A-pose and rests in the T-pose or in the A-pose."""
    parameters = enabled("rigging.body_parameters")
    body = parameters.BodyParameters.a_pose(betas)
    made = person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    if rest == "a":
        made = resting(made, parameters, body.full_pose)
    return enabled("blender_addon.tool.importer").import_character(bpy.context, made, name)


def person(rigging_character: ModuleType, body_model: ModuleType, parameters: object, **fields: object) -> object:
    """A RiggedCharacter of capsules along the bones of the open body, skinned in two-bone blends."""
    body = body_model.BodyModel.load()
    joints = body.pose(type(parameters)(betas=parameters.betas)).rest_joints
    parts, weights, offset = [], [], 0
    for child, parent in enumerate(body.parents):
        if parent < 0 or np.linalg.norm(joints[child] - joints[parent]) < 1e-3:
            continue
        radius = 0.06 if child < 22 else 0.008
        vertices, faces, uvs, normals = capsule(joints[parent], joints[child], radius)
        along = np.repeat(np.linspace(0.0, 1.0, RINGS), SIDES + 1)
        weight = np.zeros((len(vertices), len(joints)))
        weight[:, parent] = 1.0 - 0.5 * along**2
        weight[:, child] = 0.5 * along**2
        parts.append((vertices, faces + offset, uvs, normals))
        weights.append(weight)
        offset += len(vertices)
    vertices, faces, uvs, normals = (np.concatenate(column) for column in zip(*parts, strict=True))
    smile = np.zeros_like(vertices)
    smile[:40, 2] = 0.02
    values = {
        "vertices": vertices,
        "faces": faces.astype(np.int32),
        "uvs": uvs,
        "normals": normals,
        "weights": np.concatenate(weights),
        "joints": joints,
        "texture_png": png(200, 40, 40),
        "normal_png": png(128, 128, 255),
        "params": parameters,
        "provenance": {"request": {"prompt": "a woman in a red dress", "seed": 7}, "hypothesis": 0},
        "morphs": {"mouthSmileLeft": smile},
    }
    return rigging_character.RiggedCharacter(**{**values, **fields})
