"""Generated pictures of the evaluation's people: made as the product makes them, timed, and kept between runs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from rigging.atomic import write_bytes

from ..models.autoencoder import premultiply, resize, unpremultiply
from ..models.denoiser import BODY_MAP_SIZE
from ..pipelines.avatar import AvatarPipeline
from ..pipelines.eyewear import tint_of, with_glasses
from ..pipelines.front_view import PICTURE_SIZE, ViewResult, clean_alpha, decode
from ..pipelines.layout import Layout
from ..pipelines.window import Window
from .cases import Case
from .silhouettes import LAB_SIZE, iou, lab_distance

HYPOTHESES = 8
SIDES = ("front", "back")


@dataclass(frozen=True)
class Sampling:
    """How pictures are drawn."""

    steps: int
    guidance_scale: float


@dataclass(frozen=True)
class Generated:
    """Front and back of one person, on disk, and what making them cost."""

    folder: Path
    raw_iou: float  # of the silhouettes of front and back before they are made to agree
    seconds: dict[str, float]  # by stage, on the clock
    processor_seconds: dict[str, float]  # of all threads together; what others take of the machine does not show
    memory_mib: float  # peak while denoising: of the process, or allocated on the GPU

    def pictures(self) -> Tensor:
        """Straight RGBA (2, 4, S, S) in [0, 1], read anew each time."""
        sides = []
        for name in SIDES:
            with Image.open(self.folder / f"{name}.png") as image:
                sides.append(torch.from_numpy(np.array(image.convert("RGBA"))).permute(2, 0, 1).float() / 255)
        return torch.stack(sides)


def fingerprint(pipeline: AvatarPipeline, sampling: Sampling, seed: int) -> str:
    """Twelve hex digits that change with the weights, the sampling or the people."""
    parts = [pipeline.models, sampling.steps, sampling.guidance_scale, seed, pipeline.device.type]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def generated(pipeline: AvatarPipeline, case: Case, sampling: Sampling, folder: Path) -> Generated:
    """The person's pictures below ``folder``, generated first if need be."""
    folder = folder / f"{case.index:06d}"
    record = folder / "record.json"
    if not record.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        pictures, figures = generate(pipeline, case, sampling)
        for name, rgba in zip(SIDES, pictures, strict=True):
            values = (rgba.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
            Image.fromarray(values, "RGBA").save(folder / f"{name}.png", compress_level=1)
        write_bytes(record, (json.dumps(figures) + "\n").encode())
    return Generated(folder, **json.loads(record.read_text(encoding="utf-8")))


def generate(pipeline: AvatarPipeline, case: Case, sampling: Sampling) -> tuple[Tensor, dict[str, Any]]:
    """Front and back (2, 4, S, S) of a person's own body from its prompt, and the figures of :class:`Generated`.

    The same noise as a request's whose seed is the person's index.
    """
    meter = _Meter(pipeline.device)
    keywords: dict[str, Any] = {
        "steps": sampling.steps,
        "guidance_scale": sampling.guidance_scale,
        "on_step": meter.on_step,
    }
    with meter.stage("prompt and body maps"):
        tokens, negative = pipeline.prompt([case.prompt, ""]).split(1)
        words = pipeline.prompt.read(case.prompt)
        layout = Layout.of(case.subject, words)
        case.subject.maps(BODY_MAP_SIZE)
    with meter.stage("front"):
        front = pipeline.front(case.subject, tokens, negative, _noise(case, 0), **keywords, layout=layout)
    with meter.stage("back"):
        back = pipeline.back(case.subject, front, tokens, negative, [_noise(case, 1)], **keywords, layout=layout)
    with meter.stage("close-ups of the head"):
        noises = [_noise(case, 9), _noise(case, 10)]
        pair = pipeline.close_up(case.subject, front.rgba, back.rgba, tokens, negative, noises, **keywords)
        tint = tint_of(case.prompt, words)
        if tint is not None and front.labels is not None:
            pair = with_glasses(pair[0][0], front.labels[0], case.subject, tint)[None], pair[1]
    with meter.stage("patterns and prints"):
        fabrics = pipeline.prompt.fabrics(case.prompt)
        assert front.labels is not None and back.labels is not None
        labels = torch.cat([front.labels, back.labels])
        woven = pipeline.fabric(fabrics, case.subject, pair[0][0], pair[1], labels, case.index)
        if woven is not None:
            pair = woven.front[None], woven.backs
    maps = back.window.crop(case.subject.maps(BODY_MAP_SIZE)[1:], BODY_MAP_SIZE // back.window.size)
    raw = decode(pipeline.back.decoder, back.latents, maps, tokens, back.window)[0][0, 3]
    agreed = iou(raw, front.rgba[0, 3])
    return torch.cat(pair), {"raw_iou": agreed, **meter.figures()}


def _noise(case: Case, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(16 * case.index + stream)


def back_hypotheses(pipeline: AvatarPipeline, case: Case, sampling: Sampling, folder: Path) -> dict[str, float]:
    """How :data:`HYPOTHESES` backs of the true front lie about the true back: Lab distances, kept in ``folder``.

    ``best`` and ``mean`` to the truth, ``diversity`` the mean between two of them.
    """
    record = folder / f"{case.index:06d}" / "hypotheses.json"
    if not record.is_file():
        tokens, negative = pipeline.prompt([case.prompt, ""]).split(1)
        noises = [_noise(case, 1 + k) for k in range(HYPOTHESES)]
        truth = torch.stack([case.sample.front, case.sample.back]).float().to(pipeline.device) / 255
        front = encoded(pipeline, case, truth[:1])
        made = pipeline.back(case.subject, front, tokens, negative, noises, sampling.steps, sampling.guidance_scale)
        backs, (true_front, true_back) = resize(made.rgba, LAB_SIZE), resize(truth, LAB_SIZE)
        to_truth = [lab_distance(back, true_back) for back in backs]
        between = [lab_distance(backs[i], backs[j]) for i in range(len(backs)) for j in range(i)]
        figures = {
            "best": min(to_truth),
            "mean": sum(to_truth) / len(to_truth),
            "diversity": sum(between) / len(between),
            "of_the_front": lab_distance(true_front, true_back),
        }
        record.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(record, (json.dumps(figures) + "\n").encode())
    return dict(json.loads(record.read_text(encoding="utf-8")))


@torch.no_grad()
def encoded(pipeline: AvatarPipeline, case: Case, front: Tensor) -> ViewResult:
    """A given front (1, 4, S, S) as if it had been generated."""
    autoencoder = pipeline.front.autoencoder
    window = Window.of_body(case.subject.maps(BODY_MAP_SIZE)[:1])
    latents = window.crop(autoencoder.encode(premultiply(resize(front, autoencoder.image_size))))
    return ViewResult(resize(front, PICTURE_SIZE), None, latents, window)


@torch.no_grad()
def through_autoencoder(pipeline: AvatarPipeline, pictures: Tensor, case: Case) -> Tensor:
    """Front and back (2, 4, S, S) of a person encoded and decoded: what the denoiser could give at best."""
    autoencoder = pipeline.front.autoencoder
    small = resize(pictures.to(pipeline.device), autoencoder.image_size)
    tokens = pipeline.prompt([case.prompt]).expand(2, -1, -1)
    maps = case.subject.maps(BODY_MAP_SIZE)
    decoded = pipeline.front.decoder(autoencoder.encode(premultiply(small)), maps, tokens)
    return resize(clean_alpha(unpremultiply(decoded.picture)), pictures.shape[-1]).cpu()


class _Meter:
    """Seconds by stage, and the most memory seen at any denoising step."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.memory_mib = device, 0.0
        self.seconds: dict[str, float] = {}
        self.processor_seconds: dict[str, float] = {}
        self._process = psutil.Process()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started, worked = time.perf_counter(), time.process_time()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[name] = time.perf_counter() - started
        self.processor_seconds[name] = time.process_time() - worked
        self.on_step()

    def on_step(self, *_: object) -> None:
        cuda = self.device.type == "cuda"
        used = torch.cuda.max_memory_allocated(self.device) if cuda else self._process.memory_info().rss
        self.memory_mib = max(self.memory_mib, used / 2**20)

    def figures(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "processor_seconds": self.processor_seconds,
            "memory_mib": self.memory_mib,
        }
