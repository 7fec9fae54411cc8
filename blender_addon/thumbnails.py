# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures in the panels: the running job's latest step, the views of results, the poses of the library."""

from collections.abc import Iterable
from pathlib import Path

import bpy
import bpy.utils.previews

from .core.job_table import JobTable, ResultView
from .core.poses import POSES

_POSE_PICTURES = Path(__file__).with_name("pictures")

_pictures: bpy.utils.previews.ImagePreviewCollection | None = None
_steps: dict[str, bytes] = {}
_absent: set[str] = set()  # files that were looked for in vain


def icon(key: str) -> int:
    """The icon id of a job's latest step (its id) or of a result (its folder); 0 when there is none."""
    if _pictures is None or key not in _pictures:
        return 0
    return _pictures[key].icon_id


def take_previews(table: JobTable) -> None:
    """Show the running jobs' latest steps; forget those of jobs that are over."""
    active = {view.job: view.preview for view in table.active() if view.preview}
    for job in [job for job in _steps if job not in active]:
        _drop(job)
        del _steps[job]
        _step_file(job).unlink(missing_ok=True)
    for job, png in active.items():
        if _steps.get(job) is not png:
            _step_file(job).write_bytes(png)
            _drop(job)
            _load(job, _step_file(job), at_once=True)
            _steps[job] = png


def load_results(results: Iterable[ResultView]) -> None:
    """Make the front views of results known; Blender reads the files when they are drawn."""
    for result in results:
        key, picture = str(result.folder), result.folder / "front.png"
        if _pictures is not None and key not in _pictures and picture.is_file():
            _load(key, picture)


def back_key(folder: Path) -> str:
    """The key of a result's back view."""
    return f"{folder}/back"


def pose_key(pose: str) -> str:
    """The key of a pose of the library."""
    return f"pose/{pose}"


def load_backs(folders: Iterable[Path]) -> None:
    """Make the back views of results known."""
    for folder in folders:
        key, picture = back_key(folder), folder / "back.png"
        if _pictures is not None and key not in _pictures and picture.is_file():
            _load(key, picture)


def file_icon(path: Path) -> int:
    """The icon id of any picture file, which is read when it is first drawn; 0 when there is none."""
    key = str(path)
    if _pictures is not None and key not in _pictures and key not in _absent:
        if path.is_file():
            _load(key, path)
        else:
            _absent.add(key)
    return icon(key)


def forget_file(path: Path) -> None:
    """Have a picture file read anew."""
    _absent.discard(str(path))
    _drop(str(path))


def _load(key: str, path: Path, at_once: bool = False) -> None:
    if _pictures is None:
        return
    picture = _pictures.load(key, str(path), "IMAGE", force_reload=True)
    if at_once:
        # Asking for the size has Blender read the file now. Left to its background job, the small picture of a step
        # would still be blank when the next step's takes its place.
        picture.image_size[:]  # noqa: B018


def _drop(key: str) -> None:
    if _pictures is not None and key in _pictures:
        del _pictures[key]


def _step_file(job: str) -> Path:
    return Path(bpy.app.tempdir) / f"doppel-{job}.png"


def register() -> None:
    global _pictures
    _pictures = bpy.utils.previews.new()
    for pose in POSES:
        _load(pose_key(pose), _POSE_PICTURES / f"{pose}.png")


def unregister() -> None:
    global _pictures
    for job in _steps:
        _step_file(job).unlink(missing_ok=True)
    _steps.clear()
    _absent.clear()
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
