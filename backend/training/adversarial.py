"""Judges of what is made: they make a network decide, where its own loss alone would have the mean of all that may be.

Small heads on the features of a frozen network say, place by place, which latents or pictures are true. Latents are
judged after Sauer et al. 2024 ("Fast high-resolution image synthesis with latent adversarial diffusion distillation"):
with noise added to foreseen and true ones alike, read by the frozen denoiser itself, which knows what belongs to this
prompt and this body. Pictures are judged after Sauer et al. 2021 ("Projected GANs converge faster"), read by a picture
classifier.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..models.close_up import CloseUpDenoiser
from ..models.denoiser import ViewDenoiser
from .loop import Losses
from .perceptual import CHANNELS

NOISE = (-2.0, 1.0)
"""Mean and deviation of the logit of the time to which latents are noised before they are judged: mostly little noise,
for details; now and then much, for what the whole shows."""
RATE = 2e-3
STEPS_AHEAD = 30
"""Steps that a judge learns before its verdict counts."""

BALANCE_EVERY = 8
"""Steps for which one balance of the gradients holds: it takes two more ways back through the features."""


Judged = Tensor | Sequence[Tensor]
"""Latents, or a picture with its features: whatever a judge's heads read."""


class Judge(nn.Module):
    """Heads that learn to tell the true from the made. Subclasses say on which features.

    Args:
        channels: of each head's features.
        weight: gradient of the judge's part at the judged network's last weights, as a share of its own loss's.
        width: of the heads.
    """

    def __init__(self, channels: Iterable[int], weight: float, width: int = 64) -> None:
        super().__init__()
        self.heads = nn.ModuleList(_head(count, width) for count in channels)
        self.optimizer = torch.optim.AdamW(self.heads.parameters(), lr=RATE, betas=(0.0, 0.99), weight_decay=1e-3)
        self.weight = weight
        self.steps = 0
        self._factor: Tensor | None = None

    def features(self, judged: Any, *given: Tensor) -> list[Tensor]:
        """What the heads read of ``judged``, one entry (B, C', h', w') a head."""
        raise NotImplementedError

    def losses(self, own: Tensor, true: Judged, made: Judged, last: Tensor, *given: Tensor) -> Losses:
        """Teach the judge, and give what the judged network minimises: its ``own`` loss and the judge's doubt.

        Args:
            own: the network's loss without a judge.
            true, made: of the same people.
            last: weights at which the two gradients are balanced.
            given: what belongs to them, as :meth:`features` takes it.
        """
        shown = made.detach() if isinstance(made, Tensor) else [part.detach() for part in made]
        verdict = self.learn(true, shown, *given)
        if self.steps <= STEPS_AHEAD:
            return {"loss": own, "verdict": verdict}
        doubt = self.doubt(made, *given)
        if self._factor is None or self.steps % BALANCE_EVERY == 0:
            self._factor = self.weight * _balance(own, doubt, last)
        return {"loss": own + self._factor * doubt, "own": own, "verdict": verdict, "doubt": doubt}

    def learn(self, true: Judged, made: Judged, *given: Tensor) -> Tensor:
        """One step on what is true and what was made; the hinge loss (Lim & Ye 2017)."""
        pairs = zip(self(true, *given), self(made, *given), strict=True)
        loss = torch.stack([(1 - t).relu().mean() + (1 + m).relu().mean() for t, m in pairs]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return loss.detach()

    def doubt(self, made: Judged, *given: Tensor) -> Tensor:
        """How little it convinces: what the judged network minimises beside its own loss."""
        self.heads.requires_grad_(False)
        doubt = -torch.stack([verdict.mean() for verdict in self(made, *given)]).mean()
        self.heads.requires_grad_(True)
        return doubt

    def forward(self, judged: Judged, *given: Tensor) -> list[Tensor]:
        """Verdicts (B, 1, h', w') of every head; high where true."""
        return [head(feature) for head, feature in zip(self.heads, self.features(judged, *given), strict=True)]


class LatentJudge(Judge):
    """Heads on the features of a frozen copy of a denoiser's encoder, and on the latents themselves."""

    def __init__(self, denoiser: ViewDenoiser | CloseUpDenoiser, weight: float = 0.15) -> None:
        widths = denoiser.unet.config["block_out_channels"]
        super().__init__([denoiser.unet.config["in_channels"], widths[0], *widths, widths[-1]], weight)
        self.reader = copy.deepcopy(denoiser).eval().requires_grad_(False)
        self.heads.to(denoiser.unet.device)

    def features(self, judged: Tensor, *given: Tensor) -> list[Tensor]:
        """Noised latents with all that the denoiser is given, then its encoder's features, fine to coarse.

        Args:
            judged: [B, C, h, w] latents.
            given: tokens [B, 15, D], body maps [B, 8, 4 h, 4 w], for close-ups the coarse windows.
        """
        unet, (tokens, *_) = self.reader.unet, given
        mean, deviation = NOISE
        time = torch.sigmoid(mean + deviation * torch.randn(len(judged), device=judged.device))
        t = time.view(-1, 1, 1, 1)
        inputs = self.reader.inputs((1 - t) * judged + t * torch.randn_like(judged), *given)
        embedding = unet.time_embedding(unet.get_time_embed(inputs, time * 1000))
        x = unet.conv_in(inputs)
        found = [inputs, x]
        for block in unet.down_blocks:
            further = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
            x, skips = block(x, embedding, **further)
            found.append(skips[0])  # before the block halves the size
        found.append(unet.mid_block(x, embedding, encoder_hidden_states=tokens))
        return found


class PictureJudge(Judge):
    """Heads on a picture classifier's features, and on the picture itself; each knows what belongs there.

    Args:
        map_channels: of the maps that are given.
        weight: as :class:`Judge` has it.
    """

    def __init__(self, map_channels: int, weight: float) -> None:
        super().__init__([count + map_channels for count in (16, *CHANNELS)], weight, width=32)

    def features(self, judged: Judged, *given: Tensor) -> list[Tensor]:
        """The 2x2 pixels of each place, then the classifier's features, fine to coarse, each with the maps.

        Args:
            judged: premultiplied pictures [B, 4, H, W] and what :class:`~.perceptual.ClassifierFeatures` makes of them.
            given: maps [B, C, H', W'].
        """
        (maps,) = given
        picture, *found = judged
        found = [functional.pixel_unshuffle(picture, 2), *found]
        return [torch.cat([f, functional.interpolate(maps, f.shape[-2:], mode="area")], dim=1) for f in found]


def _head(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 1, 1),
    )


def _balance(own: Tensor, judged: Tensor, last: Tensor) -> Tensor:
    """The factor that gives ``judged`` as large a gradient at the weights ``last`` as ``own`` has (Esser et al. 2021,
    equation 7)."""
    first, second = (torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (own, judged))
    return (first / second.clamp_min(1e-6)).clamp(max=1e3).detach()
