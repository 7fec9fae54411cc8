"""Train the decoder to 512 pixels on true latents and on such as the denoiser foresaw."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.contact_sheet import contact_sheet
from ..data.dataset import people, read_sample
from ..models.autoencoder import Autoencoder, premultiply, unpremultiply
from ..models.picture_decoder import PictureDecoder
from .adversarial import PictureJudge
from .autoencoder import picture_loss
from .denoiser import HELD_OUT
from .foreseen import foreseen_latents
from .latents import LatentSet
from .loop import Losses, Schedule, save_weights, train
from .perceptual import PerceptualLoss

CROP_CELLS = 12
TRUE_SHARE = 0.3
"""Share of true latents, the rest being foreseen ones."""
FORESEEN_TIMES = (0.35, 0.9)
"""Later ones would leave so much to chance that no picture could be told from them."""
PERCEPTUAL_WEIGHT = 0.3
ADVERSARIAL_WEIGHT = 0.7
ADVERSARIAL_FROM, ADVERSARIAL_AGAIN = 0.5, 0.0
"""Share of the time after which there is a judge, in a first training and in a later one."""


def load_pictures(folders: list[Path], limit: int) -> Tensor:
    """Both sides (N, 2, 4, 512, 512) uint8 of up to ``limit`` people, straight alpha."""
    paths = [path for folder in folders for path in people(folder)][:limit]
    first = read_sample(paths[0]).front
    pictures = torch.empty(len(paths), 2, *first.shape, dtype=torch.uint8)
    for row, path in enumerate(paths):
        sample = read_sample(path)
        pictures[row, 0], pictures[row, 1] = sample.front, sample.back
    return pictures


def train_picture_decoder(
    data: LatentSet,
    pictures: Tensor,
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 2e-3,
    device: str = "cpu",
) -> dict[str, float]:
    """Train on the first people of ``data``, whose pictures (N, 2, 4, 512, 512) are given; save into the model folder.

    The denoiser of the model folder foresees the latents.
    """
    torch.manual_seed(seed)
    count = len(pictures)
    first = LatentSet(
        data.latents[:count],
        data.maps[:count],
        data.tokens[:count],
        data.empty,
        data.weight[:count],
        data.columns[:count],
        data.share[:count],
        data.captions[:count],
    )
    foreseen = foreseen_latents(first, models, FORESEEN_TIMES)
    kept = models / "picture_decoder"
    if kept.is_dir():
        model, adversarial_from = PictureDecoder.from_pretrained(kept).float(), ADVERSARIAL_AGAIN
    else:
        autoencoder = Autoencoder.from_pretrained(models / "vae").float()
        model, adversarial_from = PictureDecoder.of(autoencoder), ADVERSARIAL_FROM
    model.to(device)
    perceptual = PerceptualLoss().to(device)
    judge = PictureJudge(data.maps.shape[2], ADVERSARIAL_WEIGHT).to(device)
    k, m = PictureDecoder.PIXELS_PER_CELL, data.maps.shape[-1] // data.latents.shape[-1]
    size = data.latents.shape[-1]

    def crops() -> tuple[Tensor, Tensor, Tensor]:
        latents, maps, targets = [], [], []
        rows = (HELD_OUT + torch.multinomial(first.share[HELD_OUT:], batch, replacement=True)).tolist()
        for row in rows:
            side = int(torch.randint(2, ()))
            top = int(torch.randint(size - CROP_CELLS + 1, ()))
            middle, reach = size // 2 - CROP_CELLS // 2, int(data.columns[row]) // 2 - 2
            left = min(max(0, middle + int(torch.randint(-reach // 2, reach // 2 + 1, ()))), size - CROP_CELLS)
            source = (
                data.latents[row, side]
                if torch.rand(()) < TRUE_SHARE
                else foreseen[row, side, int(torch.randint(foreseen.shape[2], ()))]
            )
            latents.append(_cut(source, top, left, 1))
            maps.append(_cut(data.maps[row, side], top, left, m))
            targets.append(_cut(pictures[row, side], top, left, k))
        target = premultiply(torch.stack(targets).float().to(device) / 255)
        return torch.stack(latents).float().to(device), torch.stack(maps).float().to(device), target

    def losses(progress: float) -> Losses:
        latents, maps, target = crops()
        made = model(latents, maps)
        pixels, features = picture_loss(made, target), perceptual(made, target)
        loss = pixels + PERCEPTUAL_WEIGHT * features
        parts = {"pixels": pixels, "features": features}
        if progress < adversarial_from:
            return {"loss": loss, **parts}
        last = model.to_detail[2].weight
        assert isinstance(last, Tensor)
        return {**judge.losses(loss, target, made, last, maps), **parts}

    def report(ema: nn.Module) -> dict[str, float]:
        groups, pixels, features, errors = [], [], [], []
        with torch.no_grad():
            for row in range(HELD_OUT):
                side = row % 2
                maps = data.maps[row, side][None].float().to(device)
                target = premultiply(pictures[row, side][None].float().to(device) / 255)
                clean, soft = (
                    ema(x[None].float().to(device), maps) for x in (data.latents[row, side], foreseen[row, side, 0])
                )
                pixels.append(picture_loss(soft, target))
                features.append(perceptual(soft, target))
                errors.append(((clean - target)[:, :3].square())[:, :, (target[0, 3] > 0)].mean())
                groups.append(tuple(unpremultiply(x)[0].cpu() for x in (target, clean, soft)))
        contact_sheet(groups, columns=3, height=512).save(folder / "contact_sheet.jpg", quality=90)
        psnr = -10 * (torch.stack(errors).mean() / 4).log10()
        return {
            "held_out": float(torch.stack(pixels).mean()),
            "held_out_features": float(torch.stack(features).mean()),
            "psnr": float(psnr),
        }

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, PictureDecoder)
        copy = PictureDecoder.from_config(ema.config)
        copy.load_state_dict(ema.state_dict())
        save_weights(copy, kept)

    return train(model, losses, Schedule(minutes, rate, ema_decay=0.998, report_minutes=5), folder, report, save)


def _cut(x: Tensor, top: int, left: int, scale: int) -> Tensor:
    side = CROP_CELLS * scale
    return x[..., top * scale : top * scale + side, left * scale : left * scale + side]
