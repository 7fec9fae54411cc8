"""Train the view denoiser (both sides) and the back adapter by rectified flow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from ..data.contact_sheet import contact_sheet
from ..models.autoencoder import Autoencoder, unpremultiply
from ..models.denoiser import BODY_MAP_SIZE, BackAdapter, BodyEncoder, ViewDenoiser, make_unet, velocity_of
from ..pipelines.flow import LAST_NOISE
from ..pipelines.window import Window
from .adversarial import LatentJudge
from .latents import LatentSet
from .loop import Losses, Schedule, save_weights, train

CAPTION_DROP = 0.1
NOISE_SHIFT = 0.8
EARLY_SHARE = 0.25
HELD_OUT = 12
OWN_STEPS = 3
"""Most steps of its own that a network takes before the judge reads what it foresees."""

Predict = Callable[[Tensor, Tensor], Tensor]
"""Noisy latents (B, C, h, w) and times (B,) to the clean latents."""


class Batches:
    """Random batches of equal width from a latent set, and fixed ones of its held-out people."""

    def __init__(self, data: LatentSet, batch: int, device: str) -> None:
        self.data, self.batch, self.device = data, batch, device
        train_rows = torch.arange(HELD_OUT, len(data.latents))
        self._buckets = [train_rows[data.columns[train_rows] == c] for c in data.columns.unique()]
        self._shares = torch.stack([data.share[b].sum() for b in self._buckets])

    def draw(self) -> tuple[Tensor, Tensor, int]:
        """Rows (B,), sides (B,) and the number of columns."""
        bucket = self._buckets[int(torch.multinomial(self._shares, 1))]
        rows = bucket[torch.multinomial(self.data.share[bucket], self.batch, replacement=True)]
        return rows, torch.randint(2, (self.batch,)), int(self.data.columns[rows[0]])

    def take(self, rows: Tensor, sides: Tensor, columns: int, caption: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(latents, body maps, tokens, loss weight) of people and sides, cropped to ``columns``."""
        data, window = self.data, Window(columns)
        tokens = data.tokens[rows, caption].float()
        tokens[torch.rand(len(rows)) < CAPTION_DROP] = data.empty
        return (
            window.crop(data.latents[rows, sides]).float().to(self.device),
            window.crop(data.maps[rows, sides], BODY_MAP_SIZE // window.size).float().to(self.device),
            tokens.to(self.device),
            window.crop(data.weight[rows, sides]).float().to(self.device),
        )


def foreseen(
    predict: Predict, data: Tensor, weight: Tensor, early_share: float = EARLY_SHARE, shift: float = NOISE_SHIFT
) -> tuple[Tensor, Tensor]:
    """Rectified flow (Liu et al. 2023) with the data as target, at logit-normal times (Esser et al. 2024).

    ``early_share`` of the times lie close to pure noise: there alone the prompt must decide on colours, which the noisy
    latents otherwise give away.

    The weight of a time lies between that of the data's error (1) and of the velocity's (1 / time^2). Returns the loss
    and the latents that were foreseen.
    """
    time = torch.sigmoid(torch.randn(len(data), device=data.device) + shift)
    early = torch.rand(len(data), device=data.device) < early_share
    time = torch.where(early, 1 - 0.12 * torch.rand(len(data), device=data.device), time)
    noise = torch.randn_like(data)
    t = time.view(-1, 1, 1, 1)
    made = predict((1 - t) * data + t * noise, time)
    loss = ((made - data).square() * weight / (t.square() + 0.1)).sum() / (weight.sum() * data.shape[1])
    return loss, made


def flow_loss(
    predict: Predict, data: Tensor, weight: Tensor, early_share: float = EARLY_SHARE, shift: float = NOISE_SHIFT
) -> Tensor:
    """The loss of :func:`foreseen` alone."""
    return foreseen(predict, data, weight, early_share, shift)[0]


def foreseen_on_the_way(predict: Predict, data: Tensor) -> Tensor:
    """Latents (B, C, h, w) foreseen as a sampler would: from what the network itself made of much noise.

    Noise added to true latents gives details away which a sampler's have not got; a network that only ever met those
    passes details on, but starts none, and its own small faults of colour add up from step to step. One to OWN_STEPS
    Euler steps of its own, without gradient, come first (Huang et al. 2025, "Self forcing").
    """
    steps = int(torch.randint(1, OWN_STEPS + 1, ()))
    first = 1 - 0.3 * torch.rand(len(data), device=data.device)
    last = first * (0.15 + 0.75 * torch.rand(len(data), device=data.device))
    t = first.view(-1, 1, 1, 1)
    x = (1 - t) * data + t * torch.randn_like(data)
    times = [torch.lerp(first, last, k / steps) for k in range(steps + 1)]
    with torch.no_grad():
        for now, then in pairwise(times):
            x = x + (then - now).view(-1, 1, 1, 1) * velocity_of(x, predict(x, now), now)
    return predict(x, last)


def coarse_error(made: Tensor, true: Tensor) -> Tensor:
    """Mean square distance of latents (B, C, h, w) averaged over 2 x 2 cells."""
    return functional.avg_pool2d(made - true, 2).square().mean()


@torch.no_grad()
def sample(predict: Predict, shape: tuple[int, ...], steps: int, generator: torch.Generator) -> Tensor:
    """Euler from noise to data with diffusers' flow-matching scheduler."""
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=np.linspace(1, LAST_NOISE, steps).tolist())
    x = torch.randn(shape, generator=generator)
    for t in scheduler.timesteps:
        time = (t / 1000).expand(shape[0])
        x = scheduler.step(velocity_of(x, predict(x, time), time), t, x).prev_sample
    return x


