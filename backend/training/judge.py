"""Train the evaluation's judge on factory pictures of the training split."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..data.dataset import people, read_sample
from ..evaluation.judge import CHOICES, Judge, judge_inputs
from .loop import Losses, Schedule, save_weights, train

HELD_OUT = 64
_UNKNOWN = -100  # what cross-entropy leaves out


def train_judge(
    data: list[Path],
    out: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 2e-3,
    device: str = "cpu",
) -> dict[str, float]:
    """Train on the people of ``data`` but the last 64, which are reported on; float16 weights go to ``out``."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    whole, head, truth = load_inputs([path for source in data for path in people(source)], folder / "inputs.pt")
    model = (Judge.from_pretrained(out).float() if (out / "config.json").is_file() else Judge()).train().to(device)
    trained = len(whole) - HELD_OUT

    def losses(progress: float) -> Losses:
        rows = torch.randint(trained, (batch,))
        parts = disturb(_unit(whole[rows]).to(device), _unit(head[rows]).to(device))
        answers = model(*parts)
        each = [
            functional.cross_entropy(
                answers[name], truth[rows, i].to(device), ignore_index=_UNKNOWN, label_smoothing=0.05
            )
            for i, name in enumerate(CHOICES)
        ]
        return {"loss": torch.stack(each).mean()}

    @torch.no_grad()
    def report(ema: nn.Module) -> dict[str, float]:
        answers = ema(_unit(whole[trained:]).to(device), _unit(head[trained:]).to(device))
        known = {name: truth[trained:, i] != _UNKNOWN for i, name in enumerate(CHOICES)}
        return {
            name: float((answers[name].argmax(1).cpu() == truth[trained:, i])[known[name]].float().mean())
            for i, name in enumerate(CHOICES)
        }

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, Judge)
        save_weights(ema, out)

    schedule = Schedule(minutes, rate, ema_decay=0.995, weight_decay=0.05, report_minutes=2)
    return train(model, losses, schedule, folder, report, save)


def disturb(whole: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs as :func:`judge_inputs` makes them, stacked, with colours turned, blurred and mirrored at random.

    Kinds of clothes have no colours, generated pictures are soft, and people have two sides.
    """
    colours = torch.eye(3) + 0.2 * torch.randn(len(whole), 3, 3)
    blur = 1 + 1.5 * float(torch.rand(()))
    parts = []
    for part in (whole, head):
        views = part.unflatten(1, (2, 4))
        turned = torch.einsum("bij,bvjhw->bvihw", colours.to(part), views[:, :, :3]).clamp(-1, 1)
        part = torch.cat([turned, views[:, :, 3:]], dim=2).flatten(1, 2)
        size = part.shape[-2:]
        if blur > 1.2:
            small = functional.interpolate(part, scale_factor=1 / blur, mode="area")
            part = functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
        parts.append(part + 0.05 * float(torch.rand(())) * torch.randn_like(part))
    if torch.rand(()) < 0.5:
        parts = [part.flip(-1) for part in parts]
    return parts[0], parts[1]


def _unit(stored: Tensor) -> Tensor:
    return stored.float() / 127


def load_inputs(paths: list[Path], cache: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (N, 8, 128, 64) and (N, 8, 48, 48) int8, and the true choices (N, slots); ``cache`` keeps them."""
    key = [str(path) for path in paths]
    if cache.is_file():
        kept = torch.load(cache, weights_only=True)
        if kept["key"] == key:
            return kept["whole"], kept["head"], kept["truth"]
    wholes: list[Tensor] = []
    heads: list[Tensor] = []
    truths: list[Tensor] = []
    for path in tqdm(paths, desc="people"):
        sample = read_sample(path)
        pair = judge_inputs(torch.stack([sample.front, sample.back]).float() / 255, sample.head.float() / 255)
        for stored, part in zip((wholes, heads), pair, strict=True):
            stored.append((part * 127).round().to(torch.int8))
        values = [(choices, sample.attributes.get(name)) for name, choices in CHOICES.items()]
        truths.append(torch.tensor([choices.index(v) if v in choices else _UNKNOWN for choices, v in values]))
    made = {"whole": torch.stack(wholes), "head": torch.stack(heads), "truth": torch.stack(truths)}
    torch.save({"key": key, **made}, cache.with_suffix(".partial"))
    os.replace(cache.with_suffix(".partial"), cache)
    return made["whole"], made["head"], made["truth"]
