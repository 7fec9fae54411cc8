"""Train the decoder to 512 pixels and labels on true latents and on such as the denoiser foresaw."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.contact_sheet import contact_sheet
from ..data.dataset import people, read_sample
from ..models.autoencoder import Autoencoder, premultiply, unpremultiply
from ..models.labels import Label, one_hot
from ..models.picture_decoder import PictureDecoder
from .adversarial import PictureJudge
from .autoencoder import picture_loss
from .denoiser import CAPTION_DROP, HELD_OUT
from .foreseen import foreseen_latents
from .latents import LatentSet, head_cells
from .loop import Losses, Schedule, save_weights, train
from .perceptual import ClassifierFeatures, perceptual_distance

CROP_CELLS = 12
TRUE_SHARE = 0.3
"""Share of true latents, the rest being foreseen ones."""
FORESEEN_TIMES = (0.35, 0.9)
"""Later ones would leave so much to chance that no picture could be told from them."""
FORESEEN_STEPS = (1, 4)
"""One step leaves latents soft, several leave them as a sampler's are."""
SOILED_SHARE = 0.6
"""How often latents are soiled before a picture is painted from them: then outlines are to be believed, not they."""
MOST_SHIFT, MOST_BLUR, MOST_NOISE = 1.2, 1.2, 0.35
"""Cells by which a place is shifted, standard deviation of a blur in cells, and of smooth noise, at the most."""
LABELS_WEIGHT = 0.1
RARE_LABELS = {Label.TRIM: 2.0, Label.ACCESSORY: 3.0, Label.SOCKS: 2.0}
"""How much more a pixel of these counts: they are few, and would be lost."""
PERCEPTUAL_WEIGHT = 0.3
ADVERSARIAL_WEIGHT = 0.7
ADVERSARIAL_FROM, ADVERSARIAL_AGAIN = 0.5, 0.0
"""Share of the time after which there is a judge, in a first training and in a later one."""


class Crops(NamedTuple):
    """Squares of B people, CROP_CELLS latent cells a side."""

    latents: Tensor  # [B, C, 12, 12], true or foreseen
    maps: Tensor  # [B, 8, 48, 48]
    tokens: Tensor  # [B, 15, D]
    target: Tensor  # [B, 4, 192, 192] premultiplied
    labels: Tensor  # [B, 96, 96]


def load_pictures(folders: list[Path], limit: int) -> tuple[Tensor, Tensor]:
    """Both sides of up to ``limit`` people: (N, 2, 4, 512, 512) uint8 with straight alpha, and labels
    (N, 2, 256, 256) uint8."""
    paths = [path for folder in folders for path in people(folder)][:limit]
    first = read_sample(paths[0])
    pictures = torch.empty(len(paths), 2, *first.front.shape, dtype=torch.uint8)
    labels = torch.empty(len(paths), *first.labels.shape, dtype=torch.uint8)
    for row, path in enumerate(paths):
        sample = read_sample(path)
        pictures[row, 0], pictures[row, 1], labels[row] = sample.front, sample.back, sample.labels
    return pictures, labels


