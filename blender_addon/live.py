# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the preview body in step with the sliders: changes are only marked, and drawn once before the next redraw.

Scenes are remembered by name, never as objects: undo and file loading replace those.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..rigging.body_parameters import BodyParameterError
from ..rigging.semantic import betas_to_semantic, semantic_to_betas
from .core import body, expression
from .tool import preview

log = logging.getLogger(__package__)

_SLIDERS = ("age", "gender", "height_cm", "weight", "muscle")
_marked: set[str] = set()
_syncing = False


def mark(scene: bpy.types.ID) -> None:
    """The scene's body has changed, or its preview was switched on or off."""
    if isinstance(scene, bpy.types.Scene) and (scene.doppel.show_preview or scene.doppel.preview is not None):
        _marked.add(scene.name)
        if not bpy.app.timers.is_registered(_flush):
            bpy.app.timers.register(_flush, first_interval=0.0)  # sooner than the pump's next tick


def mark_all() -> None:
    """After undo, redo or loading a file: every scene that has or wants a preview."""
    for scene in bpy.data.scenes:
        if scene.doppel.show_preview or scene.doppel.preview is not None:
            _marked.add(scene.name)


def refresh() -> bool:
    """Bring the marked scenes' previews up to date; returns whether there was anything to do.

    With a window it waits for the body to be read, and is to be asked again.
    """
    if not _marked:
        return False
    if not bpy.app.background and not body.ready():
        return True
    names = sorted(_marked)
    _marked.clear()
    for name in names:
        scene = bpy.data.scenes.get(name)
        if scene is not None:
            _refresh_scene(scene)
    return True


def forget() -> None:
    """Drop all marks."""
    _marked.clear()
    if bpy.app.timers.is_registered(_flush):
        bpy.app.timers.unregister(_flush)


def _flush() -> None:
    try:
        refresh()
    except Exception:  # Blender would print it where nobody looks
        log.exception("the preview body could not be moved")


def scene_body(scene: bpy.types.Scene) -> body.BodyParameters:
    """The body that the scene's sliders describe."""
    settings = scene.doppel
    fitted = settings.fitted_body() if settings.stands_as_in_photo else None
    return body.parameters(
        tuple(settings.body.betas),
        settings.pose_values(),
        settings.curls(),
        tuple(settings.expression),
        settings.jaw,
        tuple(settings.orient) if settings.stands_as_in_photo else (0.0, 0.0, 0.0),
        fitted,
    )


def _refresh_scene(scene: bpy.types.Scene) -> None:
    if not scene.doppel.show_preview:
        if scene.doppel.preview is not None:
            preview.remove(scene)
        return
    surface = body.posed_surface(scene_body(scene))
    existing = preview.find(scene)
    if existing is None or not preview.move_vertices(existing, surface):
        if scene.doppel.preview is not None:
            preview.remove(scene)
        preview.create(scene, surface, body.triangles(), body.suit())


@contextmanager
def syncing() -> Iterator[None]:
    """While one set of sliders is being brought in line with another, which must not answer."""
    global _syncing
    _syncing = True
    try:
        yield
    finally:
        _syncing = False


def sliders_to_betas(group: bpy.types.PropertyGroup) -> bool:
    """Give the coefficients the values that the meaningful sliders stand for; False while syncing.

    Where no body is so extreme the sliders go back to the last one that is.
    """
    if _syncing:
        return False
    with syncing():
        try:
            group.betas = tuple(semantic_to_betas({name: getattr(group, name) for name in _SLIDERS}))
        except BodyParameterError:
            _show_sliders(group)
    return True


def betas_to_sliders(group: bpy.types.PropertyGroup) -> bool:
    """Show on the meaningful sliders what the coefficients amount to; False while syncing."""
    if _syncing:
        return False
    with syncing():
        _show_sliders(group)
    return True


def _show_sliders(group: bpy.types.PropertyGroup) -> None:
    for name, value in betas_to_semantic(tuple(group.betas)).items():
        setattr(group, name, value)


def units_to_expression(settings: bpy.types.PropertyGroup) -> None:
    """Give the expression's coefficients the values that the facial units stand for."""
    if not _syncing:
        with syncing():
            units = {unit: getattr(settings.face, unit) for unit in expression.UNITS}
            settings.expression = tuple(expression.coefficients(units))


def clear_units(settings: bpy.types.PropertyGroup) -> None:
    """The coefficients were set by hand: no units stand for them any more."""
    if not _syncing:
        with syncing():
            for unit in expression.UNITS:
                settings.face.property_unset(unit)
