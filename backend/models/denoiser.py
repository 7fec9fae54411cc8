"""The latent denoiser of one view, its view of the body, and the small adapter that makes it paint backs.

The base network is diffusers' UNet2DConditionModel over latents and encoded body maps, with the prompt's attribute
tokens by cross-attention. It is taught both sides of people, each from its own body maps alone: p(view | text, body).
The back adapter then adds the front's latents at the input and low-rank changes to the attention, p(back | front, text,
body): AvatarPopUp's partial fine-tuning (Kolotouros et al. 2024, section 3.2), with the base left as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.body_maps import CHANNELS
from .slots import SLOTS

BODY_MAP_SIZE = 128
BODY_CHANNELS = 32


class BodyEncoder(ModelMixin, ConfigMixin):
    """Body maps and attribute tokens to features beside the latents.

    Besides plain features, each place on the body chooses which attributes concern it (a shirt's colour the torso, a
    hair style the head) and lets their tokens in as channels: what the prompt says of a place reaches the first layer.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = CHANNELS,
        width: int = 48,
        features: int = 16,
        painted: int = 16,
        token_width: int = 128,
        octaves: int = 5,
        latent_channels: int = 16,
    ) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(4)
        self.from_pixels = nn.Conv2d(in_channels * 16, width, 1)
        self.from_positions = nn.Conv2d(6 * octaves, width, 1, bias=False)
        self.layers = nn.Sequential(nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU())
        self.to_features = nn.Conv2d(width, features, 3, padding=1)
        self.to_gates = nn.Conv2d(width, len(SLOTS), 3, padding=1)
        self.token_values = nn.Parameter(torch.randn(len(SLOTS), token_width, painted) / token_width**0.5)
        self.shortcut = nn.Conv2d(latent_channels + features + painted, 3 * latent_channels, 1)
        nn.init.zeros_(self.shortcut.weight)
        nn.init.zeros_(self.shortcut.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor, tokens: Tensor) -> Tensor:
        """Maps (B, 8, 4 h, 4 w) and tokens (B, 15, D) to features (B, 32, h, w)."""
        positions = body_positions(maps, self.config["octaves"])
        h = self.layers(self.from_pixels(self.unshuffle(maps)) + self.from_positions(positions))
        values = torch.einsum("bsd,sdp->bsp", tokens, self.token_values)
        painted = torch.einsum("bshw,bsp->bphw", self.to_gates(h).sigmoid(), values)
        return torch.cat([self.to_features(h), painted], dim=1)

    def past_the_unet(self, given: Tensor, time: Tensor) -> Tensor:
        """What noisy latents and body features (B, C + 32, h, w) say of the clean latents directly, (B, C, h, w).

        A linear map whose gains follow the time (B,). The UNet's norms lose absolute colour and can only imitate
        details that nearly clean latents already hold; EDM's skip (Karras et al. 2022, table 1), here learnt.
        """
        return _by_time(self.shortcut(given), time)


def _by_time(parts: Tensor, time: Tensor) -> Tensor:
    """The polynomial in the times (B,) whose three coefficients stand in parts (B, 3 C, h, w): (B, C, h, w)."""
    gains = torch.stack([torch.ones_like(time), time, time.square()], dim=1)
    return torch.einsum("bk,bkchw->bchw", gains, parts.unflatten(1, (3, -1)))


def body_positions(maps: Tensor, octaves: int) -> Tensor:
    """Where on the template each latent cell lies, as sines and cosines (B, 6 octaves, h, w) of doubling frequency.

    Hems, cuffs and eyes sit at places of the body; a network finds a place sooner in sinusoids than in coordinates
    (Tancik et al. 2020). ``maps`` (B, 8, 4 h, 4 w); zeros where a cell has no body.
    """
    cover = functional.avg_pool2d(maps[:, 7:8], 4)
    place = functional.avg_pool2d(maps[:, 4:7], 4) / cover.clamp_min(1e-3)
    angles = torch.cat([place * (torch.pi * 2.0**k) for k in range(octaves)], dim=1)
    return torch.cat([angles.sin(), angles.cos()], dim=1) * (cover > 0)