def train_picture_decoder(
    data: LatentSet,
    pictures: Tensor,
    labels: Tensor,
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 2e-3,
    device: str = "cpu",
) -> dict[str, float]:
    """Train on the first people of ``data``, whose pictures and labels are given (see :func:`load_pictures`); save
    into the model folder.

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
    foreseen = foreseen_latents(first, models, FORESEEN_TIMES, FORESEEN_STEPS)
    kept = models / "picture_decoder"
    if kept.is_dir():
        model, adversarial_from = PictureDecoder.from_pretrained(kept).float(), ADVERSARIAL_AGAIN
    else:
        autoencoder = Autoencoder.from_pretrained(models / "vae").float()
        model, adversarial_from = PictureDecoder.of(autoencoder, data.tokens.shape[-1]), ADVERSARIAL_FROM
    model.to(device)
    classifier = ClassifierFeatures().to(device)
    judge = PictureJudge(data.maps.shape[2] + len(Label), ADVERSARIAL_WEIGHT).to(device)
    rarity = torch.tensor([RARE_LABELS.get(label, 1.0) for label in Label]).to(device)
    k, m = PictureDecoder.PIXELS_PER_CELL, data.maps.shape[-1] // data.latents.shape[-1]
    size = data.latents.shape[-1]

    def crops() -> Crops:
        latents, maps, tokens, targets, outlines = [], [], [], [], []
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
            caption = int(torch.randint(data.tokens.shape[1], ()))
            told = torch.rand(()) >= CAPTION_DROP
            tokens.append(data.tokens[row, caption] if told else data.empty.to(data.tokens.dtype))
            targets.append(_cut(pictures[row, side], top, left, k))
            outlines.append(_cut(labels[row, side], top, left, PictureDecoder.LABELS_PER_CELL))
        return Crops(
            torch.stack(latents).float().to(device),
            torch.stack(maps).float().to(device),
            torch.stack(tokens).float().to(device),
            premultiply(torch.stack(targets).float().to(device) / 255),
            torch.stack(outlines).long().to(device),
        )

    def losses(progress: float) -> Losses:
        latents, maps, tokens, target, kinds = crops()
        soiled = torch.rand(batch, device=device) < SOILED_SHARE
        spoilt = soiled.view(-1, 1, 1, 1) & (head_cells(maps) < 0.5)  # no outline says what a face looks like
        latents = torch.where(spoilt, soil(latents), latents)
        made, _, logits = model(latents, maps, tokens, kinds)  # its own outlines would not be the target's
        with torch.no_grad():
            wanted = classifier(target)
        found = classifier(made)
        pixels, features = picture_loss(made, target), perceptual_distance(found, wanted)
        outlines = functional.cross_entropy(logits[~soiled], kinds[~soiled], rarity) if (~soiled).any() else 0 * pixels
        loss = pixels + PERCEPTUAL_WEIGHT * features + LABELS_WEIGHT * outlines
        parts = {"pixels": pixels, "features": features, "outlines": outlines}
        if progress < adversarial_from:
            return {"loss": loss, **parts}
        last = model.to_fine_detail[2].weight
        assert isinstance(last, Tensor)
        body_and_outlines = torch.cat([maps, functional.avg_pool2d(one_hot(kinds), 2)], dim=1)
        return {**judge.losses(loss, [target, *wanted], [made, *found], last, body_and_outlines), **parts}

    def report(ema: nn.Module) -> dict[str, float]:
        groups, pixels, features, errors, right = [], [], [], [], []
        with torch.no_grad():
            for row in range(HELD_OUT):
                side = row % 2
                maps = data.maps[row, side][None].float().to(device)
                target = premultiply(pictures[row, side][None].float().to(device) / 255)
                tokens = data.tokens[row, :1].float().to(device)
                decoded = [
                    ema(x[None].float().to(device), maps, tokens)
                    for x in (data.latents[row, side], *foreseen[row, side])
                ]
                clean, soft, own = (x.picture for x in decoded)
                person = labels[row, side] > 0
                right.append((decoded[-1].labels[0].cpu() == labels[row, side])[person].float().mean())
                pixels.append(picture_loss(soft, target))
                features.append(perceptual_distance(classifier(soft), classifier(target)))
                errors.append(((clean - target)[:, :3].square())[:, :, (target[0, 3] > 0)].mean())
                groups.append(tuple(unpremultiply(x)[0].cpu() for x in (target, clean, own)))
        contact_sheet(groups, columns=3, height=512).save(folder / "contact_sheet.jpg", quality=90)
        psnr = -10 * (torch.stack(errors).mean() / 4).log10()
        return {
            "labels_right": float(torch.stack(right).mean()),
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


def soil(latents: Tensor) -> Tensor:
    """Latents (B, C, h, w) with the faults that a sampler's have, only more: shifted and faded edges, stains."""
    count, channels, height, width = latents.shape

    def smooth(channels: int, most: float) -> Tensor:
        coarse = torch.randn(count, channels, 4, 4, device=latents.device)
        amount = most * torch.rand(count, 1, 1, 1, device=latents.device)
        return amount * functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)

    identity = torch.eye(2, 3, device=latents.device).expand(count, 2, 3)
    grid = functional.affine_grid(identity, list(latents.shape), align_corners=False)
    shift = smooth(2, MOST_SHIFT / 2).movedim(1, -1) * 2 / latents.new_tensor([width, height])
    moved = functional.grid_sample(latents, grid + shift, padding_mode="border", align_corners=False)
    reach = torch.arange(-2, 3, device=latents.device).float()
    spread = MOST_BLUR * torch.rand(count, 1, device=latents.device) + 0.1
    kernel = torch.exp(-0.5 * (reach / spread) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(moved.reshape(1, count * channels, height, width), (2, 2, 2, 2), mode="replicate")
    rows = functional.conv2d(flat, kernel.view(-1, 1, 5, 1), groups=count * channels)
    blurred = functional.conv2d(rows, kernel.view(-1, 1, 1, 5), groups=count * channels).view_as(latents)
    return blurred + smooth(channels, MOST_NOISE)


def _cut(x: Tensor, top: int, left: int, scale: int) -> Tensor:
    side = CROP_CELLS * scale
    return x[..., top * scale : top * scale + side, left * scale : left * scale + side]
