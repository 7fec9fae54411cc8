from pathlib import Path

import torch
from torch import nn

from backend.training.loop import Schedule, train


def test_learns_saves_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    saved = []

    def go(minutes: float) -> tuple[dict[str, float], list[int]]:
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        steps: list[int] = []

        def losses(step: int) -> dict[str, torch.Tensor]:
            steps.append(step)
            return {"loss": (model(x) - y).square().mean()}

        measured = train(
            model,
            losses,
            Schedule(minutes, 1e-4, warmup_steps=1, ema_decay=0.9, report_minutes=0.01),
            tmp_path,
            lambda ema: {"error": float((ema(x) - y).square().mean().detach())},
            lambda ema: saved.append(ema),
        )
        return measured, steps

    first, steps = go(0.02)
    assert steps[0] == 0 and saved
    second, more = go(0.04)
    assert more[0] == len(steps), "the second run goes on where the first stopped"
    assert second["error"] < first["error"]
    assert (tmp_path / "log.csv").read_text().startswith("step,minutes,loss,error")
    _, none = go(0.04)
    assert none == [], "the budget counts earlier runs"
