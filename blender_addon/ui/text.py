# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts longer than a line."""

import textwrap

import bpy

_CHARACTER_WIDTH = 7.0  # pixels of the interface font at scale 1, a little on the wide side


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """A text broken into lines that fit the sidebar; the icon stands before the first."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 in background mode
    width = context.region.width if context.region is not None else 300
    lines = textwrap.wrap(text, max(int(width / scale / _CHARACTER_WIDTH) - 6, 20)) or [""]
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")
