# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: where the worker's Python and files are, what it runs on, and whether all is in place."""

import os
from pathlib import Path

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty

from .. import __package__ as base_package
from ..backend.protocol.address import WorkerAddress
from ..backend.protocol.paths import CLIENT_KEY, default_state_dir
from . import session
from .core.client_key import own_public_key
from .core.environment import SIZES, default_environment, default_worker_python, environment_python, free_space
from .ui.text import draw_text

_GIB = 1024**3


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
    body_file: StringProperty(
        name="Body Model",
        description="Your own SMPLX_NEUTRAL.npz, SMPLX_FEMALE.npz or SMPLX_MALE.npz. Empty: the open body that ships",
        subtype="FILE_PATH",
    )
    keep_gib: FloatProperty(
        name="Keep (GB)",
        description="When all avatars on the disk take more than this, the worker removes the oldest",
        min=0.1,
        soft_max=200.0,
        default=20.0,
    )
    idle_minutes: FloatProperty(
        name="Unload After (min)",
        description="The worker gives the models' memory back when it has had nothing to do for so long",
        min=0.1,
        soft_max=120.0,
        default=10.0,
    )
    remote_endpoint: StringProperty(
        name="Remote Worker",
        description=(
            "Address of a worker that was started on another machine, tcp://HOST:PORT. Empty: a worker on this machine"
        ),
    )
    remote_key: StringProperty(
        name="Its Public Key",
        description="The public_key that the remote worker prints when it starts",
    )
    environment_folder: StringProperty(
        name="Environment Folder",
        description="Where Set Up Worker builds. Empty: your user cache; never the extension's own folder",
        subtype="DIR_PATH",
    )
    torch_build: EnumProperty(
        name="Compute On",
        description="The build of PyTorch to install",
        items=[
            ("auto", "Automatic", "CUDA where an NVIDIA card and its driver are found, else the CPU build"),
            ("cpu", "CPU", "The small build, about 2 GB on the disk"),
            ("cuda", "NVIDIA GPU", "The CUDA build, about 7 GB on the disk"),
        ],
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

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        self._draw_checkup(context, layout)  # first: the panel's button leads here, to its answers
        column = layout.column(heading="Worker")
        column.prop(self, "device")
        column.prop(self, "body_file")
        column.prop(self, "state_folder")
        if not self.state_folder:
            column.label(text=str(default_state_dir()), icon="BLANK1")
        column.prop(self, "keep_gib")
        column.prop(self, "idle_minutes")
        column.prop(self, "worker_python")
        if not self.worker_python:
            column.label(text=str(self.python()), icon="BLANK1")
        draw_remote(column, self)
        box = layout.box()
        box.label(text="Setup", icon="IMPORT")
        draw_setup(box, self)
        current = session.current()
        row = box.row()
        if current.setting_up:
            row.operator("doppel.cancel_setup", icon="CANCEL")
        else:
            row.operator_context = "EXEC_DEFAULT"  # the choices are right here
            row.operator("doppel.setup_worker", icon="IMPORT")
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("doppel.setup_worker_afresh", icon="FILE_REFRESH")

    def _draw_checkup(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        layout.operator("doppel.check_installation", icon="CHECKMARK")
        checkup = session.current().checkup
        if checkup is None:
            return
        box = layout.box()
        for finding in checkup.findings:
            icon = "ERROR" if finding.advice else "CHECKMARK"
            draw_text(context, box, f"{finding.subject.capitalize()}: {finding.text}", icon)
            if finding.advice:
                draw_text(context, box, f"To do: {finding.advice}", "BLANK1")
        if not checkup.finished:
            box.label(text="Checking", icon="SORTTIME")
        elif all(not finding.advice for finding in checkup.findings):
            box.label(text="All is well", icon="CHECKMARK")

    def python(self) -> Path:
        """The interpreter that is to run the worker; it need not exist yet."""
        if self.worker_python:
            return _path(self.worker_python)
        if self.environment_folder and not os.environ.get("DOPPEL_WORKER_PYTHON"):
            return environment_python(self.environment())
        return default_worker_python()

    def state_dir(self) -> Path:
        """The worker's state folder; it need not exist yet."""
        return _path(self.state_folder) if self.state_folder else default_state_dir()

    def environment(self) -> Path:
        """Where Set Up Worker builds: a folder of its own below the one that was chosen."""
        return _path(self.environment_folder) / "doppel-venv" if self.environment_folder else default_environment()

    def worker_options(self) -> list[str]:
        """Options of `doppel worker` beside its device and folder."""
        options = ["--keep-gib", f"{self.keep_gib:g}", "--idle-minutes", f"{self.idle_minutes:g}"]
        body = self.body()
        return options if body is None else [*options, "--body", str(body)]

    def remote_address(self) -> WorkerAddress | None:
        """The worker on another machine that is to be used; None for one on this machine.

        Raises:
            DoppelError: the address or the key cannot be used.
        """
        if not self.remote_endpoint:
            return None
        own_public_key(self.state_dir())
        return WorkerAddress.from_files(
            self.remote_endpoint.strip(), self.remote_key.strip(), self.state_dir() / CLIENT_KEY
        )

    def body(self) -> Path | None:
        """The user's own body file; None for the open body."""
        return _path(self.body_file) if self.body_file else None


def draw_remote(layout: bpy.types.UILayout, settings: DOPPEL_AP_preferences) -> None:
    """A worker on another machine, and what it takes to be let in there."""
    layout.prop(settings, "remote_endpoint")
    if settings.remote_endpoint:
        layout.prop(settings, "remote_key")
        layout.operator("doppel.copy_client_key", icon="COPYDOWN")


def draw_setup(layout: bpy.types.UILayout, settings: DOPPEL_AP_preferences) -> None:
    """What Set Up Worker is going to do, to be chosen from."""
    layout.use_property_split = True
    column = layout.column()
    column.prop(settings, "torch_build")
    column.prop(settings, "environment_folder")
    environment = settings.environment()
    column.label(text=str(environment), icon="BLANK1")
    build = "up to 7 GB with CUDA, 2 GB without" if settings.torch_build == "auto" else _size(settings.torch_build)
    column.label(text=f"Needs {build}; {free_space(environment) / _GIB:.0f} GB are free there", icon="DISK_DRIVE")
    column.prop(settings, "wheel_folder")
    column.prop(settings, "base_python")
    if settings.torch_build != "cpu" and not settings.wheel_folder:
        column.prop(settings, "torch_index")


def _size(build: str) -> str:
    return f"about {SIZES[build] / _GIB:.0f} GB"


def get(context: bpy.types.Context) -> DOPPEL_AP_preferences:
    """The preferences of this extension."""
    return context.preferences.addons[base_package].preferences


def _path(text: str) -> Path:
    return Path(os.path.expanduser(bpy.path.abspath(text)))


CLASSES = (DOPPEL_AP_preferences,)
