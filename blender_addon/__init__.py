# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side of Doppel: panels, operators and the code that writes to bpy.data. No torch, no science.

core/ is plain Python and numpy and never imports bpy; tool/ is the only code that creates or changes data-blocks;
operators/ and ui/ are thin.
"""
