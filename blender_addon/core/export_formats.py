# SPDX-License-Identifier: GPL-3.0-or-later
"""What each export format is for, what it keeps, and what it cannot hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportFormat:
    """One way out of Blender."""

    label: str
    suffix: str
    purpose: str
    keeps: str
    leaves: str
    exporter: str = ""  # the operator class of Blender's that must be there, where an add-on brings it

    @property
    def description(self) -> str:
        """For tooltips."""
        return f"{self.purpose}. Keeps {self.keeps}. Leaves out {self.leaves}"


GLB = ExportFormat(
    "GLB",
    ".glb",
    "For the web, Godot, Unity and Unreal",
    "mesh, skin with four influences, face shapes, textures, the action and the provenance",
    "the pose, unless it is keyed, and constraints",
    "EXPORT_SCENE_OT_gltf",
)
FBX_UNREAL = ExportFormat(
    "FBX (Unreal)",
    ".fbx",
    "For Unreal: centimetres, Z up, a bone 'root' on the floor, the Mannequin's names, no leaf bones",
    "mesh, skin, face shapes, textures, the action and the provenance",
    "the pose, unless it is keyed, and the Mannequin's extra spine and IK bones, which `doppel export` adds to a GLB",
    "EXPORT_SCENE_OT_fbx",
)
FBX_UNITY = ExportFormat(
    "FBX (Unity)",
    ".fbx",
    "For Unity: metres, Y up, no turned or scaled objects, Humanoid's names, no leaf bones",
    "mesh, skin, face shapes, textures, the action and the provenance",
    "the pose, unless it is keyed",
    "EXPORT_SCENE_OT_fbx",
)
USD = ExportFormat(
    "USD",
    ".usdc",
    "For film and Omniverse: metres, Y up",
    "mesh, skin, face shapes, the pose or the action, and textures beside the file or inside a .usdz",
    "constraints",
)
VRM = ExportFormat(
    "VRM 1.0",
    ".vrm",
    "For VR and streaming: T-pose, humanoid, expressions, look-at and a licence",
    "mesh, skin with four influences, face shapes, textures and provenance",
    "animation",
    "EXPORT_SCENE_OT_gltf",
)
BVH = ExportFormat(
    "BVH",
    ".bvh",
    "For motion alone: centimetres, Y up, the frames of the scene",
    "the movement of the bones, constraints included",
    "the mesh and everything on it",
)
