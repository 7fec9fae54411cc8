"""Meshes of GLB files from anywhere: triangles, texture coordinates and the one texture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .glb import GlbError, GlbReader
from .rotations import matrices_of

TRIANGLES = 4
_NO_PLACE = -1


@dataclass(frozen=True)
class MeshFile:
    """All triangles of a scene as one mesh, in its world frame: Y up, metres by the format's word."""

    vertices: NDArray[np.float64]  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3) counter-clockwise from outside
    uvs: NDArray[np.float64]  # (V, 2), origin lower left; zeros where the file has none
    image: bytes | None  # the base colour's PNG or JPEG
    colour: tuple[float, float, float]  # linear factor of the base colour


def read_mesh(path: Path | str) -> MeshFile:
    """Read a GLB's triangles. A skin in it is left out: the vertices are those at rest.

    Raises:
        GlbError: it is no GLB, has no triangles, more than one texture, or compressed or interleaved data.
        OSError: it cannot be read.
    """
    reader = GlbReader(Path(path).read_bytes())
    required = reader.document.get("extensionsRequired", [])
    if required:
        raise GlbError(f"{path} needs the extension {required[0]}; export it again without compression.")
    try:
        return _mesh(reader, path)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, GlbError):
            raise
        raise GlbError(f"{path} is damaged or of a kind not read here ({type(error).__name__}: {error}).") from None


def _mesh(reader: GlbReader, path: Path | str) -> MeshFile:
    document = reader.document
    vertices, faces, uvs, materials = [], [], [], []
    count = 0
    for index, transform in _placed_meshes(document):
        for primitive in document["meshes"][index]["primitives"]:
            if primitive.get("mode", TRIANGLES) != TRIANGLES:
                continue
            points = reader.array(primitive["attributes"]["POSITION"]).astype(np.float64)
            corners = (
                reader.array(primitive["indices"]) if "indices" in primitive else np.arange(len(points))
            ).reshape(-1, 3)
            if np.linalg.det(transform[:3, :3]) < 0.0:
                corners = corners[:, ::-1]
            place = primitive["attributes"].get("TEXCOORD_0")
            uv = np.zeros((len(points), 2)) if place is None else _unit_range(reader.array(place))
            vertices.append(points @ transform[:3, :3].T + transform[:3, 3])
            faces.append(corners.astype(np.int64) + count)
            uvs.append(uv * [1.0, -1.0] + [0.0, 1.0])  # glTF's images begin at the upper left
            materials.append(primitive.get("material", _NO_PLACE))
            count += len(points)
    if not faces:
        raise GlbError(f"{path} has no triangles.")
    image, colour = _look(reader, sorted(set(materials)), path)
    return MeshFile(np.concatenate(vertices), np.concatenate(faces), np.concatenate(uvs), image, colour)


def _placed_meshes(document: dict[str, Any]) -> list[tuple[int, NDArray[np.float64]]]:
    """Index of every mesh in the scene and the (4, 4) matrix of its node in the world."""
    nodes = document.get("nodes", [])
    children = {child for node in nodes for child in node.get("children", ())}
    scenes = document.get("scenes")
    roots = scenes[document.get("scene", 0)].get("nodes", []) if scenes else [n for n in range(len(nodes))
                                                                             if n not in children]  # fmt: skip
    found: list[tuple[int, NDArray[np.float64]]] = []
    open_nodes = [(root, np.eye(4), 0) for root in roots]
    while open_nodes:
        number, above, depth = open_nodes.pop()
        if depth > len(nodes):
            raise GlbError("The nodes of this GLB run in a circle.")
        node = nodes[number]
        world = above @ _matrix(node)
        if "mesh" in node:  # a skinned mesh is placed by its joints, not by its node
            found.append((node["mesh"], np.eye(4) if "skin" in node else world))
        open_nodes += [(child, world, depth + 1) for child in node.get("children", ())]
    return found


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    matrix[:3, :3] = matrices_of(np.array([node.get("rotation", (0, 0, 0, 1))]))[0] * node.get("scale", (1, 1, 1))
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _unit_range(values: NDArray[Any]) -> NDArray[np.float64]:
    """Texture coordinates as floats: integers count shares of their largest value."""
    scale = float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 1.0
    return values.astype(np.float64) / scale


def _look(reader: GlbReader, materials: list[int], path: Path | str) -> tuple[bytes | None, tuple[float, float, float]]:
    """The image and the factor of the base colour that all materials share."""
    document, looks = reader.document, []
    for index in materials:
        shading = document["materials"][index].get("pbrMetallicRoughness", {}) if index != _NO_PLACE else {}
        texture = shading.get("baseColorTexture")
        source = document["textures"][texture["index"]].get("source") if texture else None
        red, green, blue = shading.get("baseColorFactor", (1.0, 1.0, 1.0, 1.0))[:3]
        looks.append((source, (float(red), float(green), float(blue))))
    if len({source for source, _ in looks}) > 1 or (looks[0][0] is None and len({c for _, c in looks}) > 1):
        raise GlbError(f"{path} has {len(looks)} materials of different looks; bake them into one texture first.")
    source, colour = looks[0]
    if source is None:
        return None, colour
    image = document["images"][source]
    if "bufferView" not in image:
        raise GlbError(f"{path} has its texture in another file; export it with the images inside.")
    return reader.view(image["bufferView"]), colour
