# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished avatars: choosing, importing, comparing, recalling and deleting them."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...backend.protocol.errors import DoppelError
from .. import prefs, session, thumbnails
from ..core import history
from ..tool import importer
from ..tool.request import recall
from .base import DoppelOperator

PAGE = 9
"""How many results the gallery shows at a time."""


def chosen(context: bpy.types.Context) -> list[bpy.types.PropertyGroup]:
    """The results that are chosen in the gallery, newest first."""
    return [item for item in context.window_manager.doppel.results if item.chosen]


class DOPPEL_OT_refresh_results(DoppelOperator):
    bl_idname = "doppel.refresh_results"
    bl_label = "Refresh Results"
    bl_description = "List the finished avatars again: the worker's, or those on the disk while it is not running"

    def run(self, context: bpy.types.Context) -> None:
        current = session.current()
        if current.state == "ready":
            current.ask_for_results()
        else:
            current.list_from_disk(prefs.get(context).state_dir())


class DOPPEL_OT_choose_result(DoppelOperator):
    bl_idname = "doppel.choose_result"
    bl_label = "Choose Result"
    bl_description = "Choose this avatar. Shift: several"
    bl_options = {"INTERNAL"}

    index: IntProperty(options={"HIDDEN", "SKIP_SAVE"})
    extend: BoolProperty(name="Extend", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.extend = event.shift or event.ctrl
        return self.execute(context)

    def run(self, context: bpy.types.Context) -> None:
        window = context.window_manager.doppel
        if not 0 <= self.index < len(window.results):
            raise DoppelError("result_none", "there is no such result", "refresh the list")
        for index, item in enumerate(window.results):
            if index == self.index:
                item.chosen = not item.chosen if self.extend else True
            elif not self.extend:
                item.chosen = False


class DOPPEL_OT_turn_page(DoppelOperator):
    bl_idname = "doppel.turn_page"
    bl_label = "Turn Page"
    bl_description = "Show newer or older avatars"
    bl_options = {"INTERNAL"}

    step: EnumProperty(items=[("NEWER", "Newer", ""), ("OLDER", "Older", "")])

    def run(self, context: bpy.types.Context) -> None:
        window = context.window_manager.doppel
        last = max(len(window.results) - 1, 0) // PAGE
        window.page = min(max(window.page + (1 if self.step == "OLDER" else -1), 0), last)


class _ChosenResults:
    """For operators on the results that are chosen."""

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if not len(context.window_manager.doppel.results):
            return "There are no results yet: generate an avatar first"
        return "" if chosen(context) else "Choose a result first: click its picture's name"


class DOPPEL_OT_import_result(_ChosenResults, DoppelOperator):
    bl_idname = "doppel.import_result"
    bl_label = "Import"
    bl_description = "Bring the chosen avatars into the scene at the 3D cursor: armature, mesh, material, shape keys"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        return import_folders(context, [Path(item.folder) for item in chosen(context)])


def import_folders(context: bpy.types.Context, folders: list[Path]) -> str:
    """Import avatars side by side, beginning at the 3D cursor; returns what to report."""
    imported = [importer.import_folder(context, folder, index) for index, folder in enumerate(folders)]
    for armature in imported:
        armature.select_set(True)
    return f"Imported {imported[0].name}" if len(imported) == 1 else f"Imported {len(imported)} avatars"


class DOPPEL_OT_import_all_variants(_ChosenResults, DoppelOperator):
    bl_idname = "doppel.import_all_variants"
    bl_label = "Import All Variants"
    bl_description = "Bring every variant of the chosen avatar into the scene, side by side"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        job = chosen(context)[0].job
        results = context.window_manager.doppel.results
        return import_folders(context, [Path(item.folder) for item in results if item.job == job])


class DOPPEL_OT_import_file(DoppelOperator):
    bl_idname = "doppel.import_file"
    bl_label = "Import Avatar File"
    bl_description = "Bring an avatar.npz into the scene at the 3D cursor. It can be dropped into the viewport, too"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=importer.CHARACTER_FILE, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> str:
        path = Path(bpy.path.abspath(self.filepath))
        if path.name != importer.CHARACTER_FILE:
            raise DoppelError(
                "file_unknown", f"{path.name} is no avatar", f"choose an {importer.CHARACTER_FILE} made by Doppel"
            )
        return import_folders(context, [path.parent])


class DOPPEL_FH_avatar(bpy.types.FileHandler):
    """Lets an avatar.npz be dropped into the 3D viewport."""

    bl_idname = "DOPPEL_FH_avatar"
    bl_label = "Doppel avatar"
    bl_import_operator = "doppel.import_file"
    bl_file_extensions = ".npz"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


class DOPPEL_OT_recall_result(_ChosenResults, DoppelOperator):
    bl_idname = "doppel.recall_result"
    bl_label = "Recall Settings"
    bl_description = "Set prompt, seed, quality, body, pose and face as they were for the chosen avatar"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        item = chosen(context)[0]
        request = history.read_provenance(Path(item.folder))["request"]
        recall(context.scene, request)
        settings, names = context.scene.doppel, {"photo": "reference image", "back_photo": "back photo"}
        lacks = [role for name, role in names.items() if request.get(name) and not getattr(settings, name)]
        again = f"; choose its {' and its '.join(lacks)} again" if lacks else ""
        return f"Settings of seed {item.seed} recalled{again}"


class DOPPEL_OT_compare_results(DoppelOperator):
    bl_idname = "doppel.compare_results"
    bl_label = "Compare"
    bl_description = "Show the chosen avatars side by side, front and back, with what sets them apart"

    most = 4

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if 2 <= len(chosen(context)) <= cls.most else f"Choose two to {cls.most} results, with Shift"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.execute(context) == {"CANCELLED"}:
            return {"CANCELLED"}
        return context.window_manager.invoke_popup(self, width=200 * len(self._folders) + 40)

    def run(self, context: bpy.types.Context) -> None:
        self._folders = [Path(item.folder) for item in chosen(context)]
        self._rows = history.differences([history.read_provenance(folder)["request"] for folder in self._folders])
        thumbnails.load_backs(self._folders)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row()
        for folder in self._folders:
            column = row.column(align=True)
            for key in (str(folder), thumbnails.back_key(folder)):
                picture = thumbnails.icon(key)
                if picture:
                    column.template_icon(icon_value=picture, scale=8.0)
        table = layout.column(align=True)  # a line a difference: a box each would not fit the screen
        for title, values in self._rows:
            row = table.row()
            for value in values:
                row.label(text=f"{title}: {value}")
        if not self._rows:
            layout.label(text="Variants of one request: only the backs differ")


class DOPPEL_OT_delete_result(_ChosenResults, DoppelOperator):
    bl_idname = "doppel.delete_result"
    bl_label = "Delete"
    bl_description = "Delete the chosen avatars with all their variants from the disk. What was imported stays"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if reason := super().refusal(context):
            return reason
        return "" if session.current().state == "ready" else "Start the worker first: it keeps the avatars"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def run(self, context: bpy.types.Context) -> None:
        for job in dict.fromkeys(item.job for item in chosen(context)):
            session.current().delete(job)


class DOPPEL_OT_open_result_folder(_ChosenResults, DoppelOperator):
    bl_idname = "doppel.open_result_folder"
    bl_label = "Open Folder"
    bl_description = "Show the chosen avatar's files in the system's file browser"

    def run(self, context: bpy.types.Context) -> None:
        folder = Path(chosen(context)[0].folder)
        if not folder.is_dir():
            raise DoppelError("result_missing", f"there is no {folder}", "refresh the list; it may be deleted")
        bpy.ops.wm.path_open(filepath=str(folder))


CLASSES = (
    DOPPEL_OT_refresh_results,
    DOPPEL_OT_choose_result,
    DOPPEL_OT_turn_page,
    DOPPEL_OT_import_result,
    DOPPEL_OT_import_all_variants,
    DOPPEL_OT_import_file,
    DOPPEL_FH_avatar,
    DOPPEL_OT_recall_result,
    DOPPEL_OT_compare_results,
    DOPPEL_OT_delete_result,
    DOPPEL_OT_open_result_folder,
)
