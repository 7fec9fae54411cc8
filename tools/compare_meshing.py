"""Our decimation, atlas and extraction beside others' on one avatar, in one run; prints Markdown tables.

    python -m pip install --no-deps --target /tmp/others pyfqmr meshoptimizer xatlas
    PYTHONPATH=/tmp/others .venv/bin/python tools/compare_meshing.py out/

out/ is what `doppel generate --out` wrote: its pictures are lifted again. The three packages are no part of Doppel and
need not stay. The dense grid takes minutes on a CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import fast_simplification
import meshoptimizer
import numpy as np
import pyfqmr
import torch
import xatlas
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from backend.evaluation.dense_grid import dense_surface  # noqa: E402
from backend.evaluation.surface_metrics import sample_mesh  # noqa: E402
from backend.geometry.hygiene import mesh_report  # noqa: E402
from backend.geometry.normals import face_areas, face_normals  # noqa: E402
from backend.geometry.simplify import simplify, smooth  # noqa: E402
from backend.geometry.topology import component_labels  # noqa: E402
from backend.geometry.unwrap import Atlas, unwrap  # noqa: E402
from backend.models.lifter import Lifter  # noqa: E402
from backend.pipelines.body import PosedSubject  # noqa: E402
from backend.pipelines.lift import SMOOTHING, LiftPipeline, LiftResult  # noqa: E402
from backend.pipelines.texture import TexturePipeline  # noqa: E402
from backend.pipelines.weights import weights_folder  # noqa: E402
from rigging.body_model import BodyModel  # noqa: E402
from rigging.body_parameters import BodyParameters  # noqa: E402
from rigging.closest_point import closest_points  # noqa: E402

T = TypeVar("T")
Mesh = tuple[np.ndarray, np.ndarray]

SAMPLES = 30_000
RESOLUTION = 256
TEXTURE_SIZE, PADDING = 1024, 4


def by_fast_simplification(vertices: np.ndarray, faces: np.ndarray, triangles: int) -> Mesh:
    return fast_simplification.simplify(vertices.astype(np.float64), faces.astype(np.int32), target_count=triangles)


def by_pyfqmr(vertices: np.ndarray, faces: np.ndarray, triangles: int) -> Mesh:
    mesh = pyfqmr.Simplify()
    mesh.setMesh(vertices, faces)
    mesh.simplify_mesh(target_count=triangles, verbose=False)
    return mesh.getMesh()[:2]


def by_meshoptimizer(vertices: np.ndarray, faces: np.ndarray, triangles: int) -> Mesh:
    left = np.zeros(faces.size, np.uint32)
    count = meshoptimizer.simplify(
        left, faces.ravel().astype(np.uint32), vertices, target_index_count=3 * triangles, target_error=1.0
    )
    return vertices, left[:count].reshape(-1, 3)


DECIMATIONS: dict[str, Callable[[np.ndarray, np.ndarray, int], Mesh]] = {
    "Doppel: fast-simplification, mended": simplify,
    "fast-simplification": by_fast_simplification,
    "pyfqmr": by_pyfqmr,
    "meshoptimizer": by_meshoptimizer,
}


def by_unwrap(vertices: np.ndarray, faces: np.ndarray) -> Atlas:
    return unwrap(vertices, faces, TEXTURE_SIZE, PADDING)


def by_xatlas(vertices: np.ndarray, faces: np.ndarray) -> Atlas:
    packing = xatlas.PackOptions()
    packing.padding, packing.resolution = PADDING, TEXTURE_SIZE
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices, faces.astype(np.uint32))
    atlas.generate(pack_options=packing)
    if atlas.atlas_count != 1:
        raise RuntimeError(f"xatlas needs {atlas.atlas_count} textures")
    source, triangles, uvs = atlas[0]
    triangles = triangles.astype(np.int64)
    return Atlas(uvs, triangles, source.astype(np.int64), component_labels(triangles, len(uvs)))


ATLASES: dict[str, Callable[[np.ndarray, np.ndarray], Atlas]] = {"Doppel": by_unwrap, "xatlas": by_xatlas}


def decimation_table(fine: Mesh, triangles: int, millimetres: float) -> str:
    """Each way's mesh against the fine one; ``millimetres`` is what a unit of the mesh measures."""
    lines = [
        f"| {len(fine[1]):,} to {triangles:,} triangles | CPU seconds | triangles | P2S, mm | 99 % below "
        "| normals off, degrees | edges with other than two faces | self-intersecting faces |",
        "|---|" + "---:|" * 7,
    ]
    outward = face_normals(*fine)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    for name, decimate in DECIMATIONS.items():
        seconds, (vertices, faces) = timed(lambda: decimate(*fine, triangles))  # noqa: B023
        report = mesh_report(vertices, faces, self_intersections=True)
        samples = sample_mesh(vertices, faces, SAMPLES, np.random.default_rng(0))
        met = closest_points(samples.points, *fine)
        cosine = np.einsum("nx,nx->n", samples.normals, outward[met.face_ids]).clip(-1, 1)
        distance = met.distances * millimetres
        lines.append(
            f"| {name} | {seconds:.2f} | {len(faces)} | {distance.mean():.3f} | {np.percentile(distance, 99):.2f} "
            f"| {np.degrees(np.arccos(cosine)).mean():.2f} | {report.boundary_edges + report.non_manifold_edges} "
            f"| {report.self_intersecting_faces} |"
        )
    return "\n".join(lines)


