# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing and deleting finished avatars."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ...backend.protocol.errors import DoppelError
from .. import session
from ..tool import importer
from .base import DoppelOperator


def _chosen(context: bpy.types.Context) -> bpy.types.PropertyGroup | None:
    window = context.window_manager.doppel
    return window.results[window.active_result] if 0 <= window.active_result < len(window.results) else None


class DOPPEL_OT_refresh_results(DoppelOperator):
    bl_idname = "doppel.refresh_results"
    bl_label = "Refresh Results"
    bl_description = "Ask the worker for its finished avatars"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().state == "ready" else "Start the worker first, in the Worker panel"

    def run(self, context: bpy.types.Context) -> None:
        session.current().ask_for_results()


class DOPPEL_OT_import_result(DoppelOperator):
    bl_idname = "doppel.import_result"
    bl_label = "Import"
    bl_description = "Bring the chosen avatar into the scene: armature, mesh, material and shape keys"
    bl_options = {"REGISTER", "UNDO"}

    folder: StringProperty(
        name="Folder", description="Result folder. Empty: the chosen result", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> str:
        chosen = _chosen(context)
        if not self.folder and chosen is None:
            raise DoppelError("result_none", "there is no result to import", "generate an avatar first")
        folder = Path(bpy.path.abspath(self.folder) if self.folder else chosen.folder)
        armature = importer.import_folder(context, folder)
        return f"Imported {armature.name}"


class DOPPEL_OT_import_all_variants(DoppelOperator):
    bl_idname = "doppel.import_all_variants"
    bl_label = "Import All Variants"
    bl_description = "Bring every variant of the chosen avatar into the scene, side by side"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if _chosen(context) else "Choose a result first"

    def run(self, context: bpy.types.Context) -> str:
        job = _chosen(context).job
        folders = [Path(item.folder) for item in context.window_manager.doppel.results if item.job == job]
        for index, folder in enumerate(folders):
            importer.import_folder(context, folder, index)
        return f"Imported {len(folders)} avatars"


class DOPPEL_OT_delete_result(DoppelOperator):
    bl_idname = "doppel.delete_result"
    bl_label = "Delete"
    bl_description = "Delete the chosen avatar with all its variants from the disk. What was imported stays"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if _chosen(context) is None:
            return "Choose a result first"
        return "" if session.current().state == "ready" else "Start the worker first, in the Worker panel"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def run(self, context: bpy.types.Context) -> None:
        session.current().delete(_chosen(context).job)


CLASSES = (
    DOPPEL_OT_refresh_results,
    DOPPEL_OT_import_result,
    DOPPEL_OT_import_all_variants,
    DOPPEL_OT_delete_result,
)
