# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference image: a photo of the person, and perhaps one from behind."""

import bpy

from .. import photos, session
from ..operators.generate import photo_refusal, worker_refusal
from .common import DoppelPanel, draw_error
from .text import draw_text

_EXPLAINED = {
    "PHOTO": "Shape and pose are read from the photo. Those of the sliders do not count.",
    "FIT": "The sliders are the person as they stand in the photo.",
    "REPAINT": "The person is painted anew in the pose of the sliders.",
    "TARGET": "The avatar is put into the pose of the sliders.",
}


class DOPPEL_PT_photo(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_photo"
    bl_label = "Reference Image"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        if settings.photo:
            _draw_photo(context, layout, settings)
        else:
            layout.operator("doppel.choose_photo", icon="IMAGE_REFERENCE")
            draw_text(context, layout, "Or drop a photo of a person here. Generate then takes it, and the prompt.")
        _draw_setup(context, layout)


def _draw_photo(context: bpy.types.Context, layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    picture = photos.icon(settings, session.current().table)
    if picture:
        layout.template_icon(icon_value=picture, scale=11.0)
    row = layout.row(align=True)
    row.prop(settings, "photo", text="")
    row.operator("doppel.clear_photo", text="", icon="X")
    problem = photos.problem(settings)
    if problem is not None:
        draw_error(context, layout, problem)
        return
    _draw_back_photo(context, layout, settings)
    layout.prop(settings, "photo_person")
    layout.row().prop(settings, "photo_keep", expand=True)
    row = layout.row()
    row.scale_y = 1.3
    row.operator("doppel.fit_photo", icon="OUTLINER_OB_ARMATURE")
    reason = photo_refusal(context) or worker_refusal(context)
    if settings.photo_job:
        draw_text(context, layout, "The body is being fitted: see the queue", "SORTTIME")
    elif reason:
        draw_text(context, layout, reason, "INFO")
    for remark in settings.fit_remarks():
        draw_text(context, layout, remark, "ERROR")
    layout.prop(settings, "photo_body", text="")
    draw_text(context, layout, _EXPLAINED[settings.photo_body])
    if settings.photo_body == "FIT":
        row = layout.row(align=True)
        row.prop(settings, "orient")


def _draw_back_photo(context: bpy.types.Context, layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    if not settings.back_photo:
        layout.operator("doppel.choose_back_photo", icon="FILE_IMAGE")
        return
    row = layout.row(align=True)
    row.prop(settings, "back_photo")
    row.operator("doppel.clear_back_photo", text="", icon="X")
    problem = photos.back_problem(settings)
    if problem is not None:
        draw_error(context, layout, problem)


def _draw_setup(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    """What keeps the worker from reading photos, and the button that mends it."""
    current = session.current()
    setup = current.photo_setup
    if setup is not None and not setup.finished:
        draw_text(context, layout, setup.message, "IMPORT")
        return
    if setup is not None and setup.error is not None:
        draw_error(context, layout, setup.error)
    if current.no_photos:
        draw_text(context, layout, f"The worker cannot read photos yet: {current.no_photos}.", "INFO")
        layout.operator("doppel.setup_photos", icon="IMPORT")


CLASSES = (DOPPEL_PT_photo,)
