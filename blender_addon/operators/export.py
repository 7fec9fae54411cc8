# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of the active avatar: one operator a format."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ...backend.protocol.errors import DoppelError
from ...rigging.skeletons import SKELETONS, Skeleton
from ...rigging.vrm import VrmError, VrmMeta
from ..core import export_formats as formats
from ..core.naming import file_stem
from ..tool import export as export_tool
from .base import DoppelOperator
from .pose import active_avatar

_SKELETONS = [
    (name.upper(), skeleton.title, f"Bones and vertex groups by the names of {skeleton.title}")
    for name, skeleton in SKELETONS.items()
]


class _AvatarExport(ExportHelper):
    """The file dialog, the checks and the report; subclasses name the format and write it."""

    format: formats.ExportFormat
    endings: tuple[str, ...] = ()  # that a name may have instead of the format's

    @classmethod
    def description(cls, _context: bpy.types.Context, _properties: bpy.types.OperatorProperties) -> str:
        return cls.format.description

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if active_avatar(context) is None:
            return "Select an avatar made with Doppel: its armature or its mesh"
        if cls.format.exporter and not hasattr(bpy.types, cls.format.exporter):
            return f"Enable Blender's {cls.format.label.split()[0]} add-on in Preferences > Add-ons"
        return ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / (file_stem(active_avatar(context).name) + self.filename_ext))
        return ExportHelper.invoke(self, context, event)

    def check(self, context: bpy.types.Context) -> bool:
        if Path(self.filepath).suffix.lower() in self.endings:
            return False
        return ExportHelper.check(self, context)

    def run(self, context: bpy.types.Context) -> str:
        path = Path(bpy.path.abspath(self.filepath))
        if path.suffix.lower() not in self.endings:
            path = Path(bpy.path.ensure_ext(str(path), self.filename_ext))
        if not path.parent.is_dir():
            raise DoppelError("folder_missing", f"there is no folder {path.parent}", "choose another place")
        try:
            self.write(context, active_avatar(context), path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DoppelError("export_failed", f"cannot write {path}: {reason}", "choose another place") from error
        return f"Wrote {path} ({path.stat().st_size / 2**20:.1f} MiB)"

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        raise NotImplementedError


class _WithSkeleton(_AvatarExport):
    """For formats whose bones the artist may name."""

    @property
    def chosen(self) -> Skeleton:
        return SKELETONS[self.skeleton.lower()]


def _skeleton(default: str) -> EnumProperty:
    return EnumProperty(name="Bone Names", items=_SKELETONS, default=default)


class DOPPEL_OT_export_glb(_WithSkeleton, DoppelOperator):
    bl_idname = "doppel.export_glb"
    bl_label = "Export GLB"

    format = formats.GLB
    filename_ext = format.suffix
    filter_glob: StringProperty(default="*.glb", options={"HIDDEN"})
    skeleton: _skeleton("SMPLX")

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        export_tool.write_glb(context, armature, path, self.chosen)


class DOPPEL_OT_export_fbx(_AvatarExport, DoppelOperator):
    bl_idname = "doppel.export_fbx"
    bl_label = "Export FBX"

    format = formats.FBX_UNREAL
    filename_ext = format.suffix
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})
    target: EnumProperty(
        name="Engine",
        items=[
            ("UNREAL", "Unreal", formats.FBX_UNREAL.description),
            ("UNITY", "Unity", formats.FBX_UNITY.description),
        ],
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return (formats.FBX_UNITY if properties.target == "UNITY" else formats.FBX_UNREAL).description

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        if self.target == "UNITY":
            export_tool.write_fbx_unity(context, armature, path)
        else:
            export_tool.write_fbx_unreal(context, armature, path)


class DOPPEL_OT_export_usd(_WithSkeleton, DoppelOperator):
    bl_idname = "doppel.export_usd"
    bl_label = "Export USD"

    format = formats.USD
    filename_ext = format.suffix
    endings = (".usd", ".usda", ".usdc", ".usdz")
    filter_glob: StringProperty(default="*.usd;*.usda;*.usdc;*.usdz", options={"HIDDEN"})
    skeleton: _skeleton("SMPLX")

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        export_tool.write_usd(context, armature, path, self.chosen)


class DOPPEL_OT_export_bvh(_WithSkeleton, DoppelOperator):
    bl_idname = "doppel.export_bvh"
    bl_label = "Export BVH"

    format = formats.BVH
    filename_ext = format.suffix
    filter_glob: StringProperty(default="*.bvh", options={"HIDDEN"})
    skeleton: _skeleton("SMPLX")

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        export_tool.write_bvh(context, armature, path, self.chosen)


def _choice(name: str, values: tuple[tuple[str, str, str], ...]) -> EnumProperty:
    return EnumProperty(name=name, items=list(values))


class DOPPEL_OT_export_vrm(_AvatarExport, DoppelOperator):
    bl_idname = "doppel.export_vrm"
    bl_label = "Export VRM"

    format = formats.VRM
    filename_ext = format.suffix
    filter_glob: StringProperty(default="*.vrm", options={"HIDDEN"})
    title: StringProperty(name="Name", description="The avatar's name. Empty: that of its object")
    author: StringProperty(name="Author", description="Who made it: a VRM carries a licence, which needs an author")
    permission: _choice(
        "Who May Use It",
        (
            ("onlyAuthor", "Only the Author", ""),
            ("onlySeparatelyLicensedPerson", "Licensed Persons", "Whoever has a licence by other means"),
            ("everyone", "Everyone", ""),
        ),
    )
    commercial: _choice(
        "Commercial Use",
        (
            ("personalNonProfit", "Personal, no Profit", ""),
            ("personalProfit", "Personal, for Profit", ""),
            ("corporation", "Companies", ""),
        ),
    )
    modification: _choice(
        "Changes",
        (
            ("prohibited", "Prohibited", ""),
            ("allowModification", "Allowed", "For one's own use"),
            ("allowModificationRedistribution", "Allowed and Shared", "Changed avatars may be passed on"),
        ),
    )

    def write(self, context: bpy.types.Context, armature: bpy.types.Object, path: Path) -> None:
        try:
            meta = VrmMeta(
                name=self.title.strip() or armature.name,
                authors=(self.author,),
                avatarPermission=self.permission,
                commercialUsage=self.commercial,
                modification=self.modification,
            )
            export_tool.write_vrm(context, armature, path, meta)
        except VrmError as error:
            raise DoppelError("export_vrm", str(error).rstrip(".")) from None


CLASSES = (
    DOPPEL_OT_export_glb,
    DOPPEL_OT_export_fbx,
    DOPPEL_OT_export_usd,
    DOPPEL_OT_export_vrm,
    DOPPEL_OT_export_bvh,
)
