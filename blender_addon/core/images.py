# SPDX-License-Identifier: GPL-3.0-or-later
"""The little that must be known of a PNG before Blender reads it."""

import struct

MAX_STEP_SIDE = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels from the header of a PNG file.

    Raises:
        ValueError: the bytes are no PNG.
    """
    if len(data) < 24 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR":
        raise ValueError("The texture is not a PNG image.")
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def is_step_picture(data: bytes) -> bool:
    """Whether these bytes of a worker claim to be a PNG of at most `MAX_STEP_SIDE` pixels a side, as a step's is."""
    try:
        return 0 < min(png_size(data)) and max(png_size(data)) <= MAX_STEP_SIDE
    except ValueError:
        return False
