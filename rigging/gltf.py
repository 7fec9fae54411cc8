"""Rigged characters as glTF 2.0 binary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .body_parameters import BodyParameters
from .character import RiggedCharacter, pack_weights, unpack_weights
from .glb import ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER, GlbError, GlbReader, GlbWriter
from .influences import fit_influences
from .normals import vertex_tangents
from .rotations import quaternions_of
from .skeletons import SKELETONS, Rig, convert

INFLUENCES = 4
WEIGHT_STEPS = 1 << 16
"""Weights are multiples of its inverse: exact in float32, so they sum to exactly one in any order of summation."""
ROUGHNESS = 0.85
EXTRAS = "doppel"
EXTRAS_VERSION = 1
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP = 9729, 9987, 33071


def write_glb(
    path: Path | str, character: RiggedCharacter, pose: bool = True, name: str = "Avatar", rig: Rig | None = None
) -> None:
    """Write a character with skin, material, morph targets and provenance, in full or not at all.

    Args:
        path: the ``.glb`` file.
        character: in its rest pose; glTF shares its frame (metres, Y up, facing +Z).
        pose: True sets the joint nodes to the pose at generation, so that viewers show the character as generated;
            False leaves it in the rest pose. The bind pose is the rest pose in both cases.
        name: of the mesh node.
        rig: the character on another skeleton, from `skeletons.convert`; None is SMPL-X's.
    """
    glb_of(character, pose, name, rig).save(path)


def glb_of(
    character: RiggedCharacter, pose: bool = True, name: str = "Avatar", rig: Rig | None = None, tangents: bool = True
) -> GlbWriter:
    """What `write_glb` writes, not yet on the disk; ``tangents`` False leaves them to be computed by the reader."""
    rig = convert(character, SKELETONS["smplx"]) if rig is None else rig
    writer = GlbWriter()
    joints = _skeleton_nodes(rig, pose)
    extras = {
        EXTRAS: {
            "version": EXTRAS_VERSION,
            "skeleton": rig.skeleton,
            "params": character.params.to_dict(),
            "provenance": character.provenance,
            **({"rest_pose": character.rest_pose.tolist()} if character.rest_pose.any() else {}),
        }
    }
    writer.document = {
        "asset": {"version": "2.0", "generator": "Doppel", "extras": extras},
        "scene": 0,
        # a skinned mesh is placed by its joints alone, so both are roots
        "scenes": [{"name": name, "nodes": [0, len(joints)]}],
        "nodes": [*joints, {"name": name, "mesh": 0, "skin": 0, "extras": extras}],
        **writer.document,
    }
    writer.document |= {
        "meshes": [_mesh(writer, character, rig, name, tangents)],
        "skins": [_skin(writer, rig, name)],
        **_material(writer, character, name),
    }
    return writer


def read_glb(path: Path | str) -> RiggedCharacter:
    """Read a file of `write_glb`: the rest pose, its skin (at most four influences a vertex) and the rest.

    Raises:
        GlbError: not a GLB, damaged, or not written by this library.
        CharacterError: its content is inconsistent.
        OSError: the file cannot be read.
    """
    reader = GlbReader(Path(path).read_bytes())
    document = reader.document
    ours = (document["asset"].get("extras") or {}).get(EXTRAS)
    if not isinstance(ours, dict) or ours.get("version") != EXTRAS_VERSION:
        raise GlbError(f"{path} was not written by this library, or by a newer release; import it as any glTF file.")
    if ours.get("skeleton", "smplx") != "smplx":
        raise GlbError(f"{path} has the {ours['skeleton']} skeleton; read the character from its avatar.npz instead.")
    try:
        return _character(reader, ours)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise GlbError(f"{path} lacks a part of a character ({type(error).__name__}: {error}).") from None


def _skeleton_nodes(rig: Rig, pose: bool) -> list[dict[str, Any]]:
    """One node a bone, in the rig's order."""
    offsets, turns = rig.local(pose)
    rotations = quaternions_of(turns)
    nodes: list[dict[str, Any]] = []
    for bone, bone_name in enumerate(rig.names):
        node: dict[str, Any] = {"name": bone_name, "translation": offsets[bone].tolist()}
        if np.any(rotations[bone, :3]):
            node["rotation"] = rotations[bone].tolist()
        children = np.flatnonzero(rig.parents == bone).tolist()
        if children:
            node["children"] = children
        nodes.append(node)
    return nodes


def _mesh(writer: GlbWriter, character: RiggedCharacter, rig: Rig, name: str, tangents: bool) -> dict[str, Any]:
    uvs = character.uvs.copy()
    uvs[:, 1] = 1.0 - uvs[:, 1]  # glTF's images begin at the upper left
    few = fit_influences(character.vertices, rig.weights, rig.heads, rig.parents, INFLUENCES)
    joints, weights = exact_influences(few)
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": writer.accessor(character.vertices, ARRAY_BUFFER, bounds=True),
            "NORMAL": writer.accessor(_unit(character.normals), ARRAY_BUFFER),
            "TEXCOORD_0": writer.accessor(uvs, ARRAY_BUFFER),
            "JOINTS_0": writer.accessor(joints, ARRAY_BUFFER),
            "WEIGHTS_0": writer.accessor(weights, ARRAY_BUFFER),
        },
        "indices": writer.accessor(character.faces.astype(np.uint32).ravel(), ELEMENT_ARRAY_BUFFER),
        "material": 0,
    }
    if tangents and character.normal_png is not None:  # without them every viewer would guess its own
        along = vertex_tangents(character.vertices, character.faces, character.uvs, _unit(character.normals))
        primitive["attributes"]["TANGENT"] = writer.accessor(along.astype(np.float32), ARRAY_BUFFER)
    mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
    if character.morphs:
        primitive["targets"] = [{"POSITION": writer.sparse_accessor(delta)} for delta in character.morphs.values()]
        mesh |= {"weights": [0.0] * len(character.morphs), "extras": {"targetNames": list(character.morphs)}}
    return mesh


