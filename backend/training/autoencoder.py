"""Train the RGBA autoencoder on crops; measure it on whole pictures of people it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.contact_sheet import contact_sheet
from ..data.dataset import Sample, people, read_sample
from ..geometry.close_up import CLOSE_UP_SIZE
from ..models.autoencoder import Autoencoder, premultiply, resize, unpremultiply
from .loop import Losses, Schedule, save_weights, train

CROP = 64
HELD_OUT = 12
Place = Callable[[int], tuple[int, int]]
"""Where a crop of the picture of an index begins, (row, column), drawn anew each time."""


def load_pictures(folders: list[Path], limit: int, size: int) -> Tensor:
    """Up to ``limit`` whole pictures (N, 4, size, size) uint8, fronts and backs."""
    pictures = []
    for sample in _first_people(folders, limit):
        both = resize(torch.stack([sample.front, sample.back]).float() / 255, size)
        pictures += [*(both * 255).round().to(torch.uint8)]
    return torch.stack(pictures)


def load_close_ups(folders: list[Path], limit: int) -> Tensor:
    """Up to ``limit`` close-ups of heads (N, 4, 192, 192) uint8, fronts and backs."""
    return torch.cat([sample.head for sample in _first_people(folders, limit)])


def _first_people(folders: list[Path], limit: int) -> Iterator[Sample]:
    for folder in folders:
        for path in people(folder)[: limit // (2 * len(folders))]:
            yield read_sample(path)


def random_crops(pictures: Tensor, place: Place, count: int) -> Tensor:
    """Crops (count, 4, 64, 64) in [0, 1] where ``place`` says, half of them mirrored."""
    crops = []
    for index in torch.randint(len(pictures), (count,)).tolist():
        row, column = (max(0, min(pictures.shape[-1] - CROP, edge)) for edge in place(index))
        crop = pictures[index][:, row : row + CROP, column : column + CROP]
        crops.append(crop.flip(-1) if torch.rand(()) < 0.5 else crop)
    return torch.stack(crops).float() / 255


def on_person(tops: Tensor, size: int) -> Place:
    """Three in ten crops about the head, whose first row is ``tops`` (N,), the rest anywhere on the person."""

    def place(index: int) -> tuple[int, int]:
        if torch.rand(()) < 0.3:
            return int(tops[index]) + _between(-18, 4), size // 2 - CROP // 2 + _between(-12, 12)
        return _between(0, size - CROP), int(size * 0.5 + (torch.rand(()) - 0.5) * size * 0.55) - CROP // 2

    return place


def on_face(index: int) -> tuple[int, int]:
    """Half of the crops about the face in the middle of a close-up, the rest anywhere."""
    if torch.rand(()) < 0.5:
        return _between(40, 76), _between(44, 84)
    return _between(0, CLOSE_UP_SIZE - CROP), _between(0, CLOSE_UP_SIZE - CROP)


def _between(low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, ()))


def picture_loss(decoded: Tensor, target: Tensor) -> Tensor:
    """L1 of values and of their first differences, which keeps edges and features sharp."""
    loss = (decoded - target).abs().mean()
    for axis in (-1, -2):
        loss = loss + 0.6 * (decoded.diff(dim=axis) - target.diff(dim=axis)).abs().mean()
    return loss


@torch.no_grad()
def measure(model: Autoencoder, pictures: Tensor, faces: list[tuple[slice, slice]]) -> dict[str, float]:
    """PSNR (dB) over the person's pixels, and over those in the rows and columns of ``faces``."""
    errors, heads = [], []
    for picture, face in zip(pictures, faces, strict=True):
        target = picture.unsqueeze(0).float() / 255
        decoded = unpremultiply(model.decode(model.encode(premultiply(target))))
        wrong = ((decoded * decoded[:, 3:] - target * target[:, 3:])[:, :3]).square().mean(1)[0]
        mask = target[0, 3] > 0.5
        errors.append(wrong[mask].mean())
        heads.append(wrong[face][mask[face]].mean())
    return {
        "psnr": float(-10 * torch.stack(errors).mean().log10()),
        "psnr_head": float(-10 * torch.stack(heads).mean().log10()),
    }


def head_tops(pictures: Tensor) -> Tensor:
    """First row (N,) with anything in it."""
    return (pictures[:, 3].amax(2) > 127).int().argmax(1)


def train_autoencoder(
    data: list[Path],
    out: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    limit: int,
    close_up: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train on the pictures of ``data``, or on their close-ups; float16 weights go to ``out``, with latent statistics.

    Close-ups get twice the channels: a face has more to say in a cell than cloth.
    """
    torch.manual_seed(seed)
    model = Autoencoder(latent_channels=32 if close_up else 16)
    patch = model.config["downscale"]
    if close_up:
        pictures = load_close_ups(data, limit)
        place: Place = on_face
        faces = [(slice(64, 140), slice(60, 132))] * HELD_OUT
    else:
        pictures = load_pictures(data, limit, model.image_size)
        tops = head_tops(pictures)
        place = on_person(tops[HELD_OUT:], pictures.shape[-1])
        faces = [(slice(int(top), int(top) + pictures.shape[-1] // 7), slice(None)) for top in tops[:HELD_OUT]]
    held, pictures = pictures[:HELD_OUT], pictures[HELD_OUT:]
    crops = premultiply(random_crops(pictures, place, 600))
    patches = functional.unfold(crops, patch, stride=patch).transpose(1, 2).reshape(-1, 4, patch, patch)
    model.initialise_linear(patches[(patches[:, 3] > -0.9).flatten(1).any(1)])
    model.to(device)

    def losses(progress: float) -> Losses:
        target = premultiply(random_crops(pictures, place, batch).to(device))
        latents = model.code(target)
        noisy = latents + 0.05 * torch.randn_like(latents)
        return {"loss": picture_loss(model.uncode(noisy), target) + 1e-4 * latents.square().mean()}

    def report(ema: nn.Module) -> dict[str, float]:
        assert isinstance(ema, Autoencoder)
        with torch.no_grad():
            groups = []
            for picture in held[:HELD_OUT:2]:
                rgba = picture.unsqueeze(0).float().to(device) / 255
                groups.append((rgba[0].cpu(), unpremultiply(ema.decode(ema.encode(premultiply(rgba))))[0].cpu()))
        contact_sheet(groups, columns=3, height=2 * pictures.shape[-1]).save(folder / "contact_sheet.jpg", quality=90)
        return measure(ema, held.to(device), faces)

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, Autoencoder)
        mean, std = latent_statistics(ema, pictures[:64].to(device))
        copy = Autoencoder.from_config(ema.config, latent_mean=mean.tolist(), latent_std=std.tolist())
        copy.load_state_dict(ema.state_dict())
        save_weights(copy, out)

    schedule = Schedule(minutes, rate=2e-3, ema_decay=0.998, weight_decay=0.001)
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
