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
    from PIL.Image import Image

    from ..pipelines.avatar import Avatar
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
    "body_shown_cm": "those of them in the picture, cm",
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
    "aligned_p2s": "avatar after rigid alignment: from it to the person (P2S), cm",
    "aligned_s2p": "the same, from the person to it (S2P), cm",
    "aligned_normals": "the same, consistency of normals",
    "placed_p2s": "avatar at the fitted pelvis, P2S, cm",
    "placed_s2p": "the same, S2P, cm",
}
_SAMPLES = 60_000


def add_parser(evaluations: argparse._SubParsersAction) -> None:
    parser = evaluations.add_parser(
        "photo",
        help="bodies fitted to photos of people whose bodies are known",
        description="Renders people of the factory's test split over real pictures by random cameras, fits bodies to "
        "them, and prints errors. Joints are compared about the pelvis, in the camera's frame. Of the first photos "
        "whole avatars are made, and their surfaces compared with the people's.",
    )
    parser.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=SEED, help="another one for development (default: %(default)s)")
    parser.add_argument(
        "--lift", type=int, default=3, metavar="N", help="make avatars of the first N (default: %(default)s)"
    )
    parser.add_argument("--weights", type=Path, default=None, help="model folder for --lift (default: the bundled one)")
    parser.add_argument("--out", type=Path, default=None, help="folder for overlays, avatars and photo.json")


def run(args: argparse.Namespace) -> int:
    from rigging.body_model import BodyModel

    from ..data.catalogue import Catalogue
    from ..photo.networks import require
    from ..pipelines.avatar import AvatarPipeline
    from ..pipelines.photo import PhotoPipeline
    from ..protocol.errors import DoppelError
    from ..protocol.request import GenerateRequest
    from .staged_photo import Stage

    require()
    stage = Stage(Catalogue.load(args.assets, verify=False), args.seed, held_out=True)
    chain = AvatarPipeline.from_pretrained(args.weights, "cpu") if args.lift > 0 else None
    pipeline = PhotoPipeline(BodyModel.load())
    rows: list[dict[str, float]] = []
    missed = 0
    for index in range(args.people):
        staged = stage.take(index)
        file = encode(staged.rgb)
        started = time.perf_counter()
        try:
            sitter = pipeline(file)
        except DoppelError as error:
            missed += 1
            print(f"{index}: {error.message}")
            continue
        rows.append({**measure(staged, sitter, pipeline.model), "seconds": time.perf_counter() - started})
        print(f"{index}: {rows[-1]['body_cm']:.1f} cm, cut-out {rows[-1]['mask_iou']:.3f}", flush=True)
        pictures = {str(index): _beside(staged.rgb, sitter.overlay)}
        if chain is not None and index < args.lift:
            request = GenerateRequest(prompt="", seed=args.seed, photo=sitter.photo.sha256)
            avatar = chain(request, photo=file)[0]
            rows[-1] |= measure_avatar(staged, avatar, pipeline.model)
            print(f"{index}: avatar {rows[-1]['aligned_p2s']:.2f} cm from the person", flush=True)
            pictures[f"{index}_avatar"] = _beside(staged.rgb, avatar.front, avatar.back, avatar.turntable)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            for name, picture in pictures.items():
                picture.save(args.out / f"{name}.jpg", quality=90)
    print(table(rows))
    print(f"{len(rows)} photos; in {missed} more nobody was found")
    if args.out is not None:
        report: dict[str, Any] = {"people": rows, "missed": missed, "seed": args.seed}
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
    pixels = staged.to_pixels(staged.joints[:22])
    shown = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
    coarse = sitter.person.square.paste(sitter.person.mask, height, width)
    solid = staged.mask > 0.5
    return {
        "body_cm": _mean_cm(ours[:22] - staged.joints[:22]),
        "body_shown_cm": _mean_cm((ours[:22] - staged.joints[:22])[shown]),
        "common_cm": _mean_cm(fitted - truth),
        "common_flat_cm": _mean_cm((fitted - truth)[:, :2]),
        "network_cm": _mean_cm(network - truth),
        "network_flat_cm": _mean_cm((network - truth)[:, :2]),
        **{f"{name}_cm": abs(true_shape[name] - fitted_shape[name]) for name in true_shape},
        "mask_iou": _overlap(sitter.alpha > 0.5, solid),
        "coarse_iou": _overlap(coarse > 0.5, solid),
        "silhouette_iou": _overlap(sitter.body_mask, solid),
    }


def measure_avatar(staged: StagedPhoto, avatar: Avatar, model: Any) -> dict[str, float]:
    """Distances of an avatar's surface from the person's, cm, with the pelvis in place and after rigid alignment."""
    from .surface_metrics import align, sample_mesh, surface_errors

    person, character = staged.person, avatar.character
    about_pelvis = character.posed() - model.pose(character.params).joints[0]
    vertices = person.frame.to_view(about_pelvis) * person.centimetres
    found = sample_mesh(vertices, character.faces, _SAMPLES, np.random.default_rng(0))
    placed, aligned = (surface_errors(points, person.surface) for points in (found, align(found, person.surface)))
    return {
        **{f"placed_{name}": placed[name] for name in ("p2s", "s2p")},
        **{f"aligned_{name}": aligned[name] for name in ("p2s", "s2p", "normals")},
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


def _beside(rgb: NDArray[np.uint8], *images: Image) -> Image:
    """A photo and images over white, all as high as the photo."""
    from PIL import Image

    height = len(rgb)
    row = [Image.fromarray(rgb)]
    for image in images:
        scaled = image.convert("RGBA").resize((round(image.width * height / image.height), height))
        row.append(Image.alpha_composite(Image.new("RGBA", scaled.size, "white"), scaled).convert("RGB"))
    return Image.fromarray(np.concatenate([np.asarray(picture) for picture in row], axis=1))


def _about_hips(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points - points[:2].mean(axis=0)


def _mean_cm(apart: NDArray[np.float64]) -> float:
    return 100 * float(np.linalg.norm(apart, axis=1).mean())


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(int((a | b).sum()), 1))
