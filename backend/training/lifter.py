"""Train the lifter on the factory's surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from rigging.body_model import BodyModel

from ..data.dataset import Sample, people, read_sample
from ..geometry.body_features import BodyField
from ..geometry.body_maps import body_maps
from ..models.autoencoder import Autoencoder, premultiply, resize, unpremultiply
from ..models.lifter import IMAGE_SIZE, TRUNCATION, Lifter
from .loop import Losses, Schedule, save_weights, train

HELD_OUT = 12
OFFSET = 0.02
"""Standard deviation, view units, of how far training points lie off the surface along its normal."""
STEP = 0.008
"""View units, a pixel of the pictures: along the surface the distance must not change over two of them."""


@dataclass(frozen=True)
class LiftSample:
    """One person, ready to be trained on."""

    pictures: Tensor  # [8, 256, 256] float16 premultiplied
    decoded: Tensor | None  # the same after the autoencoder's round trip
    maps: Tensor  # [16, 256, 256] float16
    field: BodyField
    depth: Tensor  # [2, 256, 256]
    points: Tensor  # [P, 3]
    normals: Tensor  # [P, 3]
    albedo: Tensor  # [P, 3]
    queries: Tensor  # [Q, 3]
    sdf: Tensor  # [Q]


def lift_pictures(front: Tensor, back: Tensor) -> Tensor:
    """RGBA in [0, 1] (4, H, W) of both sides to the lifter's input (8, 256, 256)."""
    return premultiply(resize(torch.stack([front, back]), IMAGE_SIZE)).reshape(8, IMAGE_SIZE, IMAGE_SIZE)


@torch.no_grad()
def prepare(
    sample: Sample, body_model: BodyModel, faces: Tensor, template: Tensor, autoencoder: Autoencoder | None
) -> LiftSample:
    posed = torch.from_numpy(sample.frame.to_view(body_model.pose(sample.body).vertices)).float()
    front, back = sample.front.float() / 255, sample.back.float() / 255
    decoded = None
    if autoencoder is not None:
        both = resize(torch.stack([front, back]), autoencoder.image_size)
        round_trip = unpremultiply(autoencoder.decode(autoencoder.encode(premultiply(both))))
        decoded = lift_pictures(*round_trip)
    assert sample.points is not None and sample.normals is not None and sample.albedo is not None
    assert sample.queries is not None and sample.sdf is not None and sample.depth is not None

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(np.float32))

    return LiftSample(
        pictures=lift_pictures(front, back).half(),
        decoded=None if decoded is None else decoded.half(),
        maps=body_maps(posed, faces, template, IMAGE_SIZE).reshape(-1, IMAGE_SIZE, IMAGE_SIZE).half(),
        field=BodyField(posed, faces, template),
        depth=tensor(sample.depth),
        points=tensor(sample.points),
        normals=functional.normalize(tensor(sample.normals), dim=1),
        albedo=tensor(sample.albedo) / 255,
        queries=tensor(sample.queries),
        sdf=tensor(sample.sdf),
    )


def load(folders: list[Path], models: Path, limit: int | None) -> list[LiftSample]:
    """Every person of the datasets that has a surface."""
    body_model = BodyModel.load()
    faces = torch.from_numpy(body_model.faces.astype("int64"))
    template = torch.from_numpy(body_model.v_template).float()
    autoencoder = Autoencoder.from_pretrained(models / "vae").float().eval() if (models / "vae").is_dir() else None
    samples: list[LiftSample] = []
    for path in tqdm([p for folder in folders for p in people(folder)], desc="surfaces"):
        sample = read_sample(path)
        if sample.points is not None:
            samples.append(prepare(sample, body_model, faces, template, autoencoder if len(samples) % 2 else None))
        if limit is not None and len(samples) >= limit:
            break
    return samples


