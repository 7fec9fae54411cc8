# SPDX-License-Identifier: GPL-3.0-or-later
"""The Doppel tab of the 3D viewport's sidebar."""

import textwrap

import bpy

from ...backend.protocol.errors import DoppelError
from .. import prefs, session, thumbnails
from ..core.job_table import JobView
from ..core.limbs import LIMBS, short_label
from ..operators.pose import active_avatar
from ..tool.importer import PROVENANCE

_STATES = {
    "off": ("Not running", "RADIOBUT_OFF"),
    "starting": ("Starting", "SORTTIME"),
    "ready": ("Ready", "CHECKMARK"),
    "lost": ("No answer, trying again", "UNLINKED"),
    "failed": ("Failed", "ERROR"),
}
_CHARACTER_WIDTH = 7.0  # pixels of the interface font at scale 1, a little on the wide side


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Doppel"


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """A text broken into lines that fit the sidebar; the icon stands before the first."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 in background mode
    width = context.region.width if context.region is not None else 300
    lines = textwrap.wrap(text, max(int(width / scale / _CHARACTER_WIDTH) - 6, 20)) or [""]
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")


def draw_error(context: bpy.types.Context, layout: bpy.types.UILayout, error: DoppelError) -> None:
    """What went wrong and what to do about it."""
    box = layout.box()
    draw_text(context, box, error.message[:1].upper() + error.message[1:], "ERROR")
    if error.hint:
        draw_text(context, box, error.hint[:1].upper() + error.hint[1:], "INFO")


class DOPPEL_PT_worker(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_worker"
    bl_label = "Worker"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        current = session.current()
        if current.setting_up:
            self._draw_setup(context, layout, current)
            return
        text, icon = _STATES[current.state]
        layout.label(text=text + (" (shared with another program)" if current.adopted else ""), icon=icon)
        if current.device:
            layout.label(text=_device_text(current.device), icon="BLANK1")
        if current.error is not None:
            draw_error(context, layout, current.error)
        row = layout.row()
        if current.state in ("off", "failed"):
            if prefs.get(context).python().is_file():
                row.operator("doppel.start_worker", icon="PLAY")
                if current.error is not None:
                    layout.operator("doppel.setup_worker", icon="IMPORT")
            else:
                draw_text(context, row, "The worker needs its own Python environment, built once.", "INFO")
                layout.operator("doppel.setup_worker", icon="IMPORT")
        else:
            row.operator("doppel.stop_worker", icon="CANCEL")
        if current.log_file is not None and current.error is not None:
            layout.operator("doppel.show_log", icon="TEXT")

    @staticmethod
    def _draw_setup(context: bpy.types.Context, layout: bpy.types.UILayout, current: session.Session) -> None:
        setup = current.setup
        layout.progress(factor=setup.fraction, text=f"{setup.message} ({setup.step}/{setup.steps})")
        if setup.last_line:
            draw_text(context, layout, setup.last_line[:160])
        layout.operator("doppel.cancel_setup", icon="CANCEL")


class DOPPEL_PT_prompt(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_prompt"
    bl_label = "Prompt"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.prop(settings, "prompt", text="", icon="OUTLINER_OB_FONT")
        layout.prop(settings, "negative_prompt")
        row = layout.row(align=True)
        row.prop(settings, "seed")
        row.operator("doppel.random_seed", text="", icon="FILE_REFRESH")
        row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
        layout.prop(settings, "hypotheses")
        header, body = layout.panel("doppel_quality", default_closed=True)
        header.label(text="Quality")
        if body is not None:
            body.use_property_split = True
            for name in ("steps", "guidance_scale", "triangles", "texture_size"):
                body.prop(settings, name)


class DOPPEL_PT_body(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_body"
    bl_label = "Body"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.prop(settings, "show_preview", toggle=True, icon="HIDE_OFF" if settings.show_preview else "HIDE_ON")
        column = layout.column(align=True)
        for name in ("age", "gender", "height_cm", "weight", "muscle"):
            column.prop(settings.body, name, slider=True)
        layout.operator("doppel.reset_body", icon="LOOP_BACK")
        header, body = layout.panel("doppel_betas", default_closed=True)
        header.label(text="Shape Coefficients")
        if body is not None:
            betas = body.column(align=True)
            for index in range(10):
                betas.prop(settings.body, "betas", index=index, text=f"Beta {index + 1}", slider=True)


def draw_limbs(layout: bpy.types.UILayout, pose: bpy.types.PropertyGroup, key: str) -> None:
    """Rotation sliders of the 21 body joints, folded by limb."""
    for title, joints in LIMBS:
        header, body = layout.panel(f"{key}_{title}", default_closed=True)
        header.label(text=title)
        if body is None:
            continue
        for joint in joints:
            column = body.column(align=True)
            column.label(text=short_label(joint))
            row = column.row(align=True)
            row.prop(pose, joint, text="")


class DOPPEL_PT_pose(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_pose"
    bl_label = "Pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        row = layout.row(align=True)
        row.operator("doppel.reset_pose", text="A-Pose").kind = "A"
        row.operator("doppel.reset_pose", text="T-Pose").kind = "T"
        layout.operator_menu_enum("doppel.mirror_pose", "keep", icon="MOD_MIRROR")
        layout.prop(settings, "relaxed_hands")
        draw_limbs(layout, settings.pose, "doppel_pose")


class DOPPEL_PT_generate(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_generate"
    bl_label = "Generate"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        table = session.current().table
        row = layout.row()
        row.scale_y = 1.5
        row.operator("doppel.generate", icon="OUTLINER_OB_ARMATURE")
        for view in table.active():
            self._draw_job(layout, view)
        failure = table.last_failure()
        if failure is not None and failure.error is not None:
            draw_error(context, layout, failure.error)

    @staticmethod
    def _draw_job(layout: bpy.types.UILayout, view: JobView) -> None:
        box = layout.box()
        row = box.row()
        row.label(text=f"{view.prompt[:60]} ({view.seed})")
        row.operator("doppel.cancel_job", text="", icon="X").job = view.job
        picture = thumbnails.icon(view.job)
        if picture:
            box.template_icon(icon_value=picture, scale=8.0)
        box.progress(factor=view.fraction, text=view.text)


class DOPPEL_UL_results(bpy.types.UIList):
    bl_idname = "DOPPEL_UL_results"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
        _index: int = 0,
        _filter: int = 0,
    ) -> None:
        variant = f" {chr(ord('a') + item.hypothesis)}" if item.hypothesis else ""
        picture = thumbnails.icon(item.folder)
        text = f"{item.prompt or 'Avatar'} ({item.seed}{variant})"
        if picture:
            layout.label(text=text, icon_value=picture)
        else:
            layout.label(text=text, icon="OUTLINER_OB_ARMATURE")


class DOPPEL_PT_results(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_results"
    bl_label = "Results"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        window = context.window_manager.doppel
        if not len(window.results):
            draw_text(context, layout, "Finished avatars appear here. They are kept on disk until you delete them.")
            layout.operator("doppel.refresh_results", icon="FILE_REFRESH")
            return
        row = layout.row()
        row.template_list("DOPPEL_UL_results", "", window, "results", window, "active_result", rows=4)
        column = row.column(align=True)
        column.operator("doppel.refresh_results", text="", icon="FILE_REFRESH")
        column.operator("doppel.delete_result", text="", icon="TRASH")
        if 0 <= window.active_result < len(window.results):
            picture = thumbnails.icon(window.results[window.active_result].folder)
            if picture:
                layout.template_icon(icon_value=picture, scale=8.0)
        layout.operator("doppel.import_result", icon="IMPORT")
        layout.operator("doppel.import_all_variants", icon="IMPORT")


class DOPPEL_PT_character(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_character"
    bl_label = "Character"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_avatar(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        armature = active_avatar(context)
        layout.label(text=armature.name, icon="OUTLINER_OB_ARMATURE")
        row = layout.row(align=True)
        row.operator("doppel.reset_avatar", text="Generated").kind = "GENERATED"
        row.operator("doppel.reset_avatar", text="A-Pose").kind = "A"
        row.operator("doppel.reset_avatar", text="T-Pose").kind = "T"
        layout.operator_menu_enum("doppel.mirror_avatar", "keep", text="Mirror Pose", icon="MOD_MIRROR")
        layout.operator("doppel.use_avatar_pose", icon="COPYDOWN")
        draw_limbs(layout, armature.doppel.pose, "doppel_avatar")
        if PROVENANCE in armature:
            header, body = layout.panel("doppel_provenance", default_closed=True)
            header.label(text="Provenance")
            if body is not None:
                body.prop(armature, f'["{PROVENANCE}"]', text="")


class DOPPEL_PT_export(_Panel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_export"
    bl_label = "Export"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_avatar(context) is not None

    def draw(self, _context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.operator("doppel.export_glb", icon="EXPORT")
        row.operator("doppel.export_fbx", icon="EXPORT")


def _device_text(device: dict[str, object]) -> str:
    kind = str(device.get("kind", "")).upper()
    free = device.get("free_memory")
    memory = f", {free / 2**30:.1f} GB free" if isinstance(free, (int, float)) else ""
    name = str(device.get("name") or kind)
    return f"{name} ({kind}{memory})" if name != kind else f"{kind}{memory}"


CLASSES = (
    DOPPEL_PT_worker,
    DOPPEL_PT_prompt,
    DOPPEL_PT_body,
    DOPPEL_PT_pose,
    DOPPEL_PT_generate,
    DOPPEL_UL_results,
    DOPPEL_PT_results,
    DOPPEL_PT_character,
    DOPPEL_PT_export,
)
