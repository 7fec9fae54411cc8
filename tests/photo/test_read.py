"""Photographs of every kind, good and bad."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from backend.photo.read import WORKING_SIDE, read_photo
from backend.protocol.errors import DoppelError


def noise(height: int = 96, width: int = 128) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises pixels and holds hardly any."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def code_of(source: bytes | Path) -> str:
    with pytest.raises(DoppelError) as caught:
        read_photo(source)
    assert caught.value.hint and "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_reads_pixels(kind: str) -> None:
    smooth = np.linspace(0, 255, 128, dtype=np.uint8)[None, :, None].repeat(96, 0).repeat(3, 2)
    photo = read_photo(encoded(Image.fromarray(smooth), kind))
    assert photo.size == (96, 128) and photo.alpha is None and not photo.warnings
    assert np.abs(photo.rgb.astype(int) - smooth).mean() < 3


def test_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:, :64] = 250
    photo = read_photo(encoded(Image.fromarray(pixels), "JPEG", exif=exif))
    assert photo.size == (128, 96)
    assert photo.rgb[:50].mean() > 200 and photo.rgb[-50:].mean() < 50


def test_colour_profile_is_applied() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    grey = Image.new("RGB", (80, 80), (120, 120, 120))
    same = encoded(grey, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert abs(int(read_photo(same).rgb.mean()) - 120) <= 1
    for useless in (lab.tobytes(), b"no profile", linear.tobytes()[:60]):
        photo = read_photo(encoded(grey, icc_profile=useless))
        assert abs(int(photo.rgb.mean()) - 120) <= 1 and any("profile" in note for note in photo.warnings)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "LA", "RGBA", "I;16", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(noise()[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(noise()).convert(mode)
    photo = read_photo(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert photo.rgb.shape == (96, 128, 3) and photo.rgb.dtype == np.uint8 and photo.rgb.std() > 20


def test_alpha_is_kept_only_where_there_is_some() -> None:
    rgba = np.dstack([noise(), np.full((96, 128), 255, np.uint8)])
    assert read_photo(encoded(Image.fromarray(rgba))).alpha is None
    rgba[:, :64, 3] = 0
    alpha = read_photo(encoded(Image.fromarray(rgba))).alpha
    assert alpha is not None and alpha[:, :64].max() == 0 and alpha[:, 64:].min() == 255


def test_large_photos_are_reduced() -> None:
    photo = read_photo(encoded(Image.new("RGB", (4000, 1000), (90, 120, 200)), "JPEG"))
    assert max(photo.size) == WORKING_SIDE and abs(photo.size[1] / photo.size[0] - 4) < 0.02


def test_dark() -> None:
    assert code_of(encoded(Image.new("RGB", (200, 200), (3, 3, 4)))) == "photo_dark"
    assert any("dark" in w for w in read_photo(encoded(Image.new("RGB", (200, 200), (40, 40, 40)))).warnings)


def test_what_is_refused(tmp_path: Path) -> None:
    whole = encoded(Image.fromarray(noise(300, 300)), "JPEG")
    assert code_of(whole[: len(whole) // 2]) == "photo_damaged"
    assert code_of(png_header(300, 300)) == "photo_damaged"
    assert code_of(png_header(20_000, 20_000)) == "photo_too_large"
    assert code_of(png_header(2**31 - 1, 2**31 - 1)) == "photo_too_large"
    assert code_of(encoded(Image.new("RGB", (1, 1)))) == "photo_too_small"
    assert code_of(b"") == "photo_format"
    assert code_of(b"\0\0\0\x18ftypheic" + b"\0" * 200) == "photo_format"
    assert code_of(encoded(Image.fromarray(noise()), "GIF")) == "photo_format"
    text = tmp_path / "text.png"
    text.write_text("I am no picture")
    assert code_of(text) == "photo_format"
    assert code_of(tmp_path / "absent.png") == "photo_missing"
    assert code_of(tmp_path) == "photo_missing"
    assert code_of(encoded(Image.new("RGBA", (90, 90)))) == "photo_no_person"


def test_bytes_are_counted_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with open(path, "wb") as file:
        file.truncate(40 * 2**20)  # sparse
    assert code_of(path) == "photo_too_large"
    assert code_of(bytes(33 * 2**20)) == "photo_too_large"
