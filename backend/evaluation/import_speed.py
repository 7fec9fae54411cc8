"""How fast an avatar of 100,000 triangles comes into Blender, beside the same avatar by Blender's own glTF importer."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.gltf import write_glb
from rigging.mesh_graph import unique_edges
from rigging.normals import vertex_normals

from ..pipelines.rig import skin_of
from ..pipelines.texture import png
from ..pipelines.wrap import body_atlas
from ..protocol.errors import DoppelError

ROOT = Path(__file__).resolve().parents[2]
BLENDER = ROOT / ".venv-blender" / "bin" / "python"
TEXTURE = 2048


def import_rows(python: Path = BLENDER, runs: int = 5) -> list[tuple[str, float]]:
    """Seconds of the processor for reading an avatar's file into an empty Blender: ours and glTF's, each with 51 facial
    shapes and without any. Medians of `runs`; nothing where there is no Blender.

    Raises:
        DoppelError: ``blender_failed``.
    """
    if not python.is_file():
        return []
    rows = []
    for shapes in (True, False):
        character = dense_character(shapes)
        with tempfile.TemporaryDirectory() as folder:
            character.save_npz(Path(folder) / "avatar.npz")
            write_glb(Path(folder) / "avatar.glb", character)
            command = [str(python), str(ROOT / "tools" / "time_import.py"), folder, str(runs)]
            # Threads that spin while they wait would count as work.
            alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, env=alone)
        if done.returncode != 0:
            raise DoppelError("blender_failed", f"Blender failed: {done.stderr.strip().splitlines()[-1]}", str(python))
        seconds = json.loads(done.stdout.strip().splitlines()[-1])
        what = f"{len(character.faces) / 1000:.0f}k triangles, {len(character.morphs) or 'no'} shapes"
        rows.append((f"import into Blender, {what} (CPU time)", seconds["doppel"]))
        rows.append(("the same by Blender's glTF importer (CPU time)", seconds["gltf"]))
    return rows


def dense_character(shapes: bool) -> RiggedCharacter:
    """The open body with every triangle cut in four, a picture of noise on it, and with its facial shapes or none."""
    model = BodyModel.load()
    body = model.pose(BodyParameters())
    atlas = body_atlas(model)
    morphs = {}
    for name, (index, offsets) in (model.face_units if shapes else {}).items():
        moved = np.zeros((len(model.v_template), 3))
        moved[index] = offsets
        morphs[name] = moved
    of_body = [body.rest_vertices, skin_of(model)[1], *morphs.values()]
    parts = [atlas.uvs, *(part[atlas.source_vertex] for part in of_body)]
    rows, faces = quartered(np.concatenate(parts, axis=1), atlas.faces)
    uvs, vertices, weights, *deltas = np.split(rows, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (TEXTURE // 8, TEXTURE // 8, 3), np.uint8))
    return RiggedCharacter(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=uvs.astype(np.float32),
        normals=vertex_normals(vertices, faces).astype(np.float32),
        weights=weights.astype(np.float32),
        joints=body.rest_joints.astype(np.float32),
        texture_png=png(noise.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC)),
        params=BodyParameters.a_pose(),
        morphs={name: delta.astype(np.float32) for name, delta in zip(morphs, deltas, strict=True)},
    )


def quartered(
    rows: NDArray[np.floating], faces: NDArray[np.integer]
) -> tuple[NDArray[np.floating], NDArray[np.integer]]:
    """Every triangle (F, 3) cut in four at the middles of its edges; a new vertex's row is the mean of two (V, C)."""
    edges = unique_edges(faces)
    base = len(rows)
    keys = edges[:, 0] * base + edges[:, 1]
    ends = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2), axis=2)
    ab, bc, ca = (base + np.searchsorted(keys, ends[..., 0] * base + ends[..., 1])).T
    a, b, c = faces.T
    corners = [np.stack(corner, axis=1) for corner in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate([rows, 0.5 * (rows[edges[:, 0]] + rows[edges[:, 1]])]), np.concatenate(corners)
