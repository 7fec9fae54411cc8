"""The columns of the picture that a person can occupy: only they are denoised."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

LATENT_SIZE = 32
COLUMN_STEP = 4
MARGIN = 2


@dataclass(frozen=True)
class Window:
    """``columns`` of the ``size`` latent columns, about the middle; a multiple of 4."""

    columns: int
    size: int = LATENT_SIZE

    @classmethod
    def of_mask(cls, mask: Tensor) -> Window:
        """The window that holds a mask (..., 32, 32) with a margin of two columns for hair and cloth."""
        used = mask.reshape(-1, LATENT_SIZE).any(0).nonzero().squeeze(1)
        if not used.numel():
            return cls(LATENT_SIZE)
        middle = LATENT_SIZE // 2
        reach = max(middle - int(used.min()), int(used.max()) + 1 - middle) + MARGIN
        return cls(min(LATENT_SIZE, -(-2 * reach // COLUMN_STEP) * COLUMN_STEP))

    @classmethod
    def of_body(cls, maps: Tensor) -> Window:
        """The window of body maps (B, 8, S, S), whose last channel is the silhouette."""
        return cls.of_mask(functional.max_pool2d(maps[:, -1:], maps.shape[-1] // LATENT_SIZE) > 0.5)

    def crop(self, x: Tensor, scale: int = 1) -> Tensor:
        """The window's part of (..., W), where one latent column is ``scale`` wide."""
        start = (self.size - self.columns) // 2 * scale
        return x[..., start : start + self.columns * scale]

    def paste(self, x: Tensor, scale: int = 1) -> Tensor:
        """(..., columns * scale) back into its place among zeros, (..., size * scale)."""
        side = (self.size - self.columns) // 2 * scale
        return functional.pad(x, (side, side))