def lift_losses(model: Lifter, samples: list[LiftSample], count: int) -> Losses:
    """Distance, slope, depth and albedo errors of a batch, with ``count`` points of each kind a person."""
    pictures = torch.stack(
        [misaligned(s.decoded if s.decoded is not None and torch.rand(()) < 0.6 else s.pictures) for s in samples]
    ).float()
    planes = model.encode(pictures, torch.stack([s.maps for s in samples]).float())
    points, body, target, colour = [], [], [], []
    for s in samples:
        q = torch.randint(len(s.queries), (count,))
        p = torch.randint(len(s.points), (count,))
        offset = torch.randn(count, 1) * OFFSET * torch.where(torch.rand(count, 1) < 0.3, 0.1, 1.0)
        off_surface = s.points[p] + offset * s.normals[p]
        # Pairs on either side of a surface point: a bend gives both the same distance, a ripple does not.
        pairs = s.points[p[: count // 4]]
        along = STEP * functional.normalize(torch.cross(torch.randn(pairs.shape), s.normals[p[: count // 4]], dim=1))
        places = torch.cat([s.queries[q], off_surface, pairs + along, pairs - along])
        points.append(places)
        body.append(s.field(places))
        target.append(torch.cat([s.sdf[q], offset.squeeze(1)]).clamp(-TRUNCATION, TRUNCATION))
        colour.append(s.albedo[p])
    sdf, albedo = model.query(planes, torch.stack(points), torch.stack(body))
    sdf, pairs_sdf = sdf.clamp(-1.5 * TRUNCATION, 1.5 * TRUNCATION).split([2 * count, 2 * (count // 4)], dim=1)
    one_side, other_side = pairs_sdf.chunk(2, dim=1)
    slope = ((one_side - other_side) / (2 * STEP)).abs().clamp_max(1.0).mean()
    error = (sdf - torch.stack(target)).abs()
    distance = error[:, :count].mean() + error[:, count:].mean()
    depth = torch.stack([s.depth for s in samples])
    seen = ~depth.isnan()
    depth_error = (planes.depth - depth)[seen].abs().clamp_max(0.2).mean()
    colour_error = (albedo[:, count : 2 * count] - torch.stack(colour)).abs().mean()
    return {
        "loss": 20 * distance + 0.4 * slope + 10 * depth_error + 2 * colour_error,
        "sdf": distance.detach() / 2,
        "slope": slope.detach(),
        "depth": depth_error.detach(),
        "albedo": colour_error.detach(),
    }


def misaligned(pictures: Tensor) -> Tensor:
    """The pictures (8, 256, 256) as diffusion makes them: in one of three the back lies a pixel beside the front."""
    if torch.rand(()) < 2 / 3:
        return pictures
    shift = torch.randint(-1, 2, (2,)).tolist()
    return torch.cat([pictures[:4], pictures[4:].roll(shift, (1, 2))])


def train_lifter(
    data: list[Path],
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int = 2,
    points: int = 2000,
    limit: int | None = None,
) -> dict[str, float]:
    """Train the lifter and save it into the model folder; reports errors (view units) on held-out people."""
    torch.manual_seed(seed)
    samples = load(data, models, limit)
    held, samples = samples[:HELD_OUT], samples[HELD_OUT:]
    kept = models / "lifter"
    model = Lifter.from_pretrained(kept).float() if kept.is_dir() else Lifter()

    def losses(progress: float) -> Losses:
        return lift_losses(model, [samples[i] for i in torch.randint(len(samples), (batch,)).tolist()], points)

    def report(ema: nn.Module) -> dict[str, float]:
        assert isinstance(ema, Lifter)
        state = torch.get_rng_state()
        torch.manual_seed(1)
        with torch.no_grad():
            measured = [lift_losses(ema, held[i : i + 4], 4000) for i in range(0, len(held), 4)]
        torch.set_rng_state(state)
        figures = ("sdf", "slope", "depth", "albedo")
        return {f"held_{k}": float(torch.stack([m[k] for m in measured]).mean()) for k in figures}

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, Lifter)
        save_weights(ema, models / "lifter")

    return train(model, losses, Schedule(minutes, 1.5e-3, ema_decay=0.998), folder, report, save)
