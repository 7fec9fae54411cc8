"""Train the denoiser of close-ups, on heads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..data.contact_sheet import contact_sheet
from ..geometry.close_up import CLOSE_UP_SIZE, WINDOW
from ..models.autoencoder import Autoencoder, resize, unpremultiply
from ..models.close_up import CLOSE_UP_LATENTS, CloseUpDenoiser, make_close_up_networks
from ..models.denoiser import BODY_MAP_SIZE, BodyEncoder
from ..models.picture_decoder import PictureDecoder
from .adversarial import LatentJudge
from .denoiser import CAPTION_DROP, HELD_OUT, flow_loss, foreseen, sample
from .foreseen import foreseen_latents
from .latents import CloseUpSet, LatentSet
from .loop import Losses, Schedule, save_weights, train

EARLY_SHARE, NOISE_SHIFT = 0.15, 0.5
MOST_BLUR, MOST_NOISE = 3.0, 0.08
TRUE_SHARE = 0.25
"""Share of coarse windows that are the truth's; the rest are of pictures that the denoiser foresaw."""
FORESEEN_TIMES = (0.5, 1.0)
"""To the latest: where a coarse face is wrong, the prompt and the body must be believed instead."""
JUDGE_WEIGHT = 0.25
"""More than the denoiser's: here the judge reads what was foreseen from true latents, and colours do not drift."""
CELLS = 9
"""Latent cells of the whole picture along a side that hold a window and one cell around it."""
CROP_CELLS = 16
"""Latent cells along a side of what is trained on: whichever 16 of the 24, they hold the middle, where the face is."""


def soil(coarse: Tensor) -> Tensor:
    """Coarse windows (B, 4, S, S) with random blur (up to 3 pixels) and noise: generated pictures are not sharp."""
    spread = MOST_BLUR * float(torch.rand(()))
    if spread > 0.3:
        reach = torch.arange(-7, 8, device=coarse.device).float()
        kernel = torch.exp(-0.5 * (reach / spread) ** 2)
        kernel = (kernel / kernel.sum()).expand(4, 1, -1)
        padded = functional.pad(coarse, (7, 7, 7, 7), mode="replicate")
        rows = functional.conv2d(padded, kernel.unsqueeze(3), groups=4)
        coarse = functional.conv2d(rows, kernel.unsqueeze(2), groups=4)
    amount = MOST_NOISE * torch.rand(len(coarse), 1, 1, 1, device=coarse.device)
    return coarse + amount * torch.randn_like(coarse)


