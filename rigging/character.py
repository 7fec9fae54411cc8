"""A rigged character in its rest pose, and the file that keeps it."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import atomic
from .body_parameters import BodyParameters
from .joints import JOINT_NAMES, PARENTS
from .lbs import Influences, joints_at_rest, rigid_chain, rodrigues, skin

FORMAT = "doppel-character"
FORMAT_VERSION = 2  # 1 had no rest pose but the T-pose
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_VERTICES = 4_000_000
MAX_FILE_ENTRY = 1 << 30  # bytes, unpacked
WEIGHT_TOLERANCE = 1e-4

_DAMAGE = (KeyError, IndexError, TypeError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)

FloatArray = NDArray[np.float32]


class CharacterError(ValueError):
    """A character or its file is inconsistent; the message is one line for the user."""


@dataclass
class RiggedCharacter:
    """A textured mesh bound to the 55 SMPL-X joints, in its rest pose, metres, Y up, facing +Z.

    The rest pose is the T-pose unless ``rest_pose`` says otherwise; poses are counted from the T-pose in any case.
    Vertices are split along texture seams. Construction checks every field and raises `CharacterError`.
    """

    vertices: FloatArray  # (V, 3) rest pose
    faces: NDArray[np.int32]  # (F, 3) counter-clockwise outward
    uvs: FloatArray  # (V, 2), origin lower left
    normals: FloatArray  # (V, 3) unit, rest pose
    weights: FloatArray  # (V, J) nonnegative, rows sum to one
    joints: FloatArray  # (J, 3) rest pose
    texture_png: bytes  # base colour, sRGB
    params: BodyParameters  # shape, and the pose at generation
    parents: NDArray[np.int64] = field(default_factory=lambda: np.array(PARENTS))  # (J,) -1 for the root
    joint_names: tuple[str, ...] = JOINT_NAMES
    normal_png: bytes | None = None  # tangent-space normal map
    roughness_png: bytes | None = None  # grey
    provenance: dict[str, Any] = field(default_factory=dict)  # JSON-able
    morphs: dict[str, FloatArray] = field(default_factory=dict)  # name -> (V, 3) deltas in the rest pose
    rest_pose: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # (J, 3) axis-angle; empty = the T-pose

    def __post_init__(self) -> None:
        vertices, joints = len(self.vertices), len(self.joints)
        if not 0 < vertices <= MAX_VERTICES:
            raise CharacterError(f"A character needs 1 to {MAX_VERTICES} vertices; this one has {vertices}.")
        self.vertices = _floats("vertices", self.vertices, (vertices, 3))
        self.uvs = _floats("uvs", self.uvs, (vertices, 2))
        self.normals = _floats("normals", self.normals, (vertices, 3))
        self.joints = _floats("joints", self.joints, (joints, 3))
        self.weights = _floats("weights", self.weights, (vertices, joints))
        rest_pose = np.asarray(self.rest_pose, np.float64)
        self.rest_pose = rest_pose if rest_pose.size else np.zeros((joints, 3))
        if self.rest_pose.shape != (joints, 3) or not np.isfinite(self.rest_pose).all():
            raise CharacterError(f"The character's rest pose must be {joints} finite rotations.")
        self.morphs = {name: _floats(f"morph {name!r}", delta, (vertices, 3)) for name, delta in self.morphs.items()}
        if np.abs(np.linalg.norm(self.normals, axis=1) - 1.0).max() > 1e-3:
            raise CharacterError("The character's normals do not have unit length.")
        if (
            self.weights.min() < 0.0
            or np.abs(self.weights @ np.ones(joints, np.float32) - 1.0).max() > WEIGHT_TOLERANCE
        ):
            raise CharacterError("The character's skin weights must be nonnegative and sum to one at each vertex.")
        self.faces = self._checked_faces(vertices)
        self.parents = self._checked_parents(joints)
        self.joint_names = tuple(str(name) for name in self.joint_names)
        if len(self.joint_names) != joints or len(set(self.joint_names)) != joints:
            raise CharacterError(f"A character with {joints} joints needs as many different joint names.")
        for name, png in (
            ("texture", self.texture_png),
            ("normal map", self.normal_png),
            ("roughness map", self.roughness_png),
        ):
            if png is not None and not bytes(png[:8]) == PNG_SIGNATURE:
                raise CharacterError(f"The character's {name} is not a PNG image.")
        try:
            json.dumps(self.provenance, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CharacterError(f"The character's provenance cannot be written as JSON: {error}.") from None

    def _checked_faces(self, vertices: int) -> NDArray[np.int32]:
        faces = np.asarray(self.faces)
        if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0 or not np.issubdtype(faces.dtype, np.integer):
            raise CharacterError(f"The character's faces must be integers of shape (F, 3), not {faces.shape}.")
        if faces.min() < 0 or faces.max() >= vertices:
            raise CharacterError("The character's faces refer to vertices that do not exist.")
        return np.ascontiguousarray(faces, np.int32)

    def _checked_parents(self, joints: int) -> NDArray[np.int64]:
        parents = np.asarray(self.parents)
        ordered = parents.shape == (joints,) and np.issubdtype(parents.dtype, np.integer)
        if not ordered or parents[0] != -1 or (parents[1:] < 0).any() or (parents >= np.arange(joints)).any():
            raise CharacterError("The character's joints must form one tree, each parent before its children.")
        return parents.astype(np.int64)

    def joint_transforms(self, params: BodyParameters | None = None) -> NDArray[np.float64]:
        """Rest-to-posed transforms (J, 4, 4) of a pose; None is the pose at generation. Shape and expression of
        ``params`` are not used: they are baked into the mesh."""
        params = self.params if params is None else params
        _, transforms = rigid_chain(self.turns(params.full_pose), self.joints.astype(np.float64), self.parents)
        transforms[:, :3, 3] += params.transl
        return transforms

    def turns(self, full_pose: NDArray[np.floating]) -> NDArray[np.float64]:
        """How each joint turns from the rest pose, relative to its parent, (..., J, 3, 3) for rotations (..., J, 3)
        that are counted from the T-pose. In the T-pose they are the same."""
        shape = np.shape(full_pose)
        local = rodrigues(full_pose).reshape(*shape, 3)
        if not self.rest_pose.any():
            return local
        world = self.rest_rotations
        above = np.where(self.parents[:, None, None] >= 0, world[self.parents], np.eye(3))
        return above @ local @ np.swapaxes(world, 1, 2)

    @property
    def t_joints(self) -> NDArray[np.float64]:
        """(J, 3) joints in the T-pose; the root stays where it is."""
        return joints_at_rest(self.joints.astype(np.float64), self.rest_rotations, self.parents)

    @property
    def rest_rotations(self) -> NDArray[np.float64]:
        """(J, 3, 3) of the rest pose in the world, from the T-pose."""
        world = rodrigues(self.rest_pose)
        for joint in range(1, len(world)):
            world[joint] = world[self.parents[joint]] @ world[joint]
        return world

    def posed(
        self, params: BodyParameters | None = None, morphs: Mapping[str, float] | None = None
    ) -> NDArray[np.float64]:
        """Vertices (V, 3) in a pose (None: as generated), with morphs by name and strength applied before."""
        rest = self.vertices.astype(np.float64)
        for name, strength in (morphs or {}).items():
            if name not in self.morphs:
                known = ", ".join(self.morphs) or "none"
                raise CharacterError(f"This character has no morph {name!r}; it has: {known}.")
            rest += strength * self.morphs[name]
        return skin(rest, Influences.of(self.weights), self.joint_transforms(params))

    def save_npz(self, path: Path | str) -> None:
        """Write the character to ``path`` in full or not at all; equal characters give equal bytes."""
        atomic.write_bytes(path, self._to_npz())

    def _to_npz(self) -> bytes:
        influences, values = pack_weights(self.weights, max(1, int((self.weights > 0).sum(axis=1).max())))
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION if self.rest_pose.any() else 1,  # older releases know only the T-pose
            "joint_names": list(self.joint_names),
            "params": self.params.to_dict(),
            "provenance": self.provenance,
            "morphs": list(self.morphs),
        }
        arrays: dict[str, NDArray[Any]] = {
            "header": _bytes_array(json.dumps(header, allow_nan=False, sort_keys=True).encode()),
            "vertices": self.vertices,
            "faces": self.faces,
            "uvs": self.uvs,
            "normals": self.normals,
            "weight_joints": influences.astype(np.uint16),
            "weight_values": values.astype(np.float32),
            "joints": self.joints,
            "parents": self.parents,
            "texture_png": _bytes_array(self.texture_png),
        }
        if self.rest_pose.any():
            arrays["rest_pose"] = self.rest_pose
        for name in ("normal_png", "roughness_png"):
            if getattr(self, name) is not None:
                arrays[name] = _bytes_array(getattr(self, name))
        for index, delta in enumerate(self.morphs.values()):
            moved = np.flatnonzero(delta.any(axis=1)).astype(np.int32)
            arrays[f"morph_{index}_vertices"], arrays[f"morph_{index}_deltas"] = moved, delta[moved]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                entry = io.BytesIO()
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
                stored = zipfile.ZIP_STORED if name.endswith("_png") else zipfile.ZIP_DEFLATED
                info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                archive.writestr(info, entry.getvalue(), compress_type=stored)
        return buffer.getvalue()

    @classmethod
    def load_npz(cls, path: Path | str) -> RiggedCharacter:
        """Read what `save_npz` wrote.

        Raises:
            CharacterError: not such a file, damaged, or made by a newer release. No code in a file is ever run.
            OSError: the file cannot be read.
        """
        try:
            arrays = _read_arrays(Path(path))
            header = json.loads(arrays["header"].tobytes())
            if header["format"] != FORMAT:
                raise CharacterError(f"{path} is not a character file.")
            if header["version"] not in (1, FORMAT_VERSION):
                raise CharacterError(
                    f"{path} is a character file of version {header['version']!r}; "
                    f"this release reads up to {FORMAT_VERSION}."
                )
            vertices, joints = len(arrays["vertices"]), len(arrays["joints"])
            morphs = {}
            for index, name in enumerate(header["morphs"]):
                morphs[name] = np.zeros((vertices, 3), np.float32)
                morphs[name][arrays[f"morph_{index}_vertices"]] = arrays[f"morph_{index}_deltas"]
            return cls(
                vertices=arrays["vertices"],
                faces=arrays["faces"],
                uvs=arrays["uvs"],
                normals=arrays["normals"],
                weights=unpack_weights(arrays["weight_joints"], arrays["weight_values"], joints),
                joints=arrays["joints"],
                parents=arrays["parents"],
                joint_names=tuple(header["joint_names"]),
                texture_png=arrays["texture_png"].tobytes(),
                **{name: arrays[name].tobytes() for name in ("normal_png", "roughness_png") if name in arrays},
                params=BodyParameters.from_dict(header["params"]),
                provenance=header["provenance"],
                morphs=morphs,
                rest_pose=arrays.get("rest_pose", np.zeros(0)),
            )
        except CharacterError:
            raise
        except _DAMAGE as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise CharacterError(f"{path} is not a readable character file ({reason}).") from None


def pack_weights(weights: NDArray[np.floating], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``count`` largest weights of each vertex, largest first: joints (V, count) and renormalised values.

    Slots without weight have joint 0.
    """
    dense: NDArray[np.float64] = np.asarray(weights, np.float64)
    if count > dense.shape[1]:
        dense = np.pad(dense, ((0, 0), (0, count - dense.shape[1])))
    order = np.argsort(-dense, axis=1, kind="stable")[:, :count]  # stable: ties go to the lower joint
    values = np.take_along_axis(dense, order, axis=1)
    values /= values.sum(axis=1, keepdims=True)
    return np.where(values > 0.0, order, 0), values


def unpack_weights(joints: NDArray[np.integer], values: NDArray[np.floating], count: int) -> FloatArray:
    """The inverse of `pack_weights`: a dense (V, count) matrix."""
    weights = np.zeros((len(joints), count), np.float32)
    rows = np.arange(len(joints))
    for joint, value in zip(joints.T, values.T, strict=True):  # slots without weight share joint 0
        weights[rows, joint] += value
    return weights


def _floats(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    array = np.ascontiguousarray(value, np.float32)
    if array.shape != shape:
        raise CharacterError(f"The character's {name} must have the shape {shape}, not {array.shape}.")
    flat = array.reshape(-1)
    # the sum of squares is finite only if every number is, and ten times faster; it may overflow, so the rest decides
    if not np.isfinite(flat @ flat) and not np.isfinite(array).all():
        raise CharacterError(f"The character's {name} have numbers that are not finite.")
    return array


def _bytes_array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(bytes(data), np.uint8)


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size > MAX_FILE_ENTRY:
                raise CharacterError(f"{path} holds an entry of {info.file_size} bytes, more than any character needs.")
            with archive.open(info) as entry:
                arrays[info.filename.removesuffix(".npy")] = np.lib.format.read_array(entry, allow_pickle=False)
    return arrays
