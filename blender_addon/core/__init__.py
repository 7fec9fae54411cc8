# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain functions and state without bpy."""
