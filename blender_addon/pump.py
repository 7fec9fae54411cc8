# SPDX-License-Identifier: GPL-3.0-or-later
"""The one timer: takes in what the worker has said, fills the lists that panels draw, moves the preview body.

Timers do not fire while a script of `blender -b` holds the main thread: such scripts call `pump()` by hand.
"""

import logging

import bpy
from bpy.app.handlers import persistent

from . import live, photos, prefs, session, thumbnails

log = logging.getLogger(__package__)

IDLE_SECONDS = 0.2
BUSY_SECONDS = 0.04
_shown: object = None
_looked_back = False


def pump() -> bool:
    """Do one tick; returns whether anything has changed."""
    current = session.current()
    _look_back(current)
    changed = bool(current.poll())
    if current.setup is not None and current.setup.poll():
        changed = True
        if current.setup.error is not None:
            current.error = current.setup.error
        elif current.setup.python is not None:
            current.error = None
    if current.checkup is not None and current.checkup.poll():
        changed = True
    if current.poll_photo_setup():
        changed = True
    moved = live.refresh()
    if changed:
        _fill_results()
        current.error = photos.take_fits(current.table) or current.error
        _forget_ended_jobs(current)
        thumbnails.take_previews(current.table)
    if changed or _state_changed():
        _redraw()
    return changed or moved


def _look_back(current: session.Session) -> None:
    """Once, as soon as Blender's data may be read: what earlier runs have made, and what this file waits for."""
    global _looked_back
    if not _looked_back:
        _looked_back = True
        current.list_from_disk(prefs.get(bpy.context).state_dir())
        _expect_jobs()


def _expect_jobs() -> None:
    for scene in bpy.data.scenes:
        for item in scene.doppel.jobs:
            session.current().expect(item.job, item.prompt, item.seed, item.hypotheses)


def _forget_ended_jobs(current: session.Session) -> None:
    """Files remember only jobs that are still to come."""
    for scene in bpy.data.scenes:
        jobs = scene.doppel.jobs
        for index in reversed(range(len(jobs))):
            view = current.table.jobs.get(jobs[index].job)
            if view is None or not (view.active or view.interrupted):
                jobs.remove(index)


def _state_changed() -> bool:
    global _shown
    now = (session.current().state, session.current().error)
    changed, _shown = now != _shown, now
    return changed


def _tick() -> float:
    try:
        busy = pump()
    except Exception:  # a timer that raises is removed for good
        log.exception("the pump failed")
        busy = False
    return BUSY_SECONDS if busy else IDLE_SECONDS


def _fill_results() -> None:
    """Bring the window manager's list in line with the worker's; what is chosen stays so, else the newest is."""
    wanted = session.current().table.results
    manager = bpy.context.window_manager
    shown = manager.doppel.results
    if [(item.job, item.folder) for item in shown] == [(result.job, str(result.folder)) for result in wanted]:
        return
    chosen = {item.folder for item in shown if item.chosen}
    shown.clear()
    for result in wanted:
        item = shown.add()
        item.name = result.prompt
        item.job, item.folder, item.hypothesis = result.job, str(result.folder), result.hypothesis
        item.prompt, item.seed = result.prompt, result.seed
        item.chosen = item.folder in chosen
    if len(shown) and not any(item.chosen for item in shown):
        shown[0].chosen = True
    manager.doppel.page = 0
    thumbnails.load_results(wanted)


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


@persistent
def _file_loaded(_file: object, _unused: object = None) -> None:
    live.forget()
    photos.forget()
    live.mark_all()
    _expect_jobs()
    _fill_results()


@persistent
def _history_moved(_scene: object, _unused: object = None) -> None:
    live.mark_all()


def register() -> None:
    global _looked_back
    _looked_back = False
    bpy.app.handlers.load_post.append(_file_loaded)
    bpy.app.handlers.undo_post.append(_history_moved)
    bpy.app.handlers.redo_post.append(_history_moved)
    bpy.app.timers.register(_tick, first_interval=IDLE_SECONDS, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    bpy.app.handlers.redo_post.remove(_history_moved)
    bpy.app.handlers.undo_post.remove(_history_moved)
    bpy.app.handlers.load_post.remove(_file_loaded)
    live.forget()
