from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from backend.models.denoiser import BodyEncoder
from backend.training.loop import Schedule, save_weights, train


def test_learns_saves_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    saved = []

    def go(minutes: float) -> tuple[dict[str, float], list[float]]:
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        shares: list[float] = []

        def losses(progress: float) -> dict[str, torch.Tensor]:
            shares.append(progress)
            return {"loss": (model(x) - y).square().mean()}

        measured = train(
            model,
            losses,
            Schedule(minutes, 1e-4, warmup_steps=1, ema_decay=0.9, report_minutes=0.01),
            tmp_path,
            lambda ema: {"error": float((ema(x) - y).square().mean().detach())},
            lambda ema: saved.append(ema),
        )
        return measured, shares

    first, shares = go(0.02)
    assert 0 <= shares[0] < 0.2 and shares == sorted(shares) and shares[-1] <= 1 and saved
    second, more = go(0.04)
    assert 0.4 < more[0] < 0.7, "the second run goes on where the first stopped"
    assert second["error"] < first["error"]
    assert (tmp_path / "log.csv").read_text().startswith("step,minutes,loss,error")
    _, none = go(0.04)
    assert none == [], "the budget counts earlier runs"


def test_saved_weights_say_nothing_of_the_folder_they_came_from(tmp_path: Path) -> None:
    save_weights(BodyEncoder(), tmp_path / "first")
    save_weights(BodyEncoder.from_pretrained(tmp_path / "first"), tmp_path / "second")
    config = (tmp_path / "second" / "config.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in config and "_class_name" in config
    written = load_file(tmp_path / "second" / "diffusion_pytorch_model.safetensors")
    assert {value.dtype for value in written.values()} == {torch.float16}
