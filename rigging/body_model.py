"""The parametric body: the open body that ships with the project, or a user's licensed SMPL-X file."""

from __future__ import annotations

import functools
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .body_parameters import BodyParameters
from .joints import NUM_JOINTS, PARENTS
from .lbs import Influences, rigid_chain, rodrigues, skin

OPEN_BODY_PATH = Path(__file__).parent / "data" / "open_body.npz"
NUM_BETAS = 10
NUM_EXPRESSIONS = 10
_OFFICIAL_EXPRESSION_START = 300  # in files with 300 shape and 100 expression components
_MAX_FILE_BYTES = 2**30
_MAX_VERTICES = 100_000


class BodyModelError(ValueError):
    """A body model file cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class PosedBody:
    """One posed body. Lengths in metres, Y up."""

    vertices: np.ndarray  # (V, 3) posed, translated
    joints: np.ndarray  # (55, 3) posed, translated
    transforms: np.ndarray  # (55, 4, 4) rest -> posed, translation included: skin(rest_vertices) gives vertices
    rest_vertices: np.ndarray  # (V, 3) shaped, with expression (and SMPL-X's pose correctives), in the T-pose
    rest_joints: np.ndarray  # (55, 3) of the shaped body in the T-pose


@dataclass
class BodyModel:
    """A body in SMPL-X's parametrisation.

    The frame is right-handed, Y up, the T-pose faces +Z; metres. The open body stands with its soles at y = 0 for
    any betas, its pelvis joint at x = z = 0. SMPL-X's own files have their origin near the chest.
    """

    v_template: np.ndarray  # (V, 3) float64
    faces: np.ndarray  # (F, 3) int32, counter-clockwise from outside
    uvs: np.ndarray  # (T, 2) float32, origin lower left
    uv_faces: np.ndarray  # (F, 3) int32, into uvs
    weights: np.ndarray  # (V, 55) float64, rows sum to 1
    J_regressor: np.ndarray  # (55, V) float64
    shapedirs: np.ndarray  # (V, 3, 10) float64, metres per standard deviation
    exprdirs: np.ndarray  # (V, 3, 10) float64
    parents: np.ndarray  # (55,) int64
    posedirs: np.ndarray | None = None  # (V * 3, 486) float32 pose blend shapes; None when there are none
    part_ids: np.ndarray | None = None  # (V,) uint8, indices into rigging.parts.PART_NAMES; open body only
    quads: np.ndarray | None = None  # (Q, 4) int32; open body only
    uv_quads: np.ndarray | None = None  # (Q, 4) int32; open body only
    mirror: np.ndarray | None = None  # (V,) int32 vertex on the other side; open body only
    face_units: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    # ^ ARKit name -> vertex indices (n,) and their offsets (n, 3), metres in the T-pose; open body only
    unit_to_expression: np.ndarray | None = None  # (52, 10) ARKit activations -> nearest expression coefficients
    name: str = "open"

    def __post_init__(self) -> None:
        self._weights = Influences.of(self.weights)
        self._dirs = np.ascontiguousarray(
            np.concatenate([self.shapedirs, self.exprdirs], axis=2).reshape(-1, NUM_BETAS + NUM_EXPRESSIONS)
        )
        regressor = self.J_regressor
        self._joint_template = regressor @ self.v_template
        self._joint_dirs = np.stack(
            [regressor @ self._dirs.reshape(len(self.v_template), 3, -1)[:, axis] for axis in range(3)], axis=1
        )
        self._cache: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # coefficients, vertices, joints

    @classmethod
    def load(cls, path: Path | str | None = None) -> BodyModel:
        """Load a body; `None` is the open body (read once, then shared), else a user's SMPLX_*.npz.

        Nothing in the file is unpickled, and only the arrays that are needed are read.

        Raises:
            BodyModelError: the file is missing, is not SMPL-X, or has arrays of wrong shapes.
        """
        return _open_body() if path is None else _load(Path(path))

    def shaped(self, betas: np.ndarray, expression: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (V, 3) and joints (55, 3) of the T-pose for betas (10,) and expression (10,).

        The last result is kept, so that posing the same shape again costs nothing here. Do not write into it.
        """
        coefficients = _coefficients(betas, expression)
        cached = self._cache  # read once: another thread may replace it
        if cached is None or not np.array_equal(coefficients, cached[0]):
            vertices = self.v_template + (self._dirs @ coefficients).reshape(-1, 3)
            joints = self.shaped_joints(betas, expression)
            vertices.setflags(write=False)
            joints.setflags(write=False)
            cached = self._cache = (coefficients, vertices, joints)
        return cached[1], cached[2]

    def shaped_joints(self, betas: np.ndarray, expression: np.ndarray | None = None) -> np.ndarray:
        """The joints (55, 3) of :meth:`shaped` alone."""
        return self._joint_template + self._joint_dirs @ _coefficients(betas, expression)

    def pose(self, parameters: BodyParameters | None = None) -> PosedBody:
        """Shape, pose and translate the body; without parameters, the mean body in the T-pose."""
        parameters = BodyParameters() if parameters is None else parameters
        rest_vertices, rest_joints = self.shaped(parameters.betas, parameters.expression)
        rotations = rodrigues(parameters.full_pose)
        joints, transforms = rigid_chain(rotations, rest_joints, self.parents)
        transforms[:, :3, 3] += parameters.transl
        if self.posedirs is not None:
            rest_vertices = rest_vertices + self._pose_offsets(rotations)
        vertices = skin(rest_vertices, self._weights, transforms)
        return PosedBody(vertices, joints + parameters.transl, transforms, rest_vertices, rest_joints)

    def height(self, betas: np.ndarray) -> float:
        """Height of the T-pose in metres, soles to crown."""
        return float(np.ptp(self.shaped(np.asarray(betas, np.float64))[0][:, 1]))

    def _pose_offsets(self, rotations: np.ndarray) -> np.ndarray:
        """(V, 3) pose blend shapes; joints that are not turned are skipped."""
        assert self.posedirs is not None
        features = (rotations[1:] - np.eye(3)).reshape(-1).astype(np.float32)
        turned = np.flatnonzero(features)
        if 2 * len(turned) > len(features):
            return (self.posedirs @ features).reshape(-1, 3)
        return (self.posedirs[:, turned] @ features[turned]).reshape(-1, 3)


