# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished avatars as they lie on the disk: listed without the worker, and read for what they were made from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.jobs import check_job_id
from .job_table import ResultView

PROVENANCE_FILE = "avatar.json"
LIMIT = 200
_MAX_BYTES = 4 * 1024 * 1024


def read_provenance(folder: Path) -> dict[str, Any]:
    """What an avatar was made from.

    Raises:
        DoppelError: its file is missing or unreadable.
    """
    path = folder / PROVENANCE_FILE
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DoppelError("result_missing", f"there is no {path}", "refresh the list; it may be deleted") from None
    except (OSError, ValueError) as error:
        raise DoppelError("result_unreadable", f"{path} cannot be read: {error}", "generate the avatar again") from None
    if not isinstance(document, dict) or not isinstance(document.get("request"), dict):
        raise DoppelError("result_unreadable", f"{path} does not say what was asked for", "generate the avatar again")
    return document


def list_results(state_dir: Path, limit: int = LIMIT) -> list[ResultView]:
    """The newest results in the worker's state folder, as the worker would list them, newest first."""
    try:
        jobs = [(path.stat().st_mtime, path) for path in (state_dir / "jobs").iterdir() if path.is_dir()]
    except OSError:
        return []
    newest = sorted(jobs, key=lambda job: job[0], reverse=True)[:limit]
    return [result for _, folder in newest for result in _results_of(folder)]


def _results_of(job_folder: Path) -> Iterator[ResultView]:
    try:
        job = check_job_id(job_folder.name)
        variants = sorted((path for path in job_folder.iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    except (OSError, DoppelError):
        return
    for folder in variants:
        try:
            request = read_provenance(folder)["request"]
        except DoppelError:
            continue
        seed = request.get("seed") if isinstance(request.get("seed"), int) else 0
        yield ResultView(job, folder, int(folder.name), str(request.get("prompt", ""))[:80], seed)


def differences(requests: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """What sets requests apart: (setting, its value in each), for settings that are not the same in all of them.

    Of the body only its shape, pose and face are named, not their many numbers.
    """
    rows = []
    for name in (
        "prompt",
        "negative_prompt",
        "seed",
        "steps",
        "guidance_scale",
        "triangles",
        "texture_size",
        "topology",
        "rest",
        "keep",
    ):
        values = [str(request.get(name, "")) for request in requests]
        if len(set(values)) > 1:
            rows.append((name.replace("_", " ").capitalize(), values))
    for title, parts in (
        ("Shape", ("betas",)),
        ("Pose", ("body_pose", "left_hand_pose", "right_hand_pose")),
        ("Face", ("expression", "jaw_pose")),
    ):
        bodies = [request.get("body") if isinstance(request.get("body"), dict) else {} for request in requests]
        kinds: list[Any] = []
        for body in bodies:
            values = [body.get(part) for part in parts]
            if values not in kinds:
                kinds.append(values)
        if len(kinds) > 1:
            places = [kinds.index([body.get(part) for part in parts]) for body in bodies]
            rows.append((title, [f"no. {place + 1}" for place in places]))
    return rows
