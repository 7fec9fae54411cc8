"""Many pictures on one sheet, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

BACKGROUND = 0.86


def over_background(rgba: Tensor, background: float = BACKGROUND) -> Tensor:
    """RGBA in [0, 1] or uint8 (4, H, W) over a plain grey, uint8 (3, H, W)."""
    values = rgba.float() / 255 if rgba.dtype == torch.uint8 else rgba.float()
    return ((values[:3] * values[3:] + background * (1 - values[3:])).clamp(0, 1) * 255).round().to(torch.uint8)


def contact_sheet(groups: Sequence[Sequence[Tensor]], columns: int = 4, height: int = 320) -> Image.Image:
    """Groups of RGBA pictures (4, H, W) side by side, ``columns`` groups a row, cropped to their middle 70 %."""
    tiles = []
    for group in groups:
        images = [Image.fromarray(over_background(rgba).permute(1, 2, 0).numpy()) for rgba in group]
        images = [image.crop((int(image.width * 0.15), 0, int(image.width * 0.85), image.height)) for image in images]
        width = round(images[0].width * height / images[0].height)
        tile = Image.new("RGB", (width * len(images), height))
        for i, image in enumerate(images):
            tile.paste(image.resize((width, height), Image.Resampling.LANCZOS), (i * width, 0))
        tiles.append(tile)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    grey = round(BACKGROUND * 255)
    sheet = Image.new("RGB", (tiles[0].width * columns, height * rows), (grey, grey, grey))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, ((i % columns) * tile.width, (i // columns) * height))
    return sheet