def train_base(
    data: LatentSet,
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 1.5e-3,
    adversarial: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train UNet and body encoder on both sides; save them into the model folder.

    ``adversarial`` sharpens a trained denoiser: besides the flow's loss, a judge has to be convinced (see
    :mod:`.adversarial`). Hems, cuffs and prints then come out as such, where the flow's loss alone leaves their mean.
    """
    torch.manual_seed(seed)
    autoencoder = Autoencoder.from_pretrained(models / "vae").float().eval()
    if (models / "unet").is_dir():
        model = load_base(models).train()
    else:
        model = ViewDenoiser(make_unet(data.latents.shape[2], token_width=data.tokens.shape[-1]), BodyEncoder())
    model.to(device)
    batches = Batches(data, batch, device)
    judge = LatentJudge(model) if adversarial else None

    def losses(progress: float) -> Losses:
        rows, sides, columns = batches.draw()
        latents, maps, tokens, weight = batches.take(
            rows, sides, columns, torch.randint(data.tokens.shape[1], (batch,))
        )
        if judge is None:
            return {"loss": flow_loss(lambda x, t: model(x, t, tokens, maps), latents, weight)}
        # One half of the batch follows the flow's loss, the other one the judge.
        (plain, true), (tokens, given), (maps, body) = (part.chunk(2) for part in (latents, tokens, maps))
        loss = flow_loss(lambda x, t: model(x, t, tokens, maps), plain, weight[: len(plain)])
        made = foreseen_on_the_way(lambda x, t: model(x, t, given, body), true)
        loss = loss + coarse_error(made, true)  # of details the judge alone speaks, but colours stay
        return judge.losses(loss, true, made, model.unet.conv_out.weight, given, body)

    def report(ema: nn.Module) -> dict[str, float]:
        assert isinstance(ema, ViewDenoiser)
        rows = torch.arange(HELD_OUT)
        columns = int(data.columns[rows].max())
        state = torch.get_rng_state()
        torch.manual_seed(1)
        values, groups = [], []
        with torch.no_grad():
            for side in (0, 1):
                sides = torch.full_like(rows, side)
                latents, maps, _, weight = batches.take(rows, sides, columns, torch.zeros_like(rows))
                tokens = data.tokens[rows, 0].float().to(device)
                predict = lambda x, t, k=tokens, m=maps: ema(x, t, k, m)  # noqa: E731
                values += [flow_loss(predict, latents, weight) for _ in range(4)]
                made = sample(predict, tuple(latents.shape), 12, torch.Generator().manual_seed(0))
                groups.append(unpremultiply(autoencoder.decode(made.cpu())))
                if side == 0:
                    groups.append(unpremultiply(autoencoder.decode(latents.cpu())))
        torch.set_rng_state(state)
        pairs = [(groups[1][i], groups[0][i], groups[2][i]) for i in range(HELD_OUT)]
        contact_sheet(pairs, columns=4, height=360).save(folder / "contact_sheet.jpg", quality=88)
        return {"held_out": float(torch.stack(values).mean())}

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, ViewDenoiser)
        save_weights(ema.unet, models / "unet")
        save_weights(ema.body_encoder, models / "body_encoder")

    return train(model, losses, Schedule(minutes, rate, ema_decay=0.998, report_minutes=8), folder, report, save)


def train_back(
    data: LatentSet,
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 1.5e-3,
    adversarial: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train the back adapter on a frozen base; save it into the model folder. ``adversarial`` as in train_base."""
    torch.manual_seed(seed)
    autoencoder = Autoencoder.from_pretrained(models / "vae").float().eval()
    base = load_base(models).to(device).requires_grad_(False)
    kept = models / "back_adapter"
    adapter = (BackAdapter.from_pretrained(kept).float() if kept.is_dir() else BackAdapter.of(base.unet)).to(device)
    batches = Batches(data, batch, device)
    judge = LatentJudge(base) if adversarial else None

    def predictor(adapter: BackAdapter, rows: Tensor, columns: int, tokens: Tensor, maps: Tensor) -> Predict:
        front = Window(columns).crop(data.latents[rows, 0]).float().to(device)

        def predict(x: Tensor, time: Tensor) -> Tensor:
            with adapter.attached(base.unet, front):
                return base(x, time, tokens, maps)

        return predict

    def losses(progress: float) -> Losses:
        rows, sides, columns = batches.draw()
        sides = torch.ones_like(sides)
        latents, maps, tokens, weight = batches.take(
            rows, sides, columns, torch.randint(data.tokens.shape[1], (batch,))
        )
        if judge is None:
            return {"loss": flow_loss(predictor(adapter, rows, columns, tokens, maps), latents, weight)}
        (plain, true), (tokens, given), (maps, body) = (part.chunk(2) for part in (latents, tokens, maps))
        mine, judged = rows.chunk(2)
        loss = flow_loss(predictor(adapter, mine, columns, tokens, maps), plain, weight[: len(plain)])
        made = foreseen_on_the_way(predictor(adapter, judged, columns, given, body), true)
        loss = loss + coarse_error(made, true)
        return judge.losses(loss, true, made, adapter.from_front.weight, given, body)

    def report(ema: nn.Module) -> dict[str, float]:
        assert isinstance(ema, BackAdapter)
        rows = torch.arange(HELD_OUT)
        columns = int(data.columns[rows].max())
        state = torch.get_rng_state()
        torch.manual_seed(1)
        with torch.no_grad():
            latents, maps, _, weight = batches.take(rows, torch.ones_like(rows), columns, torch.zeros_like(rows))
            tokens = data.tokens[rows, 0].float().to(device)
            predict = predictor(ema, rows, columns, tokens, maps)
            value = torch.stack([flow_loss(predict, latents, weight) for _ in range(6)]).mean()
            made = unpremultiply(
                autoencoder.decode(sample(predict, tuple(latents.shape), 12, torch.Generator().manual_seed(0)))
            )
            front = unpremultiply(autoencoder.decode(Window(columns).crop(data.latents[rows, 0]).float()))
            truth = unpremultiply(autoencoder.decode(latents))
        torch.set_rng_state(state)
        groups = [(front[i], truth[i], made[i]) for i in range(HELD_OUT)]
        contact_sheet(groups, columns=4, height=360).save(folder / "contact_sheet.jpg", quality=88)
        return {"held_out": float(value)}

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, BackAdapter)
        save_weights(ema, models / "back_adapter")

    return train(adapter, losses, Schedule(minutes, rate, ema_decay=0.995, report_minutes=8), folder, report, save)


def load_base(models: Path) -> ViewDenoiser:
    """The denoiser of a model folder."""
    unet = UNet2DConditionModel.from_pretrained(models / "unet")
    return ViewDenoiser(unet, BodyEncoder.from_pretrained(models / "body_encoder")).float().eval()