def atlas_table(vertices: np.ndarray, faces: np.ndarray) -> str:
    """Each way's atlas of one mesh, nothing favoured; density is texels a length, the less the steeper a projection."""
    lines = [
        f"| atlas of {len(faces):,} triangles, {TEXTURE_SIZE} texels, {PADDING} between charts | CPU seconds | charts "
        "| texels used twice | unused | vertices | density along the shorter side, 95 % over 5 % of the surface |",
        "|---|" + "---:|" * 6,
    ]
    area = face_areas(vertices, faces)
    for name, make in ATLASES.items():
        seconds, atlas = timed(lambda: make(vertices, faces))  # noqa: B023
        report = mesh_report(vertices[atlas.source_vertex], atlas.faces, atlas.uvs, texture_size=TEXTURE_SIZE)
        assert report.uv_coverage is not None and report.uv_overlap is not None
        low, high = weighted_percentiles(least_density(vertices[faces], atlas.uvs[atlas.faces]), area, (0.05, 0.95))
        lines.append(
            f"| {name} | {seconds:.2f} | {atlas.charts.max() + 1} | {report.uv_overlap:.2%} "
            f"| {1 - report.uv_coverage:.0%} | {len(atlas.uvs)} | {high / low:.2f} |"
        )
    return "\n".join(lines)


def least_density(corners: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """The smaller singular value (F,) of the map from triangles (F, 3, 3) to the texture (F, 3, 2)."""
    along, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-12)
    x = np.einsum("fi,fi->f", along, other) / length
    y = np.maximum(np.linalg.norm(np.cross(along, other), axis=1) / length, 1e-12)
    one, two = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    jacobian = np.stack([one / length[:, None], (two - one * (x / length)[:, None]) / y[:, None]], axis=2)
    return np.linalg.svd(jacobian.astype(np.float64), compute_uv=False)[:, 1]


def weighted_percentiles(values: np.ndarray, weights: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    order = np.argsort(values)
    return np.interp(shares, np.cumsum(weights[order]) / weights.sum(), values[order])


def chain_table(lift: LiftPipeline, subject: PosedSubject, front: Tensor, back: Tensor, triangles: int) -> str:
    """Lifting, extraction and texture, ours and by the usual parts, which share network, decimation and baking."""

    def ours() -> None:
        TexturePipeline()(lift(subject, front, back, triangles), subject, front, back, TEXTURE_SIZE)

    def usual() -> None:
        planes = lift.read(subject, front, back)
        fine = dense_surface(lambda points: lift.query(subject, planes, points)[0], RESOLUTION, subject.device)
        vertices, faces = simplify(smooth(*fine, SMOOTHING), fine[1], triangles)
        lifted = LiftResult(vertices, faces, lambda points: lift.query(subject, planes, points)[1], fine=None)
        TexturePipeline()(lifted, subject, front, back, TEXTURE_SIZE, by_xatlas(vertices, faces))

    (mine, _), (other, _) = timed(ours), timed(usual)
    return "\n".join(
        [
            f"| lift, extract, texture at {RESOLUTION}^3 | CPU seconds |",
            "|---|---:|",
            f"| Doppel, with a normal map | {mine:.1f} |",
            f"| dense grid, scikit-image's marching cubes, xatlas, without one | {other:.1f} |",
            f"| ratio | {other / mine:.0f} |",
        ]
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("avatar", type=Path)
    parser.add_argument("--triangles", type=int, default=40_000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    request = json.loads((args.avatar / "avatar.json").read_text(encoding="utf-8"))["request"]
    subject = PosedSubject.of(BodyModel.load(), BodyParameters.from_dict(request["body"]), torch.device("cpu"))
    front, back = (
        torch.from_numpy(np.array(Image.open(args.avatar / name))).permute(2, 0, 1).float() / 255
        for name in ("front.png", "back.png")
    )
    lifter = Lifter.from_pretrained(weights_folder(None) / "lifter").float().eval().requires_grad_(False)
    lift = LiftPipeline(lifter)
    lifted = lift(subject, front, back, triangles=sys.maxsize)
    fine = lifted.vertices, lifted.faces
    print(decimation_table(fine, args.triangles, 1000 / subject.frame.scale), end="\n\n", flush=True)
    print(atlas_table(*simplify(*fine, args.triangles)), end="\n\n", flush=True)
    print(chain_table(lift, subject, front, back, args.triangles))


if __name__ == "__main__":
    main()