@torch.no_grad()
def foreseen_windows(people: LatentSet, corners: Tensor, models: Path) -> Tensor:
    """Coarse windows (N, 2, K, 4, 48, 48) float16 of pictures as the models before the close-up paint them."""
    decoder = PictureDecoder.from_pretrained(models / "picture_decoder").float().eval()
    foreseen = foreseen_latents(people, models, FORESEEN_TIMES)
    tries = foreseen.shape[2]
    windows = []
    for row, (left, top) in enumerate(tqdm(corners.tolist(), desc="windows")):
        # Only the cells about the window are decoded.
        k = BODY_MAP_SIZE // foreseen.shape[-1]
        first = [max(0, min(edge // 8 - 1, foreseen.shape[-1] - CELLS)) for edge in (top, left)]
        rows, columns = (slice(edge, edge + CELLS) for edge in first)
        latents = foreseen[row, ..., rows, columns].flatten(0, 1).float()
        maps = people.maps[row, ..., first[0] * k : (first[0] + CELLS) * k, first[1] * k : (first[1] + CELLS) * k]
        tokens = people.tokens[row, :1].float().expand(len(latents), -1, -1)
        decoded = decoder(latents, maps.float().repeat_interleave(tries, 0), tokens).picture
        small = functional.avg_pool2d(decoded, 2)
        y, x = top - first[0] * 8, left - first[1] * 8
        windows.append(small[..., y : y + WINDOW, x : x + WINDOW].unflatten(0, (2, tries)).half())
    return torch.stack(windows)


def train_close_up(
    people: LatentSet,
    data: CloseUpSet,
    models: Path,
    folder: Path,
    minutes: float,
    seed: int,
    batch: int,
    rate: float = 2e-3,
    adversarial: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """Train on both sides of the heads of ``data``, with the captions of ``people``; save into the model folder.

    ``adversarial`` sharpens a trained denoiser, as in :func:`.denoiser.train_base`.
    """
    torch.manual_seed(seed)
    autoencoder = Autoencoder.from_pretrained(models / "close_up_vae").float().eval()
    if (models / "close_up_unet").is_dir():
        model = load_close_up(models).train()
    else:
        model = CloseUpDenoiser(*make_close_up_networks(data.latents.shape[2], people.tokens.shape[-1]))
    model.to(device)
    judge = LatentJudge(model, JUDGE_WEIGHT) if adversarial else None

    windows = torch.cat([data.coarse.unsqueeze(2), foreseen_windows(people, data.corners, models)], dim=2)

    def take(rows: Tensor, sides: Tensor, caption: Tensor, source: Tensor) -> tuple[Tensor, ...]:
        """Latents, maps, coarse windows (the truth's where ``source`` is 0), weights, tokens."""
        coarse = windows[rows, sides, source]
        parts = (data.latents[rows, sides], data.maps[rows, sides], coarse, data.weight[rows, sides])
        return (*(part.float().to(device) for part in parts), people.tokens[rows, caption].float().to(device))

    def cropped(*parts: Tensor) -> Iterator[Tensor]:
        row, column = torch.randint(CLOSE_UP_LATENTS - CROP_CELLS + 1, (2,)).tolist()
        for part in parts:
            k = part.shape[-1] // CLOSE_UP_LATENTS
            yield part[..., row * k : (row + CROP_CELLS) * k, column * k : (column + CROP_CELLS) * k]

    def losses(progress: float) -> Losses:
        rows = torch.randint(HELD_OUT, len(data.latents), (batch,))
        # Three in four are fronts: a back of the head is mostly hair.
        sides = (torch.rand(batch) < 0.25).long()
        source = torch.randint(1, windows.shape[2], (batch,)) * (torch.rand(batch) > TRUE_SHARE)
        *parts, tokens = take(rows, sides, torch.randint(people.tokens.shape[1], (batch,)), source)
        latents, maps, coarse, weight = cropped(*parts)
        tokens[torch.rand(batch) < CAPTION_DROP] = people.empty.to(device)
        soiled = soil(coarse)
        predict = lambda x, t: model(x, t, tokens, maps, soiled)  # noqa: E731
        loss, made = foreseen(predict, latents, weight, EARLY_SHARE, NOISE_SHIFT)
        if judge is None:
            return {"loss": loss}
        return judge.losses(loss, latents, made, model.unet.conv_out.weight, tokens, maps, soiled)

    def report(ema: nn.Module) -> dict[str, float]:
        rows = torch.arange(HELD_OUT)
        state = torch.get_rng_state()
        torch.manual_seed(1)
        values, made = [], []
        with torch.no_grad():
            for side in (0, 1):
                latents, maps, coarse, weight, tokens = take(
                    rows, torch.full_like(rows, side), torch.zeros_like(rows), torch.ones_like(rows)
                )
                predict = lambda x, t, k=tokens, m=maps, c=coarse: ema(x, t, k, m, c)  # noqa: E731
                values += [flow_loss(predict, latents, weight, EARLY_SHARE, NOISE_SHIFT) for _ in range(4)]
                clean = sample(predict, tuple(latents.shape), 12, torch.Generator().manual_seed(0))
                made.append(unpremultiply(autoencoder.decode(clean.cpu())))
                if side == 0:
                    made.append(unpremultiply(autoencoder.decode(latents.cpu())))
                    made.append(resize(unpremultiply(coarse.cpu()), CLOSE_UP_SIZE))
        torch.set_rng_state(state)
        groups = [(made[2][i], made[0][i], made[1][i], made[3][i]) for i in range(HELD_OUT)]
        contact_sheet(groups, columns=3, height=2 * CLOSE_UP_SIZE).save(folder / "contact_sheet.jpg", quality=88)
        return {"held_out": float(torch.stack(values).mean())}

    def save(ema: nn.Module) -> None:
        assert isinstance(ema, CloseUpDenoiser)
        save_weights(ema.unet, models / "close_up_unet")
        save_weights(ema.body_encoder, models / "close_up_body_encoder")

    return train(model, losses, Schedule(minutes, rate, ema_decay=0.995, report_minutes=5), folder, report, save)


def load_close_up(models: Path) -> CloseUpDenoiser:
    """The close-up denoiser of a model folder."""
    unet = UNet2DConditionModel.from_pretrained(models / "close_up_unet")
    return CloseUpDenoiser(unet, BodyEncoder.from_pretrained(models / "close_up_body_encoder")).float().eval()
