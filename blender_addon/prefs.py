# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: where the worker's Python and files are, and what it runs on."""

import os
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import __package__ as base_package
from ..backend.protocol.paths import default_state_dir
from .core.environment import default_environment, default_worker_python


class DOPPEL_AP_preferences(bpy.types.AddonPreferences):
    """The extension's preferences. An empty path means the default that is shown below it."""

    bl_idname = base_package

    worker_python: StringProperty(
        name="Worker Python",
        description="Python of the worker's environment. Empty: DOPPEL_WORKER_PYTHON, or what Set Up Worker builds",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="What the worker computes on",
        items=[
            ("auto", "Automatic", "The graphics card where it can be used, else the processor"),
            ("cuda", "NVIDIA GPU", "CUDA"),
            ("mps", "Apple GPU", "Metal"),
            ("cpu", "CPU", "The processor: slower, runs everywhere"),
        ],
    )
    state_folder: StringProperty(
        name="Avatar Folder",
        description="Where the worker keeps avatars, keys and logs. Empty: your user folder",
        subtype="DIR_PATH",
    )
    wheel_folder: StringProperty(
        name="Wheel Folder",
        description="Set the worker up from this folder of Python packages, without the internet",
        subtype="DIR_PATH",
    )
    base_python: StringProperty(
        name="Base Python",
        description="Python 3.11 or later to build the worker's environment from. Empty: the newest on this system",
        subtype="FILE_PATH",
    )
    torch_index: StringProperty(
        name="PyTorch Index",
        description="Package index for PyTorch, to choose another CUDA or ROCm build. Empty: chosen for this computer",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        column = layout.column(heading="Worker")
        column.prop(self, "device")
        column.prop(self, "worker_python")
        if not self.worker_python:
            column.label(text=str(default_worker_python()), icon="BLANK1")
        column.prop(self, "state_folder")
        if not self.state_folder:
            column.label(text=str(default_state_dir()), icon="BLANK1")
        column = layout.column(heading="Setup")
        column.prop(self, "wheel_folder")
        column.prop(self, "base_python")
        column.prop(self, "torch_index")
        column.operator("doppel.setup_worker")

    def python(self) -> Path:
        """The interpreter that is to run the worker; it need not exist yet."""
        return _path(self.worker_python) or default_worker_python()

    def state_dir(self) -> Path:
        """The worker's state folder; it need not exist yet."""
        return _path(self.state_folder) or default_state_dir()

    def environment(self) -> Path:
        """Where Set Up Worker builds."""
        return default_environment()


def get(context: bpy.types.Context) -> DOPPEL_AP_preferences:
    """The preferences of this extension."""
    return context.preferences.addons[base_package].preferences


def _path(text: str) -> Path | None:
    return Path(os.path.expanduser(bpy.path.abspath(text))) if text else None


CLASSES = (DOPPEL_AP_preferences,)
