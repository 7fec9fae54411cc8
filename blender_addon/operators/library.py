# SPDX-License-Identifier: GPL-3.0-or-later
"""Ready-made poses, hands and faces for the body to be generated."""

from collections.abc import Iterable

import bpy
from bpy.props import EnumProperty

from .. import live
from ..core import expression, hands, poses
from .base import DoppelOperator


def identifier(name: str) -> str:
    """'Hands on Hips' -> 'HANDS_ON_HIPS', as Blender writes the choices of operators."""
    return name.upper().replace(" ", "_").replace("-", "_")


def _items(names: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(identifier(name), name, "") for name in names]


class DOPPEL_OT_apply_pose(DoppelOperator):
    bl_idname = "doppel.apply_pose"
    bl_label = "Apply Pose"
    bl_description = "Put the body to be generated into a pose of the library"
    bl_options = {"REGISTER", "UNDO"}

    pose: EnumProperty(name="Pose", items=_items(poses.POSES))

    def run(self, context: bpy.types.Context) -> None:
        name = next(name for name in poses.POSES if identifier(name) == self.pose)
        context.scene.doppel.set_pose_values(poses.body_pose(name))


class DOPPEL_OT_apply_hands(DoppelOperator):
    bl_idname = "doppel.apply_hands"
    bl_label = "Hand Presets"
    bl_description = "Bend the fingers of one hand or both in a known way"
    bl_options = {"REGISTER", "UNDO"}

    hand: EnumProperty(name="Hand", items=_items(hands.PRESETS))
    side: EnumProperty(
        name="Side",
        items=[("both", "Both", "Both hands"), ("left", "Left", "The left hand"), ("right", "Right", "The right hand")],
    )

    def run(self, context: bpy.types.Context) -> None:
        curls = next(curls for name, curls in hands.PRESETS.items() if identifier(name) == self.hand)
        sides = hands.SIDES if self.side == "both" else (self.side,)
        context.scene.doppel.set_curls(
            {f"{side}_{finger}": curl for side in sides for finger, curl in zip(hands.FINGERS, curls, strict=True)}
        )


class DOPPEL_OT_apply_face(DoppelOperator):
    bl_idname = "doppel.apply_face"
    bl_label = "Face Presets"
    bl_description = "Give the face a known expression"
    bl_options = {"REGISTER", "UNDO"}

    face: EnumProperty(name="Face", items=_items(expression.PRESETS))

    def run(self, context: bpy.types.Context) -> None:
        units, jaw = next(preset for name, preset in expression.PRESETS.items() if identifier(name) == self.face)
        settings = context.scene.doppel
        with live.syncing():
            for unit in expression.UNITS:
                setattr(settings.face, unit, units.get(unit, 0.0))
        live.units_to_expression(settings)
        settings.jaw = jaw
        live.mark(context.scene)


CLASSES = (DOPPEL_OT_apply_pose, DOPPEL_OT_apply_hands, DOPPEL_OT_apply_face)
