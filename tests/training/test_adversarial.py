"""The judges that keep networks from painting the mean of what may be."""

import copy
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from backend.cli import EXIT_ERROR, main
from backend.models.close_up import CloseUpDenoiser, make_close_up_networks
from backend.models.denoiser import BodyEncoder, ViewDenoiser, make_unet
from backend.models.slots import SLOTS
from backend.training.adversarial import STEPS_AHEAD, LatentJudge, PictureJudge
from backend.training.denoiser import OWN_STEPS, foreseen_on_the_way
from backend.training.perceptual import ClassifierFeatures


def small_denoiser() -> ViewDenoiser:
    return ViewDenoiser(
        make_unet(4, (16, 32, 32), token_width=16, latent_size=8), BodyEncoder(token_width=16, latent_channels=4)
    )


def checkered(count: int) -> torch.Tensor:
    """Latents that are a checkerboard or its negative: their mean is nothing at all."""
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    return board * (torch.randint(2, (count, 1, 1, 1)) * 2 - 1) * torch.ones(1, 4, 1, 1)


def given(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, len(SLOTS), 16), torch.rand(count, 8, 32, 32)


def test_judge_tells_what_may_be_from_its_mean_and_says_which_way_is_truer() -> None:
    torch.manual_seed(0)
    judge = LatentJudge(small_denoiser())
    reader = copy.deepcopy(judge.reader.state_dict())
    tokens, maps = given(8)
    verdicts = [float(judge.learn(checkered(8), torch.zeros(8, 4, 8, 8), tokens, maps)) for _ in range(60)]
    assert verdicts[0] > 1.8 and verdicts[-1] < 1
    faint = (checkered(8) * 0.1).requires_grad_()
    judge.doubt(faint, tokens, maps).backward()
    assert faint.grad is not None
    assert float((faint.grad * faint.detach()).sum()) < 0, "a clearer checkerboard is less doubted"
    assert all(p.requires_grad for p in judge.heads.parameters())
    for name, value in judge.reader.state_dict().items():
        assert torch.equal(value, reader[name]), "the reader is frozen"


def test_verdicts_count_once_the_judge_has_learnt_and_as_much_as_the_own_loss() -> None:
    torch.manual_seed(0)
    model = small_denoiser()
    judge = LatentJudge(model)
    tokens, maps = given(4)
    true, time = checkered(4), torch.full((4,), 0.7)
    last = model.unet.conv_out.weight
    for step in range(STEPS_AHEAD + 1):
        made = model(torch.randn_like(true), time, tokens, maps)
        own = (made - true).square().mean()
        losses = judge.losses(own, true, made, last, tokens, maps)
        assert ("doubt" in losses) == (step >= STEPS_AHEAD)
    first = torch.autograd.grad(losses["own"], last, retain_graph=True)[0]
    both = torch.autograd.grad(losses["loss"], last)[0]
    assert 0.1 < float((both - first).norm() / first.norm()) < 0.2


def test_judge_reads_close_ups_with_their_coarse_windows() -> None:
    torch.manual_seed(0)
    denoiser = CloseUpDenoiser(*make_close_up_networks(4, 16, (16, 32, 32)))
    judge = LatentJudge(denoiser)
    tokens, maps = given(2)
    verdicts = judge(checkered(2), tokens, maps, torch.rand(2, 4, 16, 16))
    assert [tuple(v.shape) for v in verdicts] == [(2, 1, s, s) for s in (8, 8, 8, 4, 2, 2)]


def test_picture_judge_tells_woven_cloth_from_smooth_and_asks_for_more_weave() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    judge, classifier = PictureJudge(8, 0.7), ClassifierFeatures()

    def cloth(contrast: float) -> list[torch.Tensor]:
        colour = torch.rand(4, 3, 1, 1) - 0.5
        weave = functional.interpolate(torch.randn(4, 1, 32, 32), scale_factor=2)
        picture = torch.cat([(colour + contrast * weave).clamp(-1, 1), torch.ones(4, 1, 64, 64)], dim=1)
        return [picture, *classifier(picture)]

    maps = torch.rand(4, 8, 16, 16)
    verdicts = [float(judge.learn(cloth(0.2), cloth(0), maps)) for _ in range(40)]
    assert verdicts[0] > 1.8 and verdicts[-1] < 1
    with torch.no_grad():
        assert judge.doubt(cloth(0.2), maps) < judge.doubt(cloth(0.1), maps) < judge.doubt(cloth(0), maps)


def test_on_the_way_the_network_meets_what_it_made_itself() -> None:
    torch.manual_seed(0)
    data, gain = checkered(64), torch.ones((), requires_grad=True)
    met: list[tuple[torch.Tensor, torch.Tensor, bool]] = []

    def predict(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        met.append((noisy, time, torch.is_grad_enabled()))
        return torch.zeros_like(noisy) * gain  # it knows nothing: the mean of all checkerboards

    lengths = set()
    for _ in range(12):
        met.clear()
        made = foreseen_on_the_way(predict, data)
        *own, (_, late, within) = met
        lengths.add(len(own))
        assert not any(learning for *_, learning in own) and within and made.requires_grad
        times = torch.stack([time for _, time, _ in met])
        assert (times[0] >= 0.7).all() and (times.diff(dim=0) < 0).all() and (late > 0.1).all()
        # What the truth gave away in the first noisy latents is fading: the later ones are the network's own.
        shown = [(x * data).mean((1, 2, 3)) for x, *_ in met]
        torch.testing.assert_close(shown[-1], shown[0] * late / times[0])
    assert lengths == set(range(1, OWN_STEPS + 1))


def test_command_says_what_a_judge_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "denoiser", "--data", str(tmp_path), "--out", str(tmp_path), "--minutes", "1", "--adversarial"]
    assert main(train) == EXIT_ERROR
    assert "of a model folder that has one" in capsys.readouterr().err
    (tmp_path / "unet").mkdir()
    assert main([*train, "--batch", "1"]) == EXIT_ERROR
    assert "needs a --batch of 2 or more" in capsys.readouterr().err
