# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a photo before it is sent: looked at by its first bytes, read, named. Only the worker decodes it."""

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.photo import MAX_PHOTO_BYTES

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")
UNREAD = "0" * 64
"""In a request, the name of a photo whose file is still to be read."""

_HINT = "save it as PNG, JPEG or WebP in an image editor"
_HEAD_BYTES = 16
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


class PhotoFile(NamedTuple):
    """A photo as it is sent."""

    data: bytes
    sha256: str


def look_at(path: Path) -> None:
    """Whether a file may be a photo: there, small enough, and its first bytes those of PNG, JPEG or WebP.

    Raises:
        DoppelError: ``photo_missing``, ``photo_too_large`` or ``photo_format``.
    """
    _read(path, rest=False)


def read(path: Path) -> PhotoFile:
    """The file's bytes, at most `MAX_PHOTO_BYTES`. It may take a while: not for Blender's own thread.

    Raises:
        DoppelError: as :func:`look_at`.
    """
    data = _read(path, rest=True)
    return PhotoFile(data, hashlib.sha256(data).hexdigest())


def _read(path: Path, rest: bool) -> bytes:
    """The first bytes of a file that may be a photo, or all of them."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # opening a pipe or a device could wait for ever
            raise DoppelError("photo_missing", f"{path} is no file", "choose a picture's file")
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES)
            _check(path, data, about.st_size)
            if rest:
                data += file.read(MAX_PHOTO_BYTES + 1 - len(data))
                _check(path, data, len(data))
            return data
    except OSError as error:
        raise DoppelError(
            "photo_missing", f"the picture {path} cannot be read: {error.strerror}", "choose it again"
        ) from None


def _check(path: Path, data: bytes, size: int) -> None:
    if size > MAX_PHOTO_BYTES:
        raise DoppelError(
            "photo_too_large",
            f"{path.name} has {size / 2**20:.0f} MB; at most {MAX_PHOTO_BYTES // 2**20} MB are read",
            "save a smaller copy: 1600 pixels a side are enough",
        )
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise DoppelError(
            "photo_format",
            f"{path.name} is a HEIC or AVIF picture, which is not read",
            "save it as JPEG: phones can export 'most compatible', and image editors convert it",
        )
    png, jpeg = data.startswith(b"\x89PNG\r\n\x1a\n"), data.startswith(b"\xff\xd8\xff")
    if not (png or jpeg or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")):
        raise DoppelError("photo_format", f"{path.name} is no PNG, JPEG or WebP picture", _HINT)
