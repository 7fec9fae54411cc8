"""Sheets of prompts with what was generated for them, beside the true person."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from rigging.atomic import write_bytes

from ..data.contact_sheet import BACKGROUND, over_background
from ..models.autoencoder import resize

COLUMNS = 3
_PICTURE = (118, 236)  # width, height: the middle half of a square picture
_TEXT = 58
_GAP = 6
_FONT_SIZE, _LETTERS = 12, 58
_MOST_BYTES = 290_000

Entry = tuple[str, Tensor]
"""A prompt and its pictures [3, 4, 512, 512]: generated front, generated back, true front."""


def prompt_sheet(entries: list[Entry]) -> Image.Image:
    """Entries in rows of three, each prompt below its pictures."""
    grey = (round(BACKGROUND * 255),) * 3
    width, height = 3 * _PICTURE[0] + _GAP, _PICTURE[1] + _TEXT
    rows = -(-len(entries) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(entries)) * (width + _GAP), rows * height), grey)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for i, (prompt, pictures) in enumerate(entries):
        left, top = (i % COLUMNS) * (width + _GAP), (i // COLUMNS) * height
        for k, rgba in enumerate(resize(pictures.float(), 2 * _PICTURE[1])):
            image = Image.fromarray(over_background(rgba).permute(1, 2, 0).contiguous().numpy())
            quarter = image.width // 4
            image = image.crop((quarter, 0, image.width - quarter, image.height))
            place = left + k * _PICTURE[0] + (_GAP if k == 2 else 0)
            sheet.paste(image.resize(_PICTURE, Image.Resampling.LANCZOS), (place, top))
        text = "\n".join(textwrap.wrap(prompt, _LETTERS)[:3])
        draw.multiline_text((left + 4, top + _PICTURE[1] + 4), text, fill=(20, 20, 20), font=font, spacing=2)
    return sheet


def save_sheet(path: Path, sheet: Image.Image) -> None:
    """A JPEG of less than 290 kB, as good as that allows."""
    for quality in range(92, 40, -4):
        stream = io.BytesIO()
        sheet.save(stream, "JPEG", quality=quality)
        if stream.tell() < _MOST_BYTES:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, stream.getvalue())


def three_pictures(generated: Tensor, true_front: Tensor) -> Tensor:
    """[3, 4, 512, 512] of a generated pair (2, 4, 512, 512) and a true front (4, 512, 512)."""
    return torch.cat([generated, true_front[None]])
