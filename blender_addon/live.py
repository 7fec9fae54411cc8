# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the preview body in step with the sliders: changes are only marked, and drawn once a tick of the pump.

Scenes are remembered by name, never as objects: undo and file loading replace those.
"""

import bpy

from ..rigging.semantic import betas_to_semantic, semantic_to_betas
from .core import body
from .tool import preview

_SLIDERS = ("age", "gender", "height_cm", "weight", "muscle")
_marked: set[str] = set()
_syncing = False


def mark(scene: bpy.types.ID) -> None:
    """The scene's body has changed, or its preview was switched on or off."""
    if isinstance(scene, bpy.types.Scene):
        _marked.add(scene.name)


def mark_all() -> None:
    """After undo, redo or loading a file: every scene that has or wants a preview."""
    for scene in bpy.data.scenes:
        if scene.doppel.show_preview or scene.doppel.preview is not None:
            _marked.add(scene.name)


def refresh() -> bool:
    """Bring the marked scenes' previews up to date; returns whether there was anything to do."""
    if not _marked:
        return False
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


def scene_body(scene: bpy.types.Scene) -> body.BodyParameters:
    """The body that the scene's sliders describe."""
    settings = scene.doppel
    return body.parameters(tuple(settings.body.betas), settings.pose_values(), settings.relaxed_hands)


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
        preview.create(scene, surface, body.triangles())


def sliders_to_betas(group: bpy.types.PropertyGroup) -> None:
    """Give the coefficients the values that the meaningful sliders stand for."""
    global _syncing
    if _syncing:
        return
    _syncing = True
    try:
        group.betas = tuple(semantic_to_betas({name: getattr(group, name) for name in _SLIDERS}))
    finally:
        _syncing = False


def betas_to_sliders(group: bpy.types.PropertyGroup) -> None:
    """Show on the meaningful sliders what the coefficients amount to."""
    global _syncing
    if _syncing:
        return
    _syncing = True
    try:
        for name, value in betas_to_semantic(tuple(group.betas)).items():
            setattr(group, name, value)
    finally:
        _syncing = False
