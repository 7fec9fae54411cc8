# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the extension adds to Blender, in order, and its removal in the reverse order."""

import bpy

from . import prefs, props, pump, session, thumbnails
from .operators import export, generate, pose, results, worker
from .ui import panels

_MODULES = (prefs, props, worker, generate, pose, results, export, panels)
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
