# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting the worker up, starting and stopping it, checking the installation."""

from pathlib import Path

import bpy

from ...backend.protocol.errors import DoppelError
from .. import prefs, session
from ..core.client_key import own_public_key
from ..core.environment import EnvironmentSetup
from .base import DoppelOperator


def _busy() -> str:
    if session.current().setting_up:
        return "The worker is being set up"
    if session.current().state not in ("off", "failed"):
        return "Stop the worker first"
    return ""


def _begin_setup(context: bpy.types.Context, fresh: bool) -> None:
    settings = prefs.get(context)
    if not settings.wheel_folder and not bpy.app.online_access:
        may_change = not bpy.app.online_access_override
        error = DoppelError(
            "offline",
            "setting up the worker needs the internet, and Blender's online access is off",
            "allow it in Preferences > System > Network, or choose a wheel folder in Doppel's preferences"
            if may_change
            else "start Blender without --offline-mode, or choose a wheel folder in Doppel's preferences",
        )
        session.current().error = error
        raise error
    current = session.current()
    current.error = None
    current.setup = EnvironmentSetup(
        settings.environment(),
        wheels=bpy.path.abspath(settings.wheel_folder),
        base_python=bpy.path.abspath(settings.base_python),
        torch=settings.torch_build,
        torch_index=settings.torch_index.strip(),
        fresh=fresh,
    )


class DOPPEL_OT_setup_worker(DoppelOperator):
    bl_idname = "doppel.setup_worker"
    bl_label = "Set Up Worker"
    bl_description = (
        "Build the worker's own Python environment with pip: PyTorch and what else it needs. "
        "Goes on where an earlier setup was cancelled"
    )

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return _busy()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Set Up")

    def draw(self, context: bpy.types.Context) -> None:
        prefs.draw_setup(self.layout, prefs.get(context))

    def run(self, context: bpy.types.Context) -> None:
        _begin_setup(context, fresh=False)


class DOPPEL_OT_setup_worker_afresh(DoppelOperator):
    bl_idname = "doppel.setup_worker_afresh"
    bl_label = "Set Up From Scratch"
    bl_description = "Remove the worker's Python environment and build it again"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return _busy()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def run(self, context: bpy.types.Context) -> None:
        _begin_setup(context, fresh=True)


class DOPPEL_OT_cancel_setup(DoppelOperator):
    bl_idname = "doppel.cancel_setup"
    bl_label = "Cancel Setup"
    bl_description = "Stop building the worker's environment. What is there already is kept for the next time"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().setting_up else "The worker is not being set up"

    def run(self, context: bpy.types.Context) -> None:
        setup = session.current().setup
        assert setup is not None
        setup.cancel()


def start(context: bpy.types.Context) -> None:
    """Start the worker, or connect to one on another machine, as the preferences say.

    Raises:
        DoppelError: there is no such Python, no such body file, or the address cannot be used.
    """
    settings = prefs.get(context)
    address = settings.remote_address()
    if address is not None:
        session.current().connect(address, settings.state_dir() / "remote" / address.name)
        return
    session.current().start(settings.python(), settings.state_dir(), settings.device, options=settings.worker_options())


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
        start(context)


class DOPPEL_OT_stop_worker(DoppelOperator):
    bl_idname = "doppel.stop_worker"
    bl_label = "Stop Worker"
    bl_description = "End the worker and free its memory. Unfinished avatars go on when it is started again"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "The worker is not running" if session.current().state == "off" else ""

    def run(self, context: bpy.types.Context) -> None:
        session.current().stop()


class DOPPEL_OT_restart_worker(DoppelOperator):
    bl_idname = "doppel.restart_worker"
    bl_label = "Restart Worker"
    bl_description = "End the worker, if it runs, and start it again. Unfinished avatars go on"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "Wait until the worker is set up" if session.current().setting_up else ""

    def run(self, context: bpy.types.Context) -> None:
        session.current().stop()
        start(context)


