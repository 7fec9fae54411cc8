# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the extension adds to Blender, in order, and its removal in the reverse order."""

import bpy

from . import prefs, props, pump, session, thumbnails
from .operators import avatar_pose, export, generate, library, photo, pose, presets, results, worker
from .ui import (
    body_panel,
    character_panel,
    photo_panel,
    pose_panel,
    prompt_panel,
    queue_panel,
    results_panel,
    worker_panel,
)

_OPERATORS = (worker, generate, photo, library, presets, pose, avatar_pose, results, export)
# Panels stand in the sidebar in the order in which they are registered.
_PANELS = (worker_panel, prompt_panel, photo_panel, body_panel, pose_panel, queue_panel, results_panel, character_panel)
_MODULES = (prefs, props, *_OPERATORS, *_PANELS)
_CLASSES = tuple(cls for module in _MODULES for cls in module.CLASSES)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    props.register()
    thumbnails.register()
    pump.register()


def unregister() -> None:
    pump.unregister()
    session.end()
    thumbnails.unregister()
    props.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
