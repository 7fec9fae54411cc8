# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference image: choosing it, having a body fitted to it, setting up what reads photos."""

from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import StringProperty

from ...backend.protocol.errors import DoppelError
from .. import photos, prefs, session
from ..core.job_table import FIT
from ..core.photo_file import EXTENSIONS, look_at
from .base import DoppelOperator
from .generate import photo_refusal, scene_request, send, worker_refusal


class _ChosenPhoto:
    """For operators that need a reference image."""

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if context.scene.doppel.photo else "Choose a reference image first"


class _ChooseFile:
    """For operators that take a picture's file for a setting of the scene."""

    setting = ""
    role = ""

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> str:
        path = Path(bpy.path.abspath(self.filepath))
        look_at(path)  # what will not do is not taken
        setattr(context.scene.doppel, self.setting, self.filepath)
        return f"{path.name} is the {self.role}"


class DOPPEL_OT_choose_photo(_ChooseFile, DoppelOperator):
    bl_idname = "doppel.choose_photo"
    bl_label = "Choose Image"
    bl_description = "A photo of the person: PNG, JPEG or WebP. It can be dropped onto the sidebar, too"
    bl_options = {"REGISTER", "UNDO"}

    setting, role = "photo", "reference image"


class DOPPEL_OT_choose_back_photo(_ChooseFile, _ChosenPhoto, DoppelOperator):
    bl_idname = "doppel.choose_back_photo"
    bl_label = "Back Photo (Optional)"
    bl_description = (
        "A second photo, of the same person from behind and in the same pose: the avatar's back is taken from it"
    )
    bl_options = {"REGISTER", "UNDO"}

    setting, role = "back_photo", "back photo"


class DOPPEL_FH_photo(bpy.types.FileHandler):
    """Lets a photo be dropped onto the sidebar while it shows Doppel; elsewhere images do what they always did."""

    bl_idname = "DOPPEL_FH_photo"
    bl_label = "Doppel reference image"
    bl_import_operator = "doppel.choose_photo"
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        area, region = context.area, context.region
        if area is None or region is None or area.type != "VIEW_3D" or region.type != "UI":
            return False
        return region.active_panel_category == "Doppel"


class DOPPEL_OT_clear_photo(_ChosenPhoto, DoppelOperator):
    bl_idname = "doppel.clear_photo"
    bl_label = "Remove Image"
    bl_description = "Generate from the prompt alone. The sliders stay as they are"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        context.scene.doppel.photo = ""


class DOPPEL_OT_clear_back_photo(DoppelOperator):
    bl_idname = "doppel.clear_back_photo"
    bl_label = "Remove Back Photo"
    bl_description = "Have the back made up"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if context.scene.doppel.back_photo else "There is no back photo"

    def run(self, context: bpy.types.Context) -> None:
        context.scene.doppel.back_photo = ""


class DOPPEL_OT_fit_photo(_ChosenPhoto, DoppelOperator):
    bl_idname = "doppel.fit_photo"
    bl_label = "Fit Body to Photo"
    bl_description = (
        "Find the person in the photo and set shape, pose and fingers to theirs, to be corrected before Generate. "
        "Words of the prompt, such as gender and age, tell what to expect"
    )

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if reason := super().refusal(context) or photo_refusal(context) or worker_refusal(context):
            return reason
        return "The body is being fitted" if context.scene.doppel.photo_job else ""

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.doppel
        request = replace(scene_request(context.scene), body={}, photo_body="target", hypotheses=1, back_photo="")
        settings.photo_job = send(context, request, photos.path(settings), FIT)


class DOPPEL_OT_setup_photos(DoppelOperator):
    bl_idname = "doppel.setup_photos"
    bl_label = "Set Up Photos"
    bl_description = (
        "Fetch the networks that find people in photos (MediaPipe, Apache-2.0, 36 MB) into the worker's environment"
    )

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        current = session.current()
        if current.photo_setup is not None and not current.photo_setup.finished:
            return "Photos are being set up"
        if current.remote:
            return "The worker is on another machine: run 'doppel setup photo' there"
        return worker_refusal(context)

    def run(self, context: bpy.types.Context) -> None:
        settings = prefs.get(context)
        if not settings.wheel_folder and not bpy.app.online_access:
            raise DoppelError(
                "offline",
                "setting up photos needs the internet, and Blender's online access is off",
                "allow it in Preferences > System > Network, or choose a wheel folder in Doppel's preferences",
            )
        wheels = bpy.path.abspath(settings.wheel_folder) if settings.wheel_folder else ""
        session.current().set_up_photos(settings.python(), wheels=wheels)


CLASSES = (
    DOPPEL_OT_choose_photo,
    DOPPEL_OT_choose_back_photo,
    DOPPEL_FH_photo,
    DOPPEL_OT_clear_photo,
    DOPPEL_OT_clear_back_photo,
    DOPPEL_OT_fit_photo,
    DOPPEL_OT_setup_photos,
)
