"""Photos before they are sent, and fits as they come back."""

import json
from pathlib import Path

import numpy as np
import pytest
from doppel_extension.backend.protocol.errors import DoppelError
from doppel_extension.backend.protocol.photo import MAX_PHOTO_BYTES
from doppel_extension.blender_addon.core import body, hands, photo_file, photo_fit

from rigging.body_parameters import BodyParameters

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(40)


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP])
def test_a_photo_is_read_whole_and_named_by_its_sum(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "me.picture"
    path.write_bytes(data)
    photo_file.look_at(path)
    read = photo_file.read(path)
    assert read.data == data and len(read.sha256) == 64 and read.sha256 != photo_file.UNREAD


@pytest.mark.parametrize(
    "data, words",
    [
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(20), "AVIF"),
        (b"GIF89a" + bytes(20), "no PNG, JPEG or WebP"),
        (b"", "no PNG, JPEG or WebP"),
    ],
)
def test_what_is_no_photo_is_refused_by_its_first_bytes(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(data)
    for ask in (photo_file.look_at, photo_file.read):
        with pytest.raises(DoppelError, match=words) as refused:
            ask(path)
        assert refused.value.code == "photo_format" and refused.value.hint


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.write(JPEG)
        file.truncate(MAX_PHOTO_BYTES + 1)  # no such bytes lie on the disk
    with pytest.raises(DoppelError, match="at most 32 MB") as refused:
        photo_file.read(path)
    assert refused.value.code == "photo_too_large"


@pytest.mark.parametrize("name", ["absent.jpg", "."])
def test_what_is_no_file_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(DoppelError) as refused:
        photo_file.look_at(tmp_path / name)
    assert refused.value.code == "photo_missing"


def write_fit(folder: Path, **record: object) -> BodyParameters:
    """A fit as the worker writes it; its body."""
    fitted = BodyParameters.a_pose(np.linspace(-1, 1, 10))
    fitted.global_orient = np.array([0.1, 0.8, 0.0])
    fitted.left_hand_pose = fitted.left_hand_pose + 0.05
    folder.mkdir(parents=True)
    (folder / "body.json").write_text(json.dumps(fitted.to_dict()))
    (folder / "fit.json").write_text(json.dumps({"warnings": ["The legs are hidden."], **record}))
    return fitted


def test_a_fit_is_read(tmp_path: Path) -> None:
    fitted = write_fit(tmp_path / "0")
    fit = photo_fit.read_fit(tmp_path / "0")
    assert fit.warnings == ("The legs are hidden.",)
    np.testing.assert_array_equal(fit.body.full_pose, fitted.full_pose)
    write_fit(tmp_path / "1", warnings="nothing")
    assert photo_fit.read_fit(tmp_path / "1").warnings == ()


@pytest.mark.parametrize(
    "text, code",
    [("{", "result_unreadable"), ("[]", "result_unreadable"), ('{"betas": [1]}', "result_unreadable"), (None, "")],
)
def test_a_damaged_fit_is_refused(tmp_path: Path, text: str | None, code: str) -> None:
    write_fit(tmp_path / "0")
    if text is None:
        (tmp_path / "0" / "body.json").unlink()
    else:
        (tmp_path / "0" / "body.json").write_text(text)
    with pytest.raises(DoppelError) as refused:
        photo_fit.read_fit(tmp_path / "0")
    assert refused.value.code == (code or "result_missing")


def test_hands_of_the_fit_stay_until_a_finger_is_moved(tmp_path: Path) -> None:
    fitted = write_fit(tmp_path / "0")
    pose = {name: fitted.full_pose[index] for index, name in enumerate(("left_hip",), start=1)}
    curls = hands.curls_of(fitted.left_hand_pose, fitted.right_hand_pose)
    kept = body.parameters(fitted.betas, pose, curls, orient=fitted.global_orient, fitted=fitted)
    np.testing.assert_allclose(kept.left_hand_pose, fitted.left_hand_pose)
    np.testing.assert_allclose(kept.global_orient, fitted.global_orient)
    moved = body.parameters(fitted.betas, pose, {**curls, "left_index": 0.9}, fitted=fitted)
    assert np.abs(moved.left_hand_pose - fitted.left_hand_pose).max() > 0.5
    assert not moved.global_orient.any()