class DOPPEL_OT_free_memory(DoppelOperator):
    bl_idname = "doppel.free_memory"
    bl_label = "Free Memory"
    bl_description = (
        "Give the graphics memory back by ending the worker's process. A fresh one waits without loading the models"
    )

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        current = session.current()
        if current.state not in ("ready", "lost"):
            return "The worker is not running, it holds no memory"
        if current.adopted:
            return "The worker belongs to another program: end it there"
        if current.remote:
            return "The worker is on another machine: end it there"
        return ""

    def run(self, context: bpy.types.Context) -> str:
        session.current().restart()
        return "The worker's memory is free"


class DOPPEL_OT_copy_client_key(DoppelOperator):
    bl_idname = "doppel.copy_client_key"
    bl_label = "Copy This Blender's Key"
    bl_description = (
        "Copy the public key that the remote worker must know: a line of keys/authorized_keys in its state folder"
    )

    def run(self, context: bpy.types.Context) -> str:
        context.window_manager.clipboard = own_public_key(prefs.get(context).state_dir())
        return "The key is in the clipboard"


class DOPPEL_OT_check_installation(DoppelOperator):
    bl_idname = "doppel.check_installation"
    bl_label = "Check Installation"
    bl_description = "Check Python, packages, graphics card, weights, body, folders and sockets, a line each"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if session.current().setting_up:
            return "Wait until the worker is set up"
        checkup = session.current().checkup
        return "The check is running" if checkup is not None and not checkup.finished else ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        outcome = self.execute(context)
        if context.area is None or context.area.type != "PREFERENCES":
            show_preferences(context)
        return outcome

    def run(self, context: bpy.types.Context) -> None:
        settings = prefs.get(context)
        session.current().check_installation(
            settings.python(), settings.state_dir(), settings.device, body=settings.body()
        )


def show_preferences(context: bpy.types.Context) -> None:
    """Open the preferences at this extension."""
    bpy.ops.preferences.addon_show(module=prefs.DOPPEL_AP_preferences.bl_idname)


class DOPPEL_OT_open_preferences(DoppelOperator):
    bl_idname = "doppel.open_preferences"
    bl_label = "Open Preferences"
    bl_description = "Show Doppel's preferences"

    def run(self, context: bpy.types.Context) -> None:
        show_preferences(context)


class DOPPEL_OT_open_network_preferences(DoppelOperator):
    bl_idname = "doppel.open_network_preferences"
    bl_label = "Open Network Preferences"
    bl_description = "Show Blender's System preferences, where online access is allowed"

    def run(self, context: bpy.types.Context) -> None:
        bpy.ops.screen.userpref_show(section="SYSTEM")


def _open_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DoppelError("folder_missing", f"there is no {folder} yet", "start the worker once")
    bpy.ops.wm.path_open(filepath=str(folder))


class DOPPEL_OT_open_avatar_folder(DoppelOperator):
    bl_idname = "doppel.open_avatar_folder"
    bl_label = "Open Avatar Folder"
    bl_description = "Show the folder with avatars, keys and logs in the system's file browser"

    def run(self, context: bpy.types.Context) -> None:
        _open_folder(prefs.get(context).state_dir())


class DOPPEL_OT_show_log(DoppelOperator):
    bl_idname = "doppel.show_log"
    bl_label = "Show Log"
    bl_description = "Open the folder with the worker's log"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().log_file is not None else "The worker has not been started yet"

    def run(self, context: bpy.types.Context) -> None:
        log_file = session.current().log_file
        assert log_file is not None
        _open_folder(log_file.parent)


CLASSES = (
    DOPPEL_OT_setup_worker,
    DOPPEL_OT_setup_worker_afresh,
    DOPPEL_OT_cancel_setup,
    DOPPEL_OT_start_worker,
    DOPPEL_OT_stop_worker,
    DOPPEL_OT_restart_worker,
    DOPPEL_OT_free_memory,
    DOPPEL_OT_copy_client_key,
    DOPPEL_OT_check_installation,
    DOPPEL_OT_open_preferences,
    DOPPEL_OT_open_network_preferences,
    DOPPEL_OT_open_avatar_folder,
    DOPPEL_OT_show_log,
)
