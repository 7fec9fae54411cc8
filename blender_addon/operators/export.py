# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of the active avatar."""

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper

from ...backend.protocol.errors import DoppelError
from ..core.naming import file_stem
from ..tool import export as export_tool
from .base import DoppelOperator
from .pose import active_avatar


class _AvatarExport(ExportHelper):
    """The file dialog, the checks and the report; subclasses name the exporter that must be enabled."""

    exporter: str  # the bpy.ops.export_scene operator

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if active_avatar(context) is None:
            return "Select an avatar made with Doppel: its armature or its mesh"
        if not hasattr(bpy.types, f"EXPORT_SCENE_OT_{cls.exporter}"):
            return f"Enable Blender's {cls.filename_ext[1:].upper()} add-on in Preferences > Add-ons"
        return ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / (file_stem(active_avatar(context).name) + self.filename_ext))
        return ExportHelper.invoke(self, context, event)

    def run(self, context: bpy.types.Context) -> str:
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, self.filename_ext)))
        if not path.parent.is_dir():
            raise DoppelError("folder_missing", f"there is no folder {path.parent}", "choose another place")
        self.write(context, active_avatar(context), path)
        return f"Wrote {path} ({path.stat().st_size / 2**20:.1f} MiB)"

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        raise NotImplementedError


class DOPPEL_OT_export_glb(_AvatarExport, DoppelOperator):
    bl_idname = "doppel.export_glb"
    bl_label = "Export GLB"
    bl_description = "Write the active avatar as glTF binary, for the web, Unity, Unreal and Godot"

    filename_ext = ".glb"
    exporter = "gltf"
    filter_glob: StringProperty(default="*.glb", options={"HIDDEN"})

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        export_tool.write_glb(context, armature, path)


class DOPPEL_OT_export_fbx(_AvatarExport, DoppelOperator):
    bl_idname = "doppel.export_fbx"
    bl_label = "Export FBX"
    bl_description = "Write the active avatar as FBX, for Unity, Unreal and other animation packages"

    filename_ext = ".fbx"
    exporter = "fbx"
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        export_tool.write_fbx(context, armature, path)


CLASSES = (DOPPEL_OT_export_glb, DOPPEL_OT_export_fbx)
