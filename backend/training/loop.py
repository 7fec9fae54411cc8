"""The loop that all models share: a time budget, EMA, resuming, a CSV log and a contact sheet now and then."""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .muon import Muon

Losses = dict[str, Tensor]
"""What a step returns: ``loss`` is minimised, the rest is logged."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. The rate falls by a cosine over the budget, so every run ends annealed."""

    minutes: float
    rate: float
    warmup_steps: int = 100
    final_share: float = 0.02
    ema_decay: float = 0.999
    weight_decay: float = 0.01
    report_minutes: float = 2.0

    def rate_at(self, step: int, progress: float) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.rate * min(1.0, (step + 1) / self.warmup_steps) * max(self.final_share, cosine)


def train(
    model: nn.Module,
    step_losses: Callable[[float], Losses],
    schedule: Schedule,
    folder: Path,
    report: Callable[[nn.Module], dict[str, float]],
    save: Callable[[nn.Module], None],
) -> dict[str, float]:
    """Minimise ``step_losses(progress)["loss"]``, progress in [0, 1], over the trainable parameters of ``model``.

    ``folder`` keeps ``state.pt`` (model, EMA, optimiser, elapsed time; written whole or not at all) and ``log.csv``;
    a run that finds them goes on there. ``report(ema)`` measures on held-out data and may write pictures,
    ``save(ema)`` writes the weights. Returns the last report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = Muon(trainable, lr=schedule.rate, weight_decay=schedule.weight_decay)
    ema = copy.deepcopy(model).eval()
    step, elapsed = _resume(folder / "state.pt", model, ema, optimizer)
    started = time.monotonic() - elapsed
    next_report = elapsed + schedule.report_minutes * 60
    budget = schedule.minutes * 60
    running: dict[str, float] = {}
    while (elapsed := time.monotonic() - started) < budget:
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate_at(step, elapsed / budget)
        losses = step_losses(min(1.0, elapsed / budget))
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        _update(ema, model, min(schedule.ema_decay, (step + 1) / (step + 10)))
        for name, value in losses.items():
            running[name] = 0.98 * running.get(name, float(value.detach())) + 0.02 * float(value.detach())
        step += 1
        if elapsed >= next_report:
            next_report = elapsed + schedule.report_minutes * 60
            _log(folder / "log.csv", step, elapsed, {**running, **report(ema)})
            save(ema)
            _store(folder / "state.pt", model, ema, optimizer, step, elapsed)
    measured = report(ema)
    _log(folder / "log.csv", step, elapsed, {**running, **measured})
    save(ema)
    _store(folder / "state.pt", model, ema, optimizer, step, elapsed)
    return measured


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write a diffusers model as float16 safetensors, its config without the path that it was once loaded from."""
    copy.deepcopy(model).half().save_pretrained(folder)  # type: ignore[operator]
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@torch.no_grad()
def _update(ema: nn.Module, model: nn.Module, decay: float) -> None:
    for target, source in zip(ema.parameters(), model.parameters(), strict=True):
        target.lerp_(source, 1 - decay)
    for kept, buffer in zip(ema.buffers(), model.buffers(), strict=True):
        kept.copy_(buffer)


def _store(
    path: Path, model: nn.Module, ema: nn.Module, optimizer: torch.optim.Optimizer, step: int, elapsed: float
) -> None:
    state = {
        "model": model.state_dict(),
        "ema": ema.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "elapsed": elapsed,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def _resume(path: Path, model: nn.Module, ema: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    ema.load_state_dict(state["ema"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state["elapsed"])


def _log(path: Path, step: int, elapsed: float, values: dict[str, float]) -> None:
    row = {"step": step, "minutes": round(elapsed / 60, 2), **{k: round(v, 5) for k, v in values.items()}}
    print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)
    new = not path.is_file()
    with open(path, "a", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
