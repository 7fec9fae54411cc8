"""The model folder: where it is, what it must hold, and whether each byte is as it was released."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from ..protocol.errors import DoppelError

DEFAULT_FOLDER = Path(__file__).parents[2] / "weights" / "doppel-base"
INDEX = "model_index.json"
ENVIRONMENT_VARIABLE = "DOPPEL_WEIGHTS"
MAX_FILE_BYTES = 2 * 1024**3


def weights_folder(path: Path | str | None = None) -> Path:
    """The folder of the models: the argument, $DOPPEL_WEIGHTS, or the bundled one."""
    return Path(path or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_FOLDER)


def read_index(folder: Path) -> dict[str, dict[str, str]]:
    """``{"files": {relative path: sha256}, "components": {name: class}}`` of a model folder.

    Raises:
        DoppelError: ``weights_missing`` or ``weights_corrupt``.
    """
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        return {"files": dict(index["files"]), "components": dict(index["components"])}
    except FileNotFoundError:
        raise DoppelError(
            "weights_missing",
            f"there are no models in {folder}",
            f"install Doppel again, or point {ENVIRONMENT_VARIABLE} to a model folder",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DoppelError("weights_corrupt", f"{path} cannot be read ({error})", "install Doppel again") from None


def verify_weights(folder: Path | str | None = None) -> list[str]:
    """What is wrong with a model folder, a line a file; empty when every file has its sha256."""
    root = weights_folder(folder)
    try:
        files = read_index(root)["files"]
    except DoppelError as error:
        return [str(error)]
    problems = []
    for name, expected in files.items():
        path = root / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size > MAX_FILE_BYTES:
            problems.append(f"{name} is larger than any model file may be")
        elif sha256(path) != expected:
            problems.append(f"{name} is damaged: its sha256 is not the released one")
    return problems


def check_weights(folder: Path) -> None:
    """Raise DoppelError ``weights_missing`` or ``weights_corrupt`` before anything is loaded."""
    read_index(folder)
    problems = verify_weights(folder)
    if problems:
        code = "weights_missing" if problems[0].endswith("missing") else "weights_corrupt"
        raise DoppelError(
            code, f"the models in {folder} cannot be used: {problems[0]}", "restore the file, or install Doppel again"
        )


def write_index(folder: Path) -> None:
    """Record the sha256 of every file of a model folder; done when weights are released."""
    files = {
        p.relative_to(folder).as_posix(): sha256(p)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != INDEX
    }
    components = {}
    for path in sorted(folder.glob("*/config.json")):
        components[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))["_class_name"]
    partial = folder / (INDEX + ".partial")
    partial.write_text(
        json.dumps({"_class_name": "AvatarPipeline", "components": components, "files": files}, indent=2) + "\n"
    )
    os.replace(partial, folder / INDEX)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
