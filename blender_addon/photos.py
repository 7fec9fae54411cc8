# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference image of each scene: whether its files will do, which picture stands for it, its fit once it is there.

Files are looked at when they are chosen, not when panels are drawn.
"""

import logging
from pathlib import Path

import bpy

from ..backend.protocol.errors import DoppelError
from . import thumbnails
from .core import photo_file, photo_fit
from .core.job_table import JobTable
from .tool import request as request_tool

log = logging.getLogger(__package__)

_seen: dict[Path, DoppelError | None] = {}  # what is wrong with the files that were looked at
_taken: set[str] = set()  # fits that sliders were filled from


def path(settings: bpy.types.PropertyGroup) -> Path | None:
    """The file that a scene's settings name; None when no image is chosen."""
    return Path(bpy.path.abspath(settings.photo)) if settings.photo else None


def back_path(settings: bpy.types.PropertyGroup) -> Path | None:
    """The file of the photo from behind; None when there is none, or no image beside it."""
    return Path(bpy.path.abspath(settings.back_photo)) if settings.photo and settings.back_photo else None


def problem(settings: bpy.types.PropertyGroup) -> DoppelError | None:
    """Why the chosen file cannot be sent, as it was when it was chosen."""
    return _problem_of(path(settings))


def back_problem(settings: bpy.types.PropertyGroup) -> DoppelError | None:
    """Why the file of the photo from behind cannot be sent."""
    return _problem_of(back_path(settings))


def changed(settings: bpy.types.PropertyGroup) -> None:
    """Another file was chosen: look at it, and let go of what belongs to the one before."""
    settings.photo_fit = settings.photo_job = settings.back_photo = ""
    settings.photo_person = 1
    settings.photo_body = "PHOTO"
    chosen = path(settings)
    if chosen is not None:
        thumbnails.forget_file(chosen)
        _look_at(chosen)


def look_at_back(settings: bpy.types.PropertyGroup) -> None:
    """Another file from behind was chosen."""
    chosen = back_path(settings)
    if chosen is not None:
        _look_at(chosen)


def forget() -> None:
    """Another .blend file is open: look at all photos anew; what was undone in the last one is no matter."""
    _seen.clear()
    _taken.clear()


def icon(settings: bpy.types.PropertyGroup, table: JobTable) -> int:
    """The photo with body, landmarks and cut-out drawn over it once it is fitted, else the photo; 0 for none."""
    job = settings.fitted_job()
    fitted = thumbnails.file_icon(_folder(table, job) / photo_fit.OVERLAY_FILE) if job else 0
    chosen = path(settings)
    return fitted or (thumbnails.file_icon(chosen) if chosen is not None and problem(settings) is None else 0)


def take_fits(table: JobTable) -> DoppelError | None:
    """Fill the sliders of scenes whose fit has arrived, one step of undo each; returns what went wrong, if anything."""
    failure = None
    for scene in bpy.data.scenes:
        job = scene.doppel.photo_job
        if not job:
            continue
        folder = _folder(table, job)
        view = table.jobs.get(job)
        if folder.is_dir():
            scene.doppel.photo_job = ""
            if job in _taken:
                continue  # undo brought the wish for it back
            _taken.add(job)
            try:
                request_tool.take_fit(scene, job, photo_fit.read_fit(folder))
            except DoppelError as error:
                failure = error
                continue
            _push_undo()
        elif view is not None and view.error is not None and not view.interrupted:
            scene.doppel.photo_job = ""  # the queue says why
    return failure


def _folder(table: JobTable, job: str) -> Path:
    return table.store / job / "0"


def _problem_of(chosen: Path | None) -> DoppelError | None:
    if chosen is None:
        return None
    if chosen not in _seen:
        _look_at(chosen)
    return _seen[chosen]


def _look_at(chosen: Path) -> None:
    try:
        photo_file.look_at(chosen)
        _seen[chosen] = None
    except DoppelError as error:
        _seen[chosen] = error


def _push_undo() -> None:
    windows = bpy.context.window_manager.windows
    if not windows:
        return
    with bpy.context.temp_override(window=windows[0]):
        bpy.ops.ed.undo_push(message="Fit Body to Photo")
