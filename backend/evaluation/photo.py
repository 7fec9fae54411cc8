"""`doppel eval photo`: bodies fitted to staged photos, against the truth and against the pose network alone."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..pipelines.photo import Sitter
    from .staged_photo import StagedPhoto

SEED = 11
# The joints that the pose network has, too, and its names for them.
COMMON = {
    f"{side}_{part}": f"{side}_{part}"
    for part in ("hip", "shoulder", "knee", "ankle", "elbow", "wrist")
    for side in ("left", "right")
}
_TITLES = {
    "body_cm": "22 body joints, cm",
    "common_cm": "12 common joints, cm",
    "common_flat_cm": "the same across the picture, cm",
    "network_cm": "the same, pose network alone, cm",
    "network_flat_cm": "the same across the picture, pose network alone, cm",
    "height_cm": "height, cm",
    "chest_cm": "chest, cm",
    "waist_cm": "waist, cm",
    "mask_iou": "cut-out, IoU",
    "coarse_iou": "the same before refinement, IoU",
    "silhouette_iou": "fitted body and person, IoU",
    "seconds": "seconds a photo",
}


def add_parser(evaluations: argparse._SubParsersAction) -> None:
    parser = evaluations.add_parser(
        "photo",
        help="bodies fitted to photos of people whose bodies are known",
        description="Renders people of the factory's test split over real pictures by random cameras, fits bodies to "
        "them, and prints mean errors. Joints are compared about the pelvis, in the camera's frame.",
    )
    parser.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--out", type=Path, default=None, help="folder for overlays and photo.json")


def run(args: argparse.Namespace) -> int:
    from PIL import Image

    from rigging.body_model import BodyModel

    from ..data.catalogue import Catalogue
    from ..photo.networks import require
    from ..pipelines.photo import PhotoPipeline
    from ..protocol.errors import DoppelError
    from .staged_photo import Stage

    require()
    stage = Stage(Catalogue.load(args.assets, verify=False), SEED, held_out=True)
    pipeline = PhotoPipeline(BodyModel.load())
    rows: list[dict[str, float]] = []
    missed = 0
    for index in range(args.people):
        staged = stage.take(index)
        started = time.perf_counter()
        try:
            sitter = pipeline(encode(staged.rgb))
        except DoppelError as error:
            missed += 1
            print(f"{index}: {error.message}")
            continue
        rows.append({**measure(staged, sitter, pipeline.model), "seconds": time.perf_counter() - started})
        print(f"{index}: {rows[-1]['body_cm']:.1f} cm, cut-out {rows[-1]['mask_iou']:.3f}", flush=True)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            pair = np.concatenate([staged.rgb, np.asarray(sitter.overlay)], axis=1)
            Image.fromarray(pair).save(args.out / f"{index}.jpg", quality=90)
    print(table(rows))
    print(f"{len(rows)} photos; in {missed} more nobody was found")
    if args.out is not None:
        report: dict[str, Any] = {"people": rows, "missed": missed, "seed": SEED}
        (args.out / "photo.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(staged: StagedPhoto, sitter: Sitter, model: Any) -> dict[str, float]:
    """Errors of one fit. Centimetres about the pelvis or, for the network's joints, about the middle of the hips."""
    from rigging.body_parameters import BodyParameters
    from rigging.joints import JOINT_INDEX

    from ..photo.landmarks import LANDMARK

    posed = model.pose(sitter.fit.parameters)
    ours = posed.joints - posed.joints[0]
    rows = [JOINT_INDEX[name] for name in COMMON]
    truth, fitted = _about_hips(staged.joints[rows]), _about_hips(ours[rows])
    network = _about_hips(sitter.person.world[[LANDMARK[name] for name in COMMON.values()]])
    true_shape, fitted_shape = (
        girths(model, BodyParameters(betas=b)) for b in (staged.body.betas, sitter.fit.parameters.betas)
    )
    height, width = staged.rgb.shape[:2]
    coarse = sitter.person.square.paste(sitter.person.mask, height, width)
    solid = staged.mask > 0.5
    return {
        "body_cm": _mean_cm(ours[:22] - staged.joints[:22]),
        "common_cm": _mean_cm(fitted - truth),
        "common_flat_cm": _mean_cm((fitted - truth)[:, :2]),
        "network_cm": _mean_cm(network - truth),
        "network_flat_cm": _mean_cm((network - truth)[:, :2]),
        **{f"{name}_cm": abs(true_shape[name] - fitted_shape[name]) for name in true_shape},
        "mask_iou": _overlap(sitter.alpha > 0.5, solid),
        "coarse_iou": _overlap(coarse > 0.5, solid),
        "silhouette_iou": _overlap(sitter.body_mask, solid),
    }


def girths(model: Any, body: Any) -> dict[str, float]:
    """Height and girths of chest and waist, cm: convex outlines of the trunk's level sections in the T-pose."""
    from scipy.spatial import ConvexHull

    from rigging.limbs import TRUNK, limb_labels

    posed = model.pose(body)
    low, high = posed.vertices[:, 1].min(), posed.vertices[:, 1].max()
    trunk = posed.vertices[limb_labels(model.weights) == TRUNK]
    result = {"height": 100 * float(high - low)}
    for name, share in (("chest", 0.72), ("waist", 0.62)):
        level = np.abs(trunk[:, 1] - low - share * (high - low)) < 0.012
        # the area of a hull in the plane is its circumference
        result[name] = 100 * float(ConvexHull(trunk[level][:, [0, 2]]).area)
    return result


def encode(rgb: NDArray[np.uint8]) -> bytes:
    """A picture as a PNG file."""
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


def table(rows: list[dict[str, float]]) -> str:
    """Means and medians as a Markdown table."""
    lines = ["| | mean | median |", "|---|---|---|"]
    for name, title in _TITLES.items():
        values = [row[name] for row in rows if name in row]
        if values:
            lines.append(f"| {title} | {np.mean(values):.3g} | {np.median(values):.3g} |")
    return "\n".join(lines)


def _about_hips(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points - points[:2].mean(axis=0)


def _mean_cm(apart: NDArray[np.float64]) -> float:
    return 100 * float(np.linalg.norm(apart, axis=1).mean())


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(int((a | b).sum()), 1))