def make_unet(
    latent_channels: int = 16,
    widths: tuple[int, ...] = (48, 96, 160),
    token_width: int = 128,
    further_channels: int = 0,
    latent_size: int = 32,
) -> UNet2DConditionModel:
    """A denoiser over latents, body features and ``further_channels``; attention at half the size and below."""
    return UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels + BODY_CHANNELS + further_channels,
        out_channels=latent_channels,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=token_width,
        attention_head_dim=4,  # diffusers' name for the number of heads
        norm_num_groups=16,
    )


class ViewDenoiser(nn.Module):
    """UNet and body encoder as one module: what is trained together."""

    def __init__(self, unet: UNet2DConditionModel, body_encoder: BodyEncoder) -> None:
        super().__init__()
        self.unet, self.body_encoder = unet, body_encoder

    def forward(self, noisy: Tensor, time: Tensor, tokens: Tensor, maps: Tensor) -> Tensor:
        """The clean latents (B, C, h, w) as foreseen.

        The network answers with the data, not the noise: what it has no room for it then leaves out, in place of
        passing noise on (Li & He 2025, "Back to Basics").

        Args:
            noisy: [B, C, h, w] (1 - time) * data + time * noise.
            time: [B] in [0, 1].
            tokens: [B, 15, D] attribute tokens.
            maps: [B, 8, 4 h, 4 w] body maps of the side.
        """
        given = self.inputs(noisy, tokens, maps)
        return self.unet(given, time * 1000, tokens).sample + self.body_encoder.past_the_unet(given, time)

    def inputs(self, noisy: Tensor, tokens: Tensor, maps: Tensor) -> Tensor:
        """What the UNet is given beside tokens and time, (B, C + 32, h, w)."""
        return torch.cat([noisy, self.body_encoder(maps, tokens)], dim=1)


def velocity_of(noisy: Tensor, clean: Tensor, time: Tensor) -> Tensor:
    """The flow's velocity noise - data (B, C, h, w) for foreseen clean latents, at times (B,)."""
    return (noisy - clean) / time.view(-1, 1, 1, 1).clamp_min(1e-3)


class BackAdapter(ModelMixin, ConfigMixin):
    """An input convolution for the front's latents, low-rank changes to every attention projection, and a linear way
    from the front past the UNet, for a back mostly has its front's colours.

    Nothing of the base is written: :meth:`attached` hooks the changes in for a while and takes them out again, so the
    base without it gives the same bits as before.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        conv_width: int = 48,
        rank: int = 16,
        shapes: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        super().__init__()
        self.conv_front = nn.Conv2d(latent_channels, conv_width, 3, padding=1)
        nn.init.zeros_(self.conv_front.weight)
        nn.init.zeros_(self.conv_front.bias)  # type: ignore[arg-type]
        self.from_front = nn.Conv2d(latent_channels, 3 * latent_channels, 1)
        nn.init.zeros_(self.from_front.weight)
        nn.init.zeros_(self.from_front.bias)  # type: ignore[arg-type]
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, (out_features, in_features) in (shapes or {}).items():
            key = name.replace(".", "/")
            self.down[key] = nn.Parameter(torch.randn(rank, in_features) / rank)
            self.up[key] = nn.Parameter(torch.zeros(out_features, rank))

    @classmethod
    def of(cls, unet: UNet2DConditionModel, rank: int = 16) -> BackAdapter:
        """A fresh adapter (that changes nothing yet) for a base network."""
        shapes = {
            name: tuple(module.weight.shape)
            for name, module in unet.named_modules()
            if isinstance(module, nn.Linear) and (".attn" in name or ".ff." in name)
        }
        out_channels = unet.config["out_channels"]
        return cls(out_channels, unet.config["block_out_channels"][0], rank, shapes)

    @contextmanager
    def attached(self, unet: UNet2DConditionModel, front: Tensor) -> Iterator[None]:
        """Within the block, ``unet`` paints backs of the person whose front's latents (B, C, h, w) are given."""
        addition = self.conv_front(front)
        past = self.from_front(front)
        modules = dict(unet.named_modules())

        def on_input(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            return output + addition

        def on_output(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> Any:
            return type(output)(sample=output.sample + _by_time(past, inputs[1] / 1000))

        def low_rank(key: str) -> Any:
            def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
                return output + (inputs[0] @ self.down[key].T) @ self.up[key].T

            return hook

        handles = [unet.conv_in.register_forward_hook(on_input), unet.register_forward_hook(on_output)]
        handles += [modules[key.replace("/", ".")].register_forward_hook(low_rank(key)) for key in self.up]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
