"""The GLB container of glTF 2.0: a JSON document and one binary buffer, with typed views into it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import atomic

MAGIC, VERSION = b"glTF", 2
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
COMPONENT_TYPES: dict[int, np.dtype] = {
    5120: np.dtype("<i1"),
    5121: np.dtype("<u1"),
    5122: np.dtype("<i2"),
    5123: np.dtype("<u2"),
    5125: np.dtype("<u4"),
    5126: np.dtype("<f4"),
}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_COMPONENT_OF = {dtype: code for code, dtype in COMPONENT_TYPES.items()}
_TYPE_OF = {width: name for name, width in WIDTHS.items()}


class GlbError(ValueError):
    """A file is not a GLB that this library reads; the message is one line for the user."""


def pack(document: dict[str, Any], binary: bytes) -> bytes:
    """A GLB of a finished document and its one buffer."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
    chunks += struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return MAGIC + struct.pack("<II", VERSION, 12 + len(chunks)) + chunks


def skinned_to_roots(document: dict[str, Any]) -> None:
    """Move the nodes of skinned meshes out from below others to the top of the scene, as the specification advises.

    Only its joints place a skinned mesh, so nothing moves; Blender's exporter puts it below its armature.
    """
    moved = {index for index, node in enumerate(document["nodes"]) if "skin" in node and "mesh" in node}
    for node in document["nodes"]:
        children = [child for child in node.pop("children", ()) if child not in moved]
        if children:
            node["children"] = children
    for scene in document["scenes"]:
        scene["nodes"] = [*(index for index in scene["nodes"] if index not in moved), *sorted(moved)]


class GlbWriter:
    """Collects binary data and the accessors that describe it; `document` takes everything else."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"accessors": [], "bufferViews": []}
        self._binary = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes at a multiple of four; returns the buffer view's index."""
        self._binary += b"\0" * (-len(self._binary) % 4)
        entry = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        self._binary += data
        self.document["bufferViews"].append(entry)
        return len(self.document["bufferViews"]) - 1

    def accessor(self, array: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """Add an array (N,) or (N, width) of a glTF component type; returns the accessor's index."""
        array = np.ascontiguousarray(array)
        entry = _described(array)
        if bounds:
            entry |= _bounds(array)
        entry["bufferView"] = self.view(array.tobytes(), target)
        return self._add(entry)

    def sparse_accessor(self, array: NDArray[np.float32]) -> int:
        """Add a mostly zero array (N, width) with bounds; stores only the rows that are not zero if that is smaller."""
        array = np.ascontiguousarray(array)
        rows = np.flatnonzero(array.any(axis=1)).astype(np.uint32)
        if len(rows) * (array.itemsize * array.shape[1] + rows.itemsize) >= array.nbytes:
            return self.accessor(array, bounds=True)
        entry = _described(array) | _bounds(array)
        if len(rows):  # an accessor without any data is all zeros
            entry["sparse"] = {
                "count": len(rows),
                "indices": {"bufferView": self.view(rows.tobytes()), "componentType": _COMPONENT_OF[rows.dtype]},
                "values": {"bufferView": self.view(array[rows].tobytes())},
            }
        return self._add(entry)

    def _add(self, entry: dict[str, Any]) -> int:
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def to_bytes(self) -> bytes:
        """The whole file."""
        self._binary += b"\0" * (-len(self._binary) % 4)
        return pack(self.document | {"buffers": [{"byteLength": len(self._binary)}]}, bytes(self._binary))

    def save(self, path: Path | str) -> None:
        """Write the file in full or not at all."""
        atomic.write_bytes(path, self.to_bytes())


class GlbReader:
    """A parsed GLB: `document`, `binary` and the arrays in it.

    Raises:
        GlbError: the container is damaged, or refers to data outside of it.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < 20 or data[:4] != MAGIC:
            raise GlbError("This is not a GLB file: it does not begin with 'glTF'.")
        version, length = struct.unpack_from("<II", data, 4)
        if version != VERSION or length > len(data):
            raise GlbError(f"This GLB is of version {version} or cut off ({len(data)} of {length} bytes).")
        self.document: dict[str, Any] = {}
        self.binary = b""
        offset = 12
        while offset + 8 <= length:
            size, kind = struct.unpack_from("<II", data, offset)
            chunk = data[offset + 8 : offset + 8 + size]
            if len(chunk) != size:
                raise GlbError("This GLB is cut off within a chunk.")
            if kind == JSON_CHUNK:
                try:
                    self.document = json.loads(chunk)
                except ValueError as error:
                    raise GlbError(f"The JSON of this GLB is damaged: {error}.") from None
            elif kind == BINARY_CHUNK:
                self.binary = chunk
            offset += 8 + size
        if not isinstance(self.document, dict) or "asset" not in self.document:
            raise GlbError("This GLB has no glTF document.")

    def view(self, index: int) -> bytes:
        """The bytes of a buffer view."""
        entry = self.document["bufferViews"][index]
        start = entry.get("byteOffset", 0)
        data = self.binary[start : start + entry["byteLength"]]
        if start < 0 or len(data) != entry["byteLength"]:
            raise GlbError(f"Buffer view {index} lies outside the file's binary data.")
        return data

    def array(self, index: int) -> NDArray[Any]:
        """An accessor as an array (N,) or (N, width), sparse parts filled in; interleaved data is not supported."""
        entry = self.document["accessors"][index]
        dtype, width, count = COMPONENT_TYPES[entry["componentType"]], WIDTHS[entry["type"]], entry["count"]
        if "bufferView" in entry:
            if "byteStride" in self.document["bufferViews"][entry["bufferView"]]:
                raise GlbError(f"Accessor {index} is interleaved, which this reader does not support.")
            array = self._values(entry["bufferView"], entry.get("byteOffset", 0), dtype, count * width).copy()
        else:
            array = np.zeros(count * width, dtype)
        array = array.reshape(count, width) if width > 1 else array
        if "sparse" in entry:
            sparse = entry["sparse"]
            place, given = sparse["indices"], sparse["values"]
            index_type, size = COMPONENT_TYPES[place["componentType"]], sparse["count"]
            indices = self._values(place["bufferView"], place.get("byteOffset", 0), index_type, size)
            values = self._values(given["bufferView"], given.get("byteOffset", 0), dtype, size * width)
            array[indices] = values.reshape((size, width) if width > 1 else -1)
        return array

    def _values(self, view: int, offset: int, dtype: np.dtype, count: int) -> NDArray[Any]:
        data = self.view(view)
        if offset < 0 or count < 0 or offset + count * dtype.itemsize > len(data):
            raise GlbError(f"An accessor reads past the end of buffer view {view}.")
        return np.frombuffer(data, dtype, count, offset)


def _described(array: NDArray[Any]) -> dict[str, Any]:
    width = 1 if array.ndim == 1 else array.shape[1]
    return {"componentType": _COMPONENT_OF[array.dtype], "count": len(array), "type": _TYPE_OF[width]}


def _bounds(array: NDArray[Any]) -> dict[str, Any]:
    return {"min": np.atleast_1d(array.min(axis=0)).tolist(), "max": np.atleast_1d(array.max(axis=0)).tolist()}
