"""Reading a photograph from anywhere: limits before decoding, upright, in sRGB, with or without alpha."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..protocol.errors import DoppelError
from ..protocol.photo import MAX_PHOTO_BYTES

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 64_000_000
"""Of the file, before it is decoded: 192 MB in memory at the most."""
MAX_SIDE = 30_000
MIN_SIDE = 64
WORKING_SIDE = 1600
"""Larger photographs are reduced to this longer side: several times what the front view holds."""
DARK = 20.0
"""Mean of the brightest tenth, 0 to 255, below which nothing can be seen; three times that is dark."""

_HINT = "save it as PNG, JPEG or WebP in an image editor"
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


@dataclass(frozen=True)
class Photo:
    """A decoded photograph."""

    rgb: NDArray[np.uint8]  # (H, W, 3) sRGB, upright
    alpha: NDArray[np.uint8] | None  # (H, W) where the file has transparency, else None
    sha256: str  # of the file
    warnings: tuple[str, ...] = ()  # what was assumed, a sentence each

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def read_photo(source: Path | str | bytes) -> Photo:
    """Read a photograph from a path or from the bytes of a file.

    Raises:
        DoppelError: ``photo_missing``, ``photo_too_large``, ``photo_too_small``, ``photo_format`` (HEIC among others),
            ``photo_damaged`` or ``photo_dark``.
    """
    data = source if isinstance(source, bytes) else load(Path(source))
    if len(data) > MAX_PHOTO_BYTES:
        raise _too_many_bytes(len(data))
    image = _open(data)
    _check_size(*image.size)
    notes: list[str] = []
    upright = _decode(image)
    if max(upright.size) > WORKING_SIDE:
        upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    colour = _to_srgb(upright, notes)
    alpha = _alpha(upright)
    rgb = np.asarray(colour, np.uint8)
    _check_light(rgb if alpha is None else rgb[alpha > 127], notes)
    return Photo(rgb, alpha, hashlib.sha256(data).hexdigest(), tuple(notes))


def load(path: Path) -> bytes:
    """The bytes of a photo's file; its size is looked at first. Raises DoppelError ``photo_missing`` or
    ``photo_too_large``."""
    try:
        size = path.stat().st_size
        if size > MAX_PHOTO_BYTES:
            raise _too_many_bytes(size)
        return path.read_bytes()
    except OSError as error:
        raise DoppelError(
            "photo_missing", f"the photo {path} cannot be read: {error.strerror}", "check the path"
        ) from None


def _open(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise DoppelError(
            "photo_format",
            "the photo is a HEIC or AVIF file, which is not read",
            "save it as JPEG: phones can export 'most compatible', and image editors convert it",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limits here are stricter
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise DoppelError("photo_format", "the photo is no PNG, JPEG or WebP picture", _HINT) from None
    except Image.DecompressionBombError:
        raise DoppelError(
            "photo_too_large", "the photo has too many pixels to be read", f"reduce it to {WORKING_SIDE} pixels a side"
        ) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise _damaged(error) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise DoppelError(
            "photo_too_large",
            f"the photo has {width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} million are read",
            f"reduce it to {WORKING_SIDE} pixels a side",
        )
    if min(width, height) < MIN_SIDE:
        raise DoppelError(
            "photo_too_small",
            f"the photo has {width} x {height} pixels; a person needs at least {MIN_SIDE} a side",
            "use the original file in place of a thumbnail",
        )


def _decode(image: Image.Image) -> Image.Image:
    """The first frame, decoded and turned as its EXIF record says."""
    try:
        if image.format == "JPEG":
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # decodes at 1/2, 1/4 or 1/8 where that is enough
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise _damaged(error) from None
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF record is no reason to refuse the pixels
        return image


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """RGB in sRGB, by the embedded colour profile where there is one that can be read."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        wide = np.asarray(image, np.float64)
        image = Image.fromarray(np.clip(wide / 257, 0, 255).astype(np.uint8), "L")
    profile = image.info.get("icc_profile")
    plain = image.convert("RGB") if image.mode not in ("RGB", "CMYK", "L") else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append("The photo's colour profile cannot be read; its colours are taken as sRGB.")
    return plain.convert("RGB")


def _alpha(image: Image.Image) -> NDArray[np.uint8] | None:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.uint8)
    return None if alpha.min() > 250 else alpha


def _check_light(pixels: NDArray[np.uint8], notes: list[str]) -> None:
    if not pixels.size:
        raise DoppelError("photo_no_person", "the photo is fully transparent", "choose a photo of a person")
    luma = pixels.reshape(-1, 3) @ np.array([0.299, 0.587, 0.114])
    bright = float(np.sort(luma)[-max(1, len(luma) // 10) :].mean())
    if bright < DARK:
        raise DoppelError("photo_dark", "the photo is nearly black", "brighten it, or choose one taken in daylight")
    if bright < 3 * DARK:
        notes.append("The photo is dark: colours and outline may be wrong.")


def _too_many_bytes(size: int) -> DoppelError:
    return DoppelError(
        "photo_too_large",
        f"the photo's file has {size / 2**20:.0f} MiB; at most {MAX_PHOTO_BYTES // 2**20} are read",
        "save it as JPEG",
    )


def _damaged(error: Exception) -> DoppelError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return DoppelError("photo_damaged", f"the photo cannot be decoded: {reason}", f"the file may be cut off; {_HINT}")