def _coefficients(betas: np.ndarray, expression: np.ndarray | None) -> np.ndarray:
    coefficients = np.zeros(NUM_BETAS + NUM_EXPRESSIONS)
    coefficients[:NUM_BETAS] = betas
    if expression is not None:
        coefficients[NUM_BETAS:] = expression
    return coefficients


@functools.cache
def _open_body() -> BodyModel:
    return _load(OPEN_BODY_PATH)


def _load(path: Path) -> BodyModel:
    if not path.is_file():
        raise BodyModelError(f"There is no body model at {path}. Give the path of an SMPLX_*.npz file.")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise BodyModelError(f"{path.name} is too large to be an SMPL-X file ({path.stat().st_size / 2**20:.0f} MiB).")
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise BodyModelError(f"{path.name} cannot be read as an npz body model: it holds a single array.")
        with loaded as archive:
            return _from_archive(path, archive)
    except BodyModelError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BodyModelError(f"{path.name} cannot be read as an npz body model: {error}.") from error


def _from_archive(path: Path, archive: np.lib.npyio.NpzFile) -> BodyModel:
    reader = _Reader(path, archive)
    v_template = reader.floats("v_template", (None, 3))
    count = len(v_template)
    if not 1000 <= count <= _MAX_VERTICES:
        raise BodyModelError(f"{path.name} has {count} vertices; a body has 1,000 to 100,000.")
    faces = reader.indices("f", (None, 3), count)
    weights = reader.floats("weights", (count, NUM_JOINTS))
    if weights.min() < -1e-6 or np.abs(weights.sum(axis=1) - 1).max() > 1e-3:
        raise BodyModelError(f"{path.name}: 'weights' must be non-negative with rows that sum to 1.")
    shapedirs = reader.floats("shapedirs", (count, 3, None))
    if shapedirs.shape[2] < NUM_BETAS + NUM_EXPRESSIONS:
        raise BodyModelError(
            f"{path.name}: 'shapedirs' has {shapedirs.shape[2]} components; "
            "10 for shape and 10 for expression are needed."
        )
    start = NUM_BETAS
    if shapedirs.shape[2] >= _OFFICIAL_EXPRESSION_START + NUM_EXPRESSIONS:
        start = _OFFICIAL_EXPRESSION_START
    tree = np.array(reader.array("kintree_table", (2, NUM_JOINTS))[0])
    parents = tree.astype(np.int64)
    parents[0] = -1
    if not np.array_equal(parents, PARENTS):
        raise BodyModelError(f"{path.name}: 'kintree_table' is not SMPL-X's tree of {NUM_JOINTS} joints.")
    if "vt" in archive.files and "ft" in archive.files:
        uvs = reader.floats("vt", (None, 2)).astype(np.float32)
        uv_faces = reader.indices("ft", (len(faces), 3), len(uvs))
    else:
        uvs, uv_faces = np.zeros((1, 2), np.float32), np.zeros_like(faces)
    model = BodyModel(
        v_template=v_template,
        faces=faces,
        uvs=uvs,
        uv_faces=uv_faces,
        weights=weights,
        J_regressor=reader.floats("J_regressor", (NUM_JOINTS, count)),
        shapedirs=shapedirs[:, :, :NUM_BETAS],
        exprdirs=shapedirs[:, :, start : start + NUM_EXPRESSIONS],
        parents=parents,
        # The open body's are all zero, there only for other readers of the layout: half of the reading, for nothing.
        posedirs=None if "unit_names" in archive.files else reader.posedirs(count),
        name=path.stem,
    )
    if "unit_names" in archive.files:
        _add_extras(model, reader)
    return model


