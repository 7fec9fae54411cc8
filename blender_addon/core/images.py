# SPDX-License-Identifier: GPL-3.0-or-later
"""The little that must be known of a PNG before Blender reads it."""

import struct

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
