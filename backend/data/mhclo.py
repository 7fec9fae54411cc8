"""MakeHuman clothes (`.mhclo` + `.obj` + `.mhmat`): reading, fitting to a shaped body and skinning.

A garment vertex is bound to three vertices of the MakeHuman `hm08` base mesh (19,158 vertices, helpers
included): it lies at their weighted mean plus an offset. Offsets are written in decimetres, Y up, for the
base mesh's own A-pose; `x_scale i j d` and its like say that the x offsets are true where the two base
vertices i and j are d decimetres apart along x, and grow and shrink with that distance.

Format: MakeHuman's "MHCLO" file format as its `proxy.py` reads it (http://www.makehumancommunity.org/wiki).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from rigging.joints import NUM_JOINTS

from ..protocol.errors import DoppelError
from .hm08 import HM08_VERTICES, load_hm08, nearest_rotations

METRES_PER_DECIMETRE = 0.1
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tga", ".bmp")
_NOT_DIFFUSE = ("_nrm", "_nrml", "_normal", "_normals", "_ao", "_displacement", "_bump", "_spec", "_specular")
_TEXTURE_KEYS = {"diffuseTexture": "texture", "normalmapTexture": "normal_map", "aomapTexture": "occlusion_map"}

Float = NDArray[np.float64]
Int = NDArray[np.int32]


class AssetError(DoppelError):
    """An asset file is missing, broken or does not fit its neighbours. The message names the file."""

    def __init__(self, path: Path, what: str, hint: str = "Fetch the file again, see docs/assets.md.") -> None:
        super().__init__("asset", f"{path}: {what}", hint)
        self.path = path


@dataclass(frozen=True)
class Painted:
    """A texture that is computed where others lie on disk."""

    name: str
    paint: Callable[[], Image.Image]  # the same picture at each call


Texture = Path | Painted


def open_texture(texture: Texture) -> Image.Image:
    """The picture, decoded, in its own mode. Raises AssetError."""
    if isinstance(texture, Painted):
        return texture.paint()
    try:
        with Image.open(texture) as image:
            image.load()
            return image
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises the last for PNGs with a broken chunk
        raise AssetError(texture, f"is not a readable image ({error})") from error


@dataclass(frozen=True)
class AxisScale:
    """`x_scale i j d`: offsets along one axis are multiplied by |V_i - V_j| along it / d (metres)."""

    first: int
    second: int
    distance: float

    def factor(self, coordinates: Float) -> float:
        """coordinates: (19158,) of the base along the axis, metres."""
        return float(abs(coordinates[self.first] - coordinates[self.second])) / self.distance


@dataclass(frozen=True)
class Obj:
    """A wavefront mesh: polygons triangulated as fans; `uv_faces` indexes `uvs` (origin lower left)."""

    vertices: Float  # (N, 3), the file's unit
    faces: Int  # (F, 3)
    uvs: Float  # (T, 2); one zero row when the file has none
    uv_faces: Int  # (F, 3)
    face_groups: list[str]  # (F,) the `g` line in force


@dataclass(frozen=True)
class Material:
    """What a `.mhmat` names that is on disk, with the diffuse factor (linear RGB as written)."""

    name: str
    texture: Texture | None = None
    normal_map: Path | None = None
    occlusion_map: Path | None = None
    transparent: bool = False


@dataclass(frozen=True)
class Garment:
    """A mesh bound to the hm08 base. N vertices, F triangles, T texture coordinates."""

    name: str
    path: Path
    vertex_ids: Int  # (N, 3) hm08 vertices
    weights: Float  # (N, 3) sum to 1; negative ones extrapolate
    offsets: Float  # (N, 3) metres, in the frame of the base's A-pose, before scaling
    scales: tuple[AxisScale | None, AxisScale | None, AxisScale | None]
    delete_verts: NDArray[np.bool_]  # (19158,) body vertices that the garment hides
    faces: Int  # (F, 3)
    uvs: Float  # (T, 2) origin lower left
    uv_faces: Int  # (F, 3)
    z_depth: int  # layer order: larger is further out
    material: Material
    has_alpha: bool  # the texture has pixels that are not opaque
    tags: tuple[str, ...] = field(default=())

    @property
    def texture(self) -> Texture | None:
        return self.material.texture

    def fit(self, base_vertices: Float, rest: Literal["t", "a"] = "t") -> Float:
        """Garment vertices (N, 3) on a base (19158, 3): Y up, metres.

        rest: the pose in which the base stands: "t" = this project's T-pose (hm08.npz), to which the offsets are
        turned with the limbs; "a" = MakeHuman's own A-pose (base.obj), for which they are written.
        """
        if base_vertices.shape != (HM08_VERTICES, 3):
            raise ValueError(f"base_vertices must be ({HM08_VERTICES}, 3), got {base_vertices.shape}")
        factors = [1.0 if s is None else s.factor(base_vertices[:, axis]) for axis, s in enumerate(self.scales)]
        offsets = self.offsets * factors
        if rest == "t":
            offsets = np.einsum("nij,nj->ni", self._a_to_t, offsets)
        return np.einsum("nk,nki->ni", self.weights, base_vertices[self.vertex_ids]) + offsets

    @cached_property
    def _a_to_t(self) -> Float:
        """(N, 3, 3) how the base turned at each garment vertex from A-pose to T-pose."""
        return nearest_rotations(np.einsum("nk,nkij->nij", self.weights, load_hm08().a_to_t[self.vertex_ids]))

    def through(self, points: Float, base_vertices: Float) -> Garment:
        """The same with offsets by which its vertices lie at ``points`` (N, 3) on a base in T-pose.

        Only for garments without scales, which would change the offsets again.
        """
        offsets = points - np.einsum("nk,nki->ni", self.weights, base_vertices[self.vertex_ids])
        return replace(self, offsets=np.einsum("nji,nj->ni", self._a_to_t, offsets))

    def skin(self, weights_index: NDArray[np.integer], weights_value: NDArray[np.floating]) -> Float:
        """Skin weights (N, 55) of the garment, rows >= 0 and sum 1.

        weights_index, weights_value: (19158, K) the base's joints and their weights, as in hm08.npz.
        """
        index, value = weights_index[self.vertex_ids], weights_value[self.vertex_ids] * self.weights[:, :, None]
        mixed = np.zeros((len(self.vertex_ids), NUM_JOINTS))
        np.add.at(mixed, (np.arange(len(mixed))[:, None, None], index), value)
        mixed = np.clip(mixed, 0.0, None)
        return mixed / mixed.sum(axis=1, keepdims=True)

    def hidden_vertices(self, base_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,) vertices bound for the greater part to masked base vertices (19158,), e.g. an outer garment's."""
        return np.einsum("nk,nk->n", self.weights, base_mask[self.vertex_ids].astype(np.float64)) > 0.5

    def subset(self, chosen: NDArray[np.bool_], base_vertices: Float | None = None) -> Garment:
        """The faces that are chosen (F,), without the vertices that no face uses then.

        base_vertices: (19158, 3) a body in T-pose to measure on: body vertices that lie under what was left out or
        beyond the rim of what was chosen are no longer hidden. Without it `delete_verts` stays as it is.
        """
        used, faces = np.unique(self.faces[chosen], return_inverse=True)
        used_uvs, uv_faces = np.unique(self.uv_faces[chosen], return_inverse=True)
        hides = self.delete_verts.copy()
        if base_vertices is not None and hides.any():
            vertices = self.fit(base_vertices)
            left = np.setdiff1d(np.arange(len(vertices)), used)
            if left.size:
                hidden = base_vertices[self.delete_verts]
                to_used, nearest = cKDTree(vertices[used]).query(hidden)
                to_left = cKDTree(vertices[left]).query(hidden)[0]
                at_rim = _rim(faces.reshape(-1, 3), len(used))[nearest]
                hides[np.flatnonzero(hides)] = (to_used <= to_left) & ~at_rim
        return replace(
            self,
            vertex_ids=self.vertex_ids[used],
            weights=self.weights[used],
            offsets=self.offsets[used],
            delete_verts=hides,
            faces=faces.reshape(-1, 3).astype(np.int32),
            uvs=self.uvs[used_uvs],
            uv_faces=uv_faces.reshape(-1, 3).astype(np.int32),
        )