def _skin(writer: GlbWriter, rig: Rig, name: str) -> dict[str, Any]:
    inverse_bind = np.swapaxes(rig.inverse_bind(), 1, 2).astype(np.float32)  # glTF stores columns
    return {
        "name": name,
        "joints": list(range(len(rig.names))),
        "skeleton": 0,
        "inverseBindMatrices": writer.accessor(inverse_bind.reshape(-1, 16)),
    }


def _material(writer: GlbWriter, character: RiggedCharacter, name: str) -> dict[str, Any]:
    images = [("baseColor", character.texture_png)]
    material: dict[str, Any] = {
        "name": name,
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicFactor": 0.0,
            "roughnessFactor": ROUGHNESS,
        },
    }
    if character.normal_png is not None:
        material["normalTexture"] = {"index": len(images)}
        images.append(("normal", character.normal_png))
    if character.roughness_png is not None:  # read from green; blue, metalness, counts nothing at a factor of zero
        material["pbrMetallicRoughness"] |= {"metallicRoughnessTexture": {"index": len(images)}, "roughnessFactor": 1.0}
        images.append(("roughness", character.roughness_png))
    sampler = {"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, "wrapS": _CLAMP, "wrapT": _CLAMP}
    return {
        "materials": [material],
        "samplers": [sampler],
        "textures": [{"sampler": 0, "source": index} for index in range(len(images))],
        "images": [
            {"name": f"{name}_{kind}", "mimeType": "image/png", "bufferView": writer.view(png)} for kind, png in images
        ],
    }


def exact_influences(weights: NDArray[np.floating]) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
    """The four largest weights of each vertex: joints (V, 4) uint8 or uint16, and weights (V, 4) that sum to exactly 1.

    Unused slots have joint 0 and weight 0, as the specification wants.
    """
    joints, values = pack_weights(weights, INFLUENCES)
    steps = np.round(values * WEIGHT_STEPS).astype(np.int64)
    steps[:, 0] += WEIGHT_STEPS - steps.sum(axis=1)
    small = np.uint8 if np.shape(weights)[1] <= 256 else np.uint16
    return np.where(steps > 0, joints, 0).astype(small), (steps / WEIGHT_STEPS).astype(np.float32)


def _unit(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = normals.astype(np.float64)
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


def _character(reader: GlbReader, ours: dict[str, Any]) -> RiggedCharacter:
    document = reader.document
    mesh, skin, material = document["meshes"][0], document["skins"][0], document["materials"][0]
    primitive, pbr = mesh["primitives"][0], material["pbrMetallicRoughness"]
    attributes = primitive["attributes"]
    nodes = [document["nodes"][index] for index in skin["joints"]]
    joint_of_node = {node: joint for joint, node in enumerate(skin["joints"])}
    parents = np.full(len(nodes), -1, np.int64)
    for joint, node in enumerate(nodes):
        for child in node.get("children", ()):
            parents[joint_of_node[child]] = joint
    uvs = reader.array(attributes["TEXCOORD_0"])
    uvs[:, 1] = 1.0 - uvs[:, 1]

    def image(texture: dict[str, Any]) -> bytes:
        source = document["textures"][texture["index"]]["source"]
        return reader.view(document["images"][source]["bufferView"])

    names = mesh.get("extras", {}).get("targetNames", [])
    return RiggedCharacter(
        vertices=reader.array(attributes["POSITION"]),
        faces=reader.array(primitive["indices"]).reshape(-1, 3).astype(np.int32),
        uvs=uvs,
        normals=reader.array(attributes["NORMAL"]),
        weights=unpack_weights(reader.array(attributes["JOINTS_0"]), reader.array(attributes["WEIGHTS_0"]), len(nodes)),
        joints=-reader.array(skin["inverseBindMatrices"])[:, 12:15],
        parents=parents,
        joint_names=tuple(node["name"] for node in nodes),
        texture_png=image(pbr["baseColorTexture"]),
        normal_png=image(material["normalTexture"]) if "normalTexture" in material else None,
        roughness_png=image(pbr["metallicRoughnessTexture"]) if "metallicRoughnessTexture" in pbr else None,
        params=BodyParameters.from_dict(ours["params"]),
        provenance=ours["provenance"],
        rest_pose=np.array(ours.get("rest_pose", ())),
        morphs={
            name: reader.array(target["POSITION"])
            for name, target in zip(names, primitive.get("targets", ()), strict=True)
        },
    )
