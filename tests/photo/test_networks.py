"""Fetching and checking the networks; without a connection."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from backend.photo import networks
from backend.photo.networks import NETWORKS, Network, unpack, why_unavailable
from backend.protocol.errors import DoppelError

CONTENT = b"weights"
TINY = {"pose": Network("pose/pose.tflite", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), 256)}


def wheel(path: Path, content: bytes = CONTENT) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mediapipe/modules/pose/pose.tflite", content)
        archive.writestr("mediapipe-0.10.21.dist-info/LICENSE", "Apache License")
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(networks, "NETWORKS", TINY)
    monkeypatch.setenv("DOPPEL_PHOTO_NETWORKS", str(tmp_path / "cache"))
    return tmp_path


def test_files_and_licence_are_taken_out(tiny: Path) -> None:
    unpack(wheel(tiny / "package.whl"), tiny / "cache")
    assert (tiny / "cache" / "pose.tflite").read_bytes() == CONTENT
    assert (tiny / "cache" / "LICENSE").read_text() == "Apache License"


@pytest.mark.parametrize("content", [b"another", b"weights and more"])
def test_another_file_is_refused_and_nothing_written(tiny: Path, content: bytes) -> None:
    with pytest.raises(DoppelError) as caught:
        unpack(wheel(tiny / "package.whl", content), tiny / "cache")
    assert caught.value.code == "setup_failed" and not (tiny / "cache").exists()


def test_a_broken_wheel_is_refused(tiny: Path) -> None:
    (tiny / "package.whl").write_bytes(b"PK no zip")
    with pytest.raises(DoppelError) as caught:
        unpack(tiny / "package.whl", tiny / "cache")
    assert caught.value.code == "setup_failed"


def test_says_what_is_missing(tiny: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    assert str(tiny / "cache") in why_unavailable()
    unpack(wheel(tiny / "package.whl"), tiny / "cache")
    assert why_unavailable() == ""
    (tiny / "cache" / "pose.tflite").write_bytes(b"cut")
    assert "damaged" in why_unavailable()


def test_what_is_fetched_is_pinned_to_its_sums() -> None:
    for lock, package in ((networks.RUNTIME, "ai-edge-litert=="), (networks.PACKAGE, "mediapipe==")):
        text = lock.read_text()
        assert package in text and "--hash=sha256:" in text


def test_every_network_is_pinned() -> None:
    assert all(len(network.sha256) == 64 and network.size > 0 for network in NETWORKS.values())
