# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing an avatar: armature, bound mesh, material and shape keys from one RiggedCharacter."""

import json
from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.errors import DoppelError
from ...rigging.character import RiggedCharacter
from ...rigging.expressions import with_visemes
from ...rigging.eyes import with_turning_eyes
from ..core.mesh_plan import plan_mesh
from ..core.naming import avatar_name
from ..core.skeleton_plan import in_rest, plan_bones
from . import armature as armature_tool
from . import material as material_tool
from . import mesh as mesh_tool

CHARACTER_FILE = "avatar.npz"
PROVENANCE = "doppel_provenance"
SPACING = 1.0  # metres between avatars that are imported together


def load_character(folder: Path) -> RiggedCharacter:
    """Read the character of a result folder.

    Raises:
        DoppelError: it is missing or unreadable.
    """
    path = folder / CHARACTER_FILE
    try:
        return RiggedCharacter.load_npz(path)
    except FileNotFoundError:
        raise DoppelError("result_missing", f"there is no {path}", "refresh the list; it may be deleted") from None
    except (OSError, ValueError) as error:
        raise DoppelError("result_unreadable", f"{path}: {error}", "generate the avatar again") from error


def import_folder(context: bpy.types.Context, folder: Path, index: int = 0) -> bpy.types.Object:
    """Import the avatar in a result folder at the 3D cursor, `index` places to the side; returns its armature.

    Raises:
        DoppelError: the folder's avatar is missing or unreadable.
    """
    character = load_character(folder)
    request = character.provenance.get("request")
    asked = request if isinstance(request, dict) else {}
    hypothesis = _whole(character.provenance.get("hypothesis"))
    name = avatar_name(str(asked.get("prompt", "")), _whole(asked.get("seed")), hypothesis)
    result = import_character(context, character, name)
    result.location = context.scene.cursor.location
    result.location.x += index * SPACING
    return result


def import_character(context: bpy.types.Context, character: RiggedCharacter, name: str) -> bpy.types.Object:
    """Create the character in the active collection, selected, active, standing as generated; returns the armature.

    The armature's origin lies on the floor below the rest pose. Bones bear the joints' names, vertex groups too.
    """
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    character = with_turning_eyes(character)
    floor = float(character.vertices[:, 1].min())
    ground = np.array([0.0, floor, 0.0])
    bones = plan_bones(character.joint_names, character.parents, character.t_joints - ground)
    if character.rest_pose.any():
        bones = in_rest(bones, character.joints - ground, character.rest_rotations)
    mesh_plan = plan_mesh(
        character.vertices,
        character.faces,
        character.uvs,
        character.weights,
        with_visemes(character.morphs),
        floor,
    )
    for other in context.selected_objects:
        other.select_set(False)
    armature = armature_tool.create(context, name, bones)
    body = mesh_tool.create(context, name, character.joint_names, mesh_plan)
    mesh_tool.bind(body, armature)
    mesh_tool.add_shape_keys(body, mesh_plan)
    body.data.materials.append(
        material_tool.create(name, character.texture_png, character.normal_png, character.roughness_png)
    )
    armature_tool.note_rest(armature, character.rest_pose)
    armature_tool.set_pose(armature, character.joint_names, character.params.full_pose, character.params.transl)
    _note_origin(armature, body, character)
    for created in (body, armature):
        created.select_set(True)
    context.view_layer.objects.active = armature
    return armature


def _note_origin(armature: bpy.types.Object, body: bpy.types.Object, character: RiggedCharacter) -> None:
    for holder in (armature, body):
        holder[PROVENANCE] = json.dumps(character.provenance, sort_keys=True)
    armature.doppel.is_avatar = True
    armature.doppel.generation_pose = json.dumps(character.params.to_dict())


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
