# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: set up, started, what it runs on."""

import bpy

from .. import prefs, session
from .common import DoppelPanel, draw_error, draw_text

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

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        current = session.current()
        if current.setting_up:
            self._draw_setup(context, layout, current)
            return
        text, icon = _STATES[current.state]
        layout.label(text=text + (" (shared with another program)" if current.adopted else ""), icon=icon)
        if current.device:
            layout.label(text=_device_text(current.device), icon="BLANK1")
        if current.error is not None:
            draw_error(context, layout, current.error)
        row = layout.row()
        if current.state in ("off", "failed"):
            if prefs.get(context).python().is_file():
                row.operator("doppel.start_worker", icon="PLAY")
                if current.error is not None:
                    layout.operator("doppel.setup_worker", icon="IMPORT")
            else:
                draw_text(context, row, "The worker needs its own Python environment, built once.", "INFO")
                layout.operator("doppel.setup_worker", icon="IMPORT")
        else:
            row.operator("doppel.stop_worker", icon="CANCEL")
        if current.log_file is not None and current.error is not None:
            layout.operator("doppel.show_log", icon="TEXT")

    @staticmethod
    def _draw_setup(context: bpy.types.Context, layout: bpy.types.UILayout, current: session.Session) -> None:
        setup = current.setup
        layout.progress(factor=setup.fraction, text=f"{setup.message} ({setup.step}/{setup.steps})")
        if setup.last_line:
            draw_text(context, layout, setup.last_line[:160])
        layout.operator("doppel.cancel_setup", icon="CANCEL")


def _device_text(device: dict[str, object]) -> str:
    kind = str(device.get("kind", "")).upper()
    free = device.get("free_memory")
    memory = f", {free / 2**30:.1f} GB free" if isinstance(free, (int, float)) else ""
    name = str(device.get("name") or kind)
    return f"{name} ({kind}{memory})" if name != kind else f"{kind}{memory}"


CLASSES = (DOPPEL_PT_worker,)
