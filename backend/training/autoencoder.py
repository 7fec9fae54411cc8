"""Train the RGBA autoencoder on crops; measure it on whole pictures of people it has not seen."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.contact_sheet import contact_sheet
from ..data.dataset import people, read_sample
from ..models.autoencoder import Autoencoder, premultiply, resize, unpremultiply
from .loop import Losses, Schedule, train

CROP = 64


def load_pictures(folders: list[Path], limit: int, size: int) -> Tensor:
    """Up to ``limit`` pictures (N, 4, size, size) uint8, fronts and backs."""
    pictures = []
    for folder in folders:
        for path in people(folder)[: limit // (2 * len(folders))]:
            sample = read_sample(path)
            both = resize(torch.stack([sample.front, sample.back]).float() / 255, size)
            pictures += [*(both * 255).round().to(torch.uint8)]
    return torch.stack(pictures)


def random_crops(pictures: Tensor, tops: Tensor, count: int) -> Tensor:
    """Crops (count, 4, 64, 64) in [0, 1]: a quarter about the head, the rest anywhere on the person."""
    size = pictures.shape[-1]
    crops = []
    for index in torch.randint(len(pictures), (count,)).tolist():
        picture = pictures[index]
        if torch.rand(()) < 0.3:
            row = int(tops[index]) + int(torch.randint(-18, 4, ()))
            column = size // 2 - CROP // 2 + int(torch.randint(-12, 12, ()))
        else:
            row = int(torch.randint(0, size - CROP, ()))
            column = int(size * 0.5 + (torch.rand(()) - 0.5) * size * 0.55) - CROP // 2
        row, column = max(0, min(size - CROP, row)), max(0, min(size - CROP, column))
        crop = picture[:, row : row + CROP, column : column + CROP]
        crops.append(crop.flip(-1) if torch.rand(()) < 0.5 else crop)
    return torch.stack(crops).float() / 255


def picture_loss(decoded: Tensor, target: Tensor) -> Tensor:
    """L1 of values and of their first differences, which keeps edges and features sharp."""
    loss = (decoded - target).abs().mean()
    for axis in (-1, -2):
        loss = loss + 0.6 * (decoded.diff(dim=axis) - target.diff(dim=axis)).abs().mean()
    return loss


@torch.no_grad()
def measure(model: Autoencoder, pictures: Tensor, tops: Tensor) -> dict[str, float]:
    """PSNR (dB) over the person's pixels, and over the head's."""
    errors, heads = [], []
    for picture, top in zip(pictures, tops, strict=True):
        target = picture.unsqueeze(0).float() / 255
        decoded = unpremultiply(model.decode(model.encode(premultiply(target))))
        wrong = ((decoded * decoded[:, 3:] - target * target[:, 3:])[:, :3]).square().mean(1)[0]
        mask = target[0, 3] > 0.5
        errors.append(wrong[mask].mean())
        rows = slice(int(top), int(top) + picture.shape[-1] // 7)
        heads.append(wrong[rows][mask[rows]].mean())
    return {
        "psnr": float(-10 * torch.stack(errors).mean().log10()),
        "psnr_head": float(-10 * torch.stack(heads).mean().log10()),
    }


def head_tops(pictures: Tensor) -> Tensor:
    """First row (N,) with anything in it."""
    return (pictures[:, 3].amax(2) > 127).int().argmax(1)


def train_autoencoder(
    data: list[Path], out: Path, folder: Path, minutes: float, seed: int, batch: int, limit: int, device: str = "cpu"
) -> dict[str, float]:
    """Train on the pictures of ``data``; the weights go to ``out`` in float16, with the latents' statistics."""
    torch.manual_seed(seed)
    model = Autoencoder()
    patch = model.config["downscale"]
    pictures = load_pictures(data, limit, model.image_size)
    tops = head_tops(pictures)
    held, held_tops = pictures[:12], tops[:12]
    pictures, tops = pictures[12:], tops[12:]
    crops = premultiply(random_crops(pictures, tops, 600))
    patches = functional.unfold(crops, patch, stride=patch).transpose(1, 2).reshape(-1, 4, patch, patch)
    model.initialise_linear(patches[(patches[:, 3] > -0.9).flatten(1).any(1)])
    model.to(device)

    def losses(step: int) -> Losses:
        target = premultiply(random_crops(pictures, tops, batch).to(device))
        latents = model.code(target)
        noisy = latents + 0.05 * torch.randn_like(latents)
        return {"loss": picture_loss(model.uncode(noisy), target) + 1e-4 * latents.square().mean()}

    def report(ema: nn.Module) -> dict[str, float]:
        assert isinstance(ema, Autoencoder)
        with torch.no_grad():
            groups = []
            for picture in held[:6]:
                rgba = picture.unsqueeze(0).float().to(device) / 255
                groups.append((rgba[0].cpu(), unpremultiply(ema.decode(ema.encode(premultiply(rgba))))[0].cpu()))
        contact_sheet(groups, columns=3, height=512).save(folder / "contact_sheet.jpg", quality=90)
        return measure(ema, held.to(device), held_tops)

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, Autoencoder)
        mean, std = latent_statistics(ema, pictures[:64].to(device))
        copy = Autoencoder(latent_mean=mean.tolist(), latent_std=std.tolist())
        copy.load_state_dict(ema.state_dict())
        copy.half().save_pretrained(out)

    schedule = Schedule(minutes, rate=1.5e-3, ema_decay=0.998, weight_decay=0.001)
    return train(model, losses, schedule, folder, report, save)


@torch.no_grad()
def latent_statistics(model: Autoencoder, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (C,) of the raw latents where the person is."""
    values = []
    for picture in pictures:
        rgba = picture.unsqueeze(0).float() / 255
        latents = model.code(premultiply(rgba))
        inside = functional.avg_pool2d(rgba[:, 3:], model.config["downscale"])[0, 0] > 0.1
        values.append(latents[0][:, inside].T)
    flat = torch.cat(values)
    return flat.mean(0), flat.std(0)