def _rim(faces: NDArray[np.integer], count: int) -> NDArray[np.bool_]:
    """(count,) vertices on the open borders of a mesh: ends of edges that only one face has."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    single, uses = np.unique(edges, axis=0, return_counts=True)
    rim = np.zeros(count, dtype=bool)
    rim[single[uses == 1].ravel()] = True
    return rim


def load_mhclo(path: Path | str, material: Path | str | None = None) -> Garment:
    """Read a `.mhclo` with its mesh, material and textures.

    material: a `.mhmat` to use instead of the one the file names. Without either, an image beside the file
    that is not a normal, occlusion or displacement map is taken for the diffuse texture.
    Raises AssetError naming the file that is missing, broken or does not fit.
    """
    path = Path(path)
    words: dict[str, str] = {}
    scales: list[AxisScale | None] = [None, None, None]
    tags: list[str] = []
    rows: list[list[float]] = []
    deleted: list[str] = []
    section = ""
    for number, line in _lines(path):
        head, *rest = line.split()
        try:
            if head in ("verts", "delete_verts"):
                section = head
            elif head.isdigit():
                if section == "verts":
                    rows.append(_binding(rest, int(head)))
                elif section == "delete_verts":
                    deleted += [head, *rest]
                else:
                    raise ValueError("numbers before `verts`")
            elif head in ("x_scale", "y_scale", "z_scale"):
                distance = float(rest[2]) * METRES_PER_DECIMETRE
                if not distance > 0:
                    raise ValueError("a scale of zero length")
                scales["xyz".index(head[0])] = AxisScale(int(rest[0]), int(rest[1]), distance)
            elif head == "tag":
                tags.append(" ".join(rest))
            else:
                words[head] = " ".join(rest)
        except (ValueError, IndexError) as error:
            raise AssetError(path, f"line {number} cannot be read ({error}): {line[:60]!r}") from error

    if not rows:
        raise AssetError(path, "no vertex is bound: there are no lines after `verts`")
    if words.get("basemesh", "hm08") != "hm08":
        raise AssetError(path, f"made for the base mesh {words['basemesh']!r}, only hm08 is known")
    table = np.asarray(rows, dtype=np.float64)
    vertex_ids = table[:, :3].astype(np.int32)
    used = [s for s in scales if s is not None]
    highest = max([int(vertex_ids.max()), *(max(s.first, s.second) for s in used)])
    if not np.isfinite(table).all() or highest >= HM08_VERTICES:
        raise AssetError(path, f"bound to base vertex {highest}, hm08 has {HM08_VERTICES}")
    sums = table[:, 3:6].sum(axis=1, keepdims=True)
    if np.abs(sums - 1.0).max() > 0.05:
        worst = float(sums[np.abs(sums - 1.0).argmax(), 0])
        raise AssetError(path, f"vertex weights must sum to 1, one row sums to {worst:.3f}")

    mesh = load_obj(path.with_name(words.get("obj_file", path.stem + ".obj")))
    if len(mesh.vertices) != len(rows):
        raise AssetError(path, f"binds {len(rows)} vertices, {words.get('obj_file')} has {len(mesh.vertices)}")
    if material is None and words.get("material"):
        material = path.parent / words["material"]
    found = load_mhmat(Path(material)) if material is not None else _material_beside(path)
    return Garment(
        name=words.get("name", path.stem),
        path=path,
        vertex_ids=vertex_ids,
        weights=table[:, 3:6] / sums,
        offsets=table[:, 6:9] * METRES_PER_DECIMETRE,
        scales=(scales[0], scales[1], scales[2]),
        delete_verts=_deleted_mask(path, deleted),
        faces=mesh.faces,
        uvs=mesh.uvs,
        uv_faces=mesh.uv_faces,
        z_depth=int(words.get("z_depth", "50")),
        material=found,
        has_alpha=found.texture is not None and _has_alpha(found.texture),
        tags=tuple(tags),
    )


def load_obj(path: Path | str) -> Obj:
    """Read vertices, texture coordinates and polygons of a wavefront `.obj`. Raises AssetError."""
    path = Path(path)
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: list[list[int]] = []
    uv_faces: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for number, line in _lines(path):
        head, *rest = line.split()
        try:
            if head == "v":
                vertices.append([float(x) for x in rest[:3]])
            elif head == "vt":
                uvs.append([float(x) for x in rest[:2]])
            elif head == "g":
                group = " ".join(rest)
            elif head == "f":
                corners = [(corner.split("/") + [""])[:2] for corner in rest]
                ids = [_obj_index(v, len(vertices)) for v, _ in corners]
                uv_ids = [_obj_index(t, len(uvs)) if t else 0 for _, t in corners]
                for second in range(1, len(ids) - 1):
                    faces.append([ids[0], ids[second], ids[second + 1]])
                    uv_faces.append([uv_ids[0], uv_ids[second], uv_ids[second + 1]])
                    groups.append(group)
        except (ValueError, IndexError) as error:
            raise AssetError(path, f"line {number} cannot be read ({error}): {line[:60]!r}") from error
    if not vertices or not faces:
        raise AssetError(path, f"{len(vertices)} vertices and {len(faces)} faces: not a mesh")
    if any(len(row) != 3 for row in vertices) or any(len(row) != 2 for row in uvs):
        raise AssetError(path, "a vertex or texture coordinate is cut short")
    points = np.asarray(vertices, dtype=np.float64)
    if not np.isfinite(points).all():
        raise AssetError(path, "a vertex is not finite")
    return Obj(
        vertices=points,
        faces=np.asarray(faces, dtype=np.int32),
        uvs=np.asarray(uvs or [[0.0, 0.0]], dtype=np.float64),
        uv_faces=np.asarray(uv_faces, dtype=np.int32),
        face_groups=groups,
    )


def load_mhmat(path: Path | str) -> Material:
    """Read the texture paths of a `.mhmat`; lines about shaders are left out. Raises AssetError."""
    path = Path(path)
    textures: dict[str, Path] = {}
    name, transparent = path.stem, False
    for _, line in _lines(path):
        key, _, value = line.partition(" ")
        value = value.strip()
        if key == "name":
            name = value
        elif key == "transparent":
            transparent = value.lower() == "true"
        elif key in _TEXTURE_KEYS:
            textures[_TEXTURE_KEYS[key]] = path.parent / value
    for texture in textures.values():
        if not texture.is_file():
            raise AssetError(texture, f"texture is missing, {path.name} names it")
    return Material(
        name,
        texture=textures.get("texture"),
        normal_map=textures.get("normal_map"),
        occlusion_map=textures.get("occlusion_map"),
        transparent=transparent,
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text) of the lines that are neither empty nor comments."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise AssetError(path, f"cannot be opened ({error.strerror})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith(("#", "//")):
            yield number, line


def _binding(rest: list[str], first: int) -> list[float]:
    """ids (3), weights (3), offsets (3) of a `verts` line: one vertex alone, or the full nine numbers."""
    if not rest:
        return [first, first, first, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    if len(rest) != 8:
        raise ValueError(f"{len(rest) + 1} numbers, 1 or 9 expected")
    return [first, int(rest[0]), int(rest[1]), *(float(x) for x in rest[2:])]


def _deleted_mask(path: Path, tokens: list[str]) -> NDArray[np.bool_]:
    """(19158,) from `3 7 - 9 12`: single vertices and inclusive ranges."""
    mask = np.zeros(HM08_VERTICES, dtype=bool)
    position = 0
    try:
        while position < len(tokens):
            start = stop = int(tokens[position])
            position += 1
            if position < len(tokens) and tokens[position] == "-":
                stop = int(tokens[position + 1])
                position += 2
            if not 0 <= start <= stop < HM08_VERTICES:
                raise ValueError(f"range {start} - {stop} is outside hm08")
            mask[start : stop + 1] = True
    except (ValueError, IndexError) as error:
        raise AssetError(path, f"`delete_verts` cannot be read ({error})") from error
    return mask


def _obj_index(text: str, count: int) -> int:
    """0-based index from a 1-based or, counted from the end, negative one."""
    value = int(text)
    index = value - 1 if value > 0 else count + value
    if not 0 <= index < count:
        raise ValueError(f"index {value} of {count}")
    return index


def _material_beside(path: Path) -> Material:
    """The image beside a `.mhclo` that names no material; the shortest name wins where there are several."""
    images = sorted(p for p in path.parent.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES)
    diffuse = [p for p in images if not p.stem.lower().endswith(_NOT_DIFFUSE)]
    if not diffuse:
        raise AssetError(path, "names no material, and no diffuse texture lies beside it")
    texture = min(diffuse, key=lambda p: (len(p.name), p.name))
    normals = [p for p in images if p.stem.lower().endswith(("_nrm", "_nrml", "_normal", "_normals"))]
    return Material(texture.stem, texture=texture, normal_map=normals[0] if normals else None)


def _has_alpha(texture: Texture) -> bool:
    """Whether any pixel is less than opaque."""
    image = open_texture(texture)
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return False
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return int(lowest) < 250  # type: ignore[arg-type]
