# SPDX-License-Identifier: GPL-3.0-or-later
"""The only code that creates or changes Blender's data-blocks."""
