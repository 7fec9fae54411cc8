# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: set up, started, what it runs on."""

import bpy

from .. import prefs, session
from .common import DoppelPanel, draw_error
from .text import draw_text

_STATES = {
    "off": ("Not running", "RADIOBUT_OFF"),
    "starting": ("Starting", "SORTTIME"),
    "ready": ("Ready", "CHECKMARK"),
    "lost": ("No answer, trying again", "UNLINKED"),
    "failed": ("Failed", "ERROR"),
}


class DOPPEL_PT_worker(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_worker"
    bl_label = "Worker"
    bl_order = 0

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        self.layout.operator("doppel.open_preferences", text="", icon="PREFERENCES", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        current = session.current()
        if current.setting_up:
            _draw_progress(context, layout, current)
            return
        installed = prefs.get(context).python().is_file() or bool(prefs.get(context).remote_endpoint)
        if not installed and current.state in ("off", "failed"):
            _draw_first_step(context, layout, current)
            return
        text, icon = _STATES[current.state]
        row = layout.row()
        row.label(text=text + (" (shared with another program)" if current.adopted else ""), icon=icon)
        if current.state in ("off", "failed"):
            row.operator("doppel.start_worker", text="Start", icon="PLAY")
        else:
            buttons = row.row(align=True)
            if current.state == "ready":
                buttons.operator("doppel.free_memory", text="", icon="TRASH")
            buttons.operator("doppel.stop_worker", text="Stop", icon="CANCEL")
        if current.device:
            layout.label(text=_device_text(current.device), icon="BLANK1")
        if current.error is not None:
            draw_error(context, layout, current.error)


def _draw_first_step(context: bpy.types.Context, layout: bpy.types.UILayout, current: session.Session) -> None:
    if current.error is not None:
        draw_error(context, layout, current.error)
    else:
        draw_text(context, layout, "One step before the first avatar: a Python of its own with PyTorch.", "INFO")
    row = layout.row()
    row.scale_y = 1.5
    row.operator("doppel.setup_worker", icon="IMPORT")
    draw_text(context, layout, "Or choose an environment that you have already:")
    layout.prop(prefs.get(context), "worker_python", text="")


def _draw_progress(context: bpy.types.Context, layout: bpy.types.UILayout, current: session.Session) -> None:
    setup = current.setup
    assert setup is not None
    draw_text(context, layout, f"{setup.message} ({setup.step}/{setup.steps})", "IMPORT")
    layout.progress(factor=setup.fraction, text=f"{setup.fraction:.0%}")
    if setup.package or setup.last_line:
        draw_text(context, layout, setup.package or setup.last_line[:120])
    layout.operator("doppel.cancel_setup", icon="CANCEL")


def _device_text(device: dict[str, object]) -> str:
    kind = str(device.get("kind", "")).upper()
    free = device.get("free_memory")
    memory = f", {free / 2**30:.1f} GB free" if isinstance(free, (int, float)) else ""
    name = str(device.get("name") or kind)
    return f"{name} ({kind}{memory})" if name != kind else f"{kind}{memory}"


CLASSES = (DOPPEL_PT_worker,)
