# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the artist's own, by Blender's preset system: they lie in the user's folder with Blender's others."""

from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel
from bpy.types import Operator, Panel

_DEFINES = ["settings = bpy.context.scene.doppel"]


class _AddPreset(AddPresetBase):
    """What the operators that save and remove presets have in common; the classes below say what a preset holds."""

    bl_options = {"REGISTER", "INTERNAL"}
    preset_defines = _DEFINES


class DOPPEL_OT_request_preset(_AddPreset, Operator):
    bl_idname = "doppel.request_preset"
    bl_label = "Prompt Preset"
    bl_description = "Save or remove a preset of the prompt and its quality"
    preset_menu = "DOPPEL_PT_request_presets"
    preset_subdir = "doppel/request"
    preset_values = [
        f"settings.{name}"
        for name in (
            *("prompt", "negative_prompt", "hypotheses"),
            *("steps", "guidance_scale", "topology", "triangles", "texture_size", "rest"),
        )
    ]


class DOPPEL_OT_body_preset(_AddPreset, Operator):
    bl_idname = "doppel.body_preset"
    bl_label = "Body Preset"
    bl_description = "Save or remove a preset of the body's shape"
    preset_menu = "DOPPEL_PT_body_presets"
    preset_subdir = "doppel/body"
    preset_values = ["settings.body.betas", "settings.shape_from_prompt"]


class DOPPEL_OT_pose_preset(_AddPreset, Operator):
    bl_idname = "doppel.pose_preset"
    bl_label = "Pose Preset"
    bl_description = "Save or remove a preset of the pose, hands and face included"
    preset_menu = "DOPPEL_PT_pose_presets"
    preset_subdir = "doppel/pose"
    preset_values = ["settings.pose", "settings.hands", "settings.expression", "settings.face", "settings.jaw"]


class DOPPEL_PT_request_presets(PresetPanel, Panel):
    bl_label = "Prompt Presets"
    preset_subdir = "doppel/request"
    preset_operator = "script.execute_preset"
    preset_add_operator = "doppel.request_preset"


class DOPPEL_PT_body_presets(PresetPanel, Panel):
    bl_label = "Body Presets"
    preset_subdir = "doppel/body"
    preset_operator = "script.execute_preset"
    preset_add_operator = "doppel.body_preset"


class DOPPEL_PT_pose_presets(PresetPanel, Panel):
    bl_label = "Pose Presets"
    preset_subdir = "doppel/pose"
    preset_operator = "script.execute_preset"
    preset_add_operator = "doppel.pose_preset"


CLASSES = (
    DOPPEL_OT_request_preset,
    DOPPEL_OT_body_preset,
    DOPPEL_OT_pose_preset,
    DOPPEL_PT_request_presets,
    DOPPEL_PT_body_presets,
    DOPPEL_PT_pose_presets,
)
