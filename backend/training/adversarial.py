"""A judge of latents: makes the denoiser decide, where its own loss alone would have the mean of all that may be.

After Sauer et al. 2024 ("Fast high-resolution image synthesis with latent adversarial diffusion distillation"): noise
is added to foreseen and true latents alike, the frozen denoiser itself reads them (it knows what belongs to this prompt
and this body), and small heads on its features say, place by place, which are true.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..models.denoiser import ViewDenoiser
from .loop import Losses

NOISE = (-1.2, 1.0)
"""Mean and deviation of the logit of the time to which latents are noised before they are judged: mostly little noise,
for details; now and then much, for what the whole shows."""
WEIGHT = 0.7
"""Gradient of the judge's part at the denoiser's last weights, as a share of its own loss's."""
RATE = 2e-3
STEPS_AHEAD = 30
"""Steps that the judge learns before its verdict counts."""


class LatentJudge(nn.Module):
    """Heads on the features of a frozen copy of a denoiser's encoder, and on the latents themselves."""

    def __init__(self, denoiser: ViewDenoiser, width: int = 64) -> None:
        super().__init__()
        self.reader = copy.deepcopy(denoiser).eval().requires_grad_(False)
        widths = denoiser.unet.config["block_out_channels"]
        channels = [denoiser.unet.config["in_channels"], widths[0], *widths, widths[-1]]
        self.heads = nn.ModuleList(_head(c, width) for c in channels).to(denoiser.unet.device)
        self.optimizer = torch.optim.AdamW(self.heads.parameters(), lr=RATE, betas=(0.0, 0.99), weight_decay=1e-3)
        self.steps = 0

    def losses(self, own: Tensor, true: Tensor, made: Tensor, tokens: Tensor, maps: Tensor, last: Tensor) -> Losses:
        """Teach the judge, and give what the denoiser minimises: its ``own`` loss and the judge's doubt.

        Args:
            own: the flow's loss.
            true, made: [B, C, h, w] latents, and such as the denoiser foresaw.
            tokens: [B, 15, D] attribute tokens.
            maps: [B, 8, 4 h, 4 w] body maps.
            last: weights at which the two gradients are balanced.
        """
        verdict = self.learn(true, made.detach(), tokens, maps)
        if self.steps <= STEPS_AHEAD:
            return {"loss": own, "verdict": verdict}
        doubt = self.doubt(made, tokens, maps)
        factor = WEIGHT * _balance(own, doubt, last)
        return {"loss": own + factor * doubt, "flow": own, "verdict": verdict, "doubt": doubt}

    def learn(self, true: Tensor, made: Tensor, tokens: Tensor, maps: Tensor) -> Tensor:
        """One step on true and foreseen latents (B, C, h, w) of the same people; the hinge loss (Lim & Ye 2017)."""
        time, noise = _draw_noise(true)
        pairs = zip(self(true, tokens, maps, time, noise), self(made, tokens, maps, time, noise), strict=True)
        loss = torch.stack([(1 - t).relu().mean() + (1 + m).relu().mean() for t, m in pairs]).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        return loss.detach()

    def doubt(self, made: Tensor, tokens: Tensor, maps: Tensor) -> Tensor:
        """How little foreseen latents (B, C, h, w) convince: what the denoiser minimises beside its own loss."""
        self.heads.requires_grad_(False)
        doubt = -torch.stack([verdict.mean() for verdict in self(made, tokens, maps, *_draw_noise(made))]).mean()
        self.heads.requires_grad_(True)
        return doubt

    def forward(self, latents: Tensor, tokens: Tensor, maps: Tensor, time: Tensor, noise: Tensor) -> list[Tensor]:
        """Verdicts (B, 1, h', w') of every head on latents (B, C, h, w), noised to ``time`` (B,); high where true."""
        t = time.view(-1, 1, 1, 1)
        features = self.features((1 - t) * latents + t * noise, time, tokens, maps)
        return [head(feature) for head, feature in zip(self.heads, features, strict=True)]

    def features(self, noisy: Tensor, time: Tensor, tokens: Tensor, maps: Tensor) -> list[Tensor]:
        """Latents with body features, then the encoder's features, fine to coarse; arguments as for ViewDenoiser."""
        unet = self.reader.unet
        given = torch.cat([noisy, self.reader.body_encoder(maps, tokens)], dim=1)
        embedding = unet.time_embedding(unet.get_time_embed(given, time * 1000))
        x = unet.conv_in(given)
        found = [given, x]
        for block in unet.down_blocks:
            further = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
            x, skips = block(x, embedding, **further)
            found.append(skips[0])  # before the block halves the size
        found.append(unet.mid_block(x, embedding, encoder_hidden_states=tokens))
        return found


def _head(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 1, 1),
    )


def _draw_noise(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Times (B,) and noise to judge latents (B, C, h, w) at."""
    mean, deviation = NOISE
    time = torch.sigmoid(mean + deviation * torch.randn(len(latents), device=latents.device))
    return time, torch.randn_like(latents)


def _balance(own: Tensor, judged: Tensor, last: Tensor) -> Tensor:
    """The factor that gives ``judged`` as large a gradient at the weights ``last`` as ``own`` has (Esser et al. 2021,
    equation 7)."""
    first, second = (torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (own, judged))
    return (first / second.clamp_min(1e-6)).clamp(max=1e3).detach()
