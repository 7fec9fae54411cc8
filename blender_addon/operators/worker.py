# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting the worker up, starting and stopping it."""

import bpy

from ...backend.protocol.errors import DoppelError
from .. import prefs, session
from ..core.environment import EnvironmentSetup
from .base import DoppelOperator


class DOPPEL_OT_setup_worker(DoppelOperator):
    bl_idname = "doppel.setup_worker"
    bl_label = "Set Up Worker"
    bl_description = (
        "Build the worker's own Python environment in your user cache with pip: PyTorch and what else it needs, "
        "about 2 GB, or 7 GB with CUDA"
    )

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if session.current().setting_up:
            return "The worker is being set up"
        if session.current().state not in ("off", "failed"):
            return "Stop the worker first"
        return ""

    def run(self, context: bpy.types.Context) -> None:
        settings = prefs.get(context)
        if not settings.wheel_folder and not bpy.app.online_access:
            may_change = not bpy.app.online_access_override
            raise DoppelError(
                "offline",
                "setting up the worker needs the internet, and Blender's online access is off",
                "allow it in Preferences > System > Network, or choose a wheel folder in Doppel's preferences"
                if may_change
                else "start Blender without --offline-mode, or choose a wheel folder in Doppel's preferences",
            )
        current = session.current()
        current.error = None
        current.setup = EnvironmentSetup(
            settings.environment(),
            wheels=bpy.path.abspath(settings.wheel_folder),
            base_python=bpy.path.abspath(settings.base_python),
            torch_index=settings.torch_index.strip(),
        )


class DOPPEL_OT_cancel_setup(DoppelOperator):
    bl_idname = "doppel.cancel_setup"
    bl_label = "Cancel Setup"
    bl_description = "Stop building the worker's environment"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().setting_up else "The worker is not being set up"

    def run(self, context: bpy.types.Context) -> None:
        setup = session.current().setup
        assert setup is not None
        setup.cancel()


class DOPPEL_OT_start_worker(DoppelOperator):
    bl_idname = "doppel.start_worker"
    bl_label = "Start Worker"
    bl_description = "Start the process that generates avatars. Blender stays usable meanwhile"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if session.current().setting_up:
            return "Wait until the worker is set up"
        if session.current().state in ("starting", "ready"):
            return "The worker is running"
        return ""

    def run(self, context: bpy.types.Context) -> None:
        settings = prefs.get(context)
        session.current().start(settings.python(), settings.state_dir(), settings.device)


class DOPPEL_OT_stop_worker(DoppelOperator):
    bl_idname = "doppel.stop_worker"
    bl_label = "Stop Worker"
    bl_description = "End the worker and free its memory. Unfinished avatars go on when it is started again"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "The worker is not running" if session.current().state == "off" else ""

    def run(self, context: bpy.types.Context) -> None:
        session.current().stop()


class DOPPEL_OT_show_log(DoppelOperator):
    bl_idname = "doppel.show_log"
    bl_label = "Show Log"
    bl_description = "Open the folder with the worker's log"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        log_file = session.current().log_file
        return "" if log_file is not None and log_file.parent.is_dir() else "The worker has not written a log yet"

    def run(self, context: bpy.types.Context) -> None:
        log_file = session.current().log_file
        assert log_file is not None
        bpy.ops.wm.path_open(filepath=str(log_file.parent))


CLASSES = (
    DOPPEL_OT_setup_worker,
    DOPPEL_OT_cancel_setup,
    DOPPEL_OT_start_worker,
    DOPPEL_OT_stop_worker,
    DOPPEL_OT_show_log,
)