def _add_extras(model: BodyModel, reader: _Reader) -> None:
    """What the open body has beyond SMPL-X's layout."""
    count = len(model.v_template)
    model.part_ids = reader.array("part_ids", (count,))
    model.quads = reader.indices("quads", (None, 4), count)
    model.uv_quads = reader.indices("uv_quads", model.quads.shape, len(model.uvs))
    model.mirror = reader.indices("mirror", (count,), count)
    names = [str(name) for name in reader.array("unit_names", (None,))]
    starts = reader.array("unit_start", (len(names) + 1,))
    index = reader.indices("unit_index", (int(starts[-1]),), count)
    deltas = reader.floats("unit_deltas", (int(starts[-1]), 3))
    for unit, name in enumerate(names):
        rows = slice(int(starts[unit]), int(starts[unit + 1]))
        model.face_units[name] = (index[rows], deltas[rows])
    model.unit_to_expression = reader.floats("unit_to_expression", (len(names), NUM_EXPRESSIONS))
    model.name = "open"


class _Reader:
    """Arrays of an npz, checked for presence, kind and shape. Object arrays are refused by numpy itself."""

    def __init__(self, path: Path, archive: np.lib.npyio.NpzFile) -> None:
        self._path = path
        self._archive = archive

    def array(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        if key not in self._archive.files:
            raise BodyModelError(f"{self._path.name} is not an SMPL-X file: it has no '{key}'.")
        try:
            array = self._archive[key]
        except ValueError as error:
            raise BodyModelError(
                f"{self._path.name}: '{key}' holds Python objects, which are not loaded for safety; "
                "use the .npz from the SMPL-X download page."
            ) from error
        matches = array.ndim == len(shape) and all(
            wanted is None or wanted == got for wanted, got in zip(shape, array.shape, strict=True)
        )
        if not matches:
            wanted = " x ".join("any" if size is None else str(size) for size in shape)
            got = " x ".join(map(str, array.shape))
            raise BodyModelError(f"{self._path.name}: '{key}' must be {wanted}, but it is {got}.")
        return array

    def floats(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        array = self.array(key, shape)
        if array.dtype.kind not in "fiu":
            raise BodyModelError(f"{self._path.name}: '{key}' must hold numbers.")
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise BodyModelError(f"{self._path.name}: '{key}' has numbers that are not finite.")
        return array

    def indices(self, key: str, shape: tuple[int | None, ...], limit: int) -> np.ndarray:
        array = self.array(key, shape)
        if array.dtype.kind not in "iu" or (array.size and not 0 <= int(array.min()) <= int(array.max()) < limit):
            raise BodyModelError(f"{self._path.name}: '{key}' must be indices below {limit}.")
        return array.astype(np.int32)

    def posedirs(self, count: int) -> np.ndarray | None:
        """(V * 3, 486) float32, or None when they are all zero."""
        if "posedirs" not in self._archive.files:
            return None
        array = self.array("posedirs", (count, 3, 9 * (NUM_JOINTS - 1)))
        if array.dtype.kind not in "fiu":
            raise BodyModelError(f"{self._path.name}: 'posedirs' must hold numbers.")
        if not array.any():
            return None
        return np.ascontiguousarray(array.astype(np.float32).reshape(3 * count, -1))
