"""VRM 1.0: a GLB of a humanoid, with what a VR or streaming program must know of it.

Source: the VRM Consortium's specification `VRMC_vrm-1.0`. VRM wants the T-pose facing +Z in metres, the nodes of the
humanoid told by their role, and a licence. The writer works on any GLB of one character, ours or that of Blender's
exporter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expressions import VRM_PRESETS, usable
from .glb import GlbReader, pack
from .joints import JOINT_NAMES
from .skeletons import vrm as humanoid

EXTENSION = "VRMC_vrm"
LICENSE_URL = "https://vrm.dev/licenses/1.0/"
REQUIRED_BONES = ("hips", "spine", "head") + tuple(
    side + part
    for side in ("left", "right")
    for part in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
)
"""The humanoid bones without which a file is no VRM."""

_CHOICES = {
    "avatarPermission": ("onlyAuthor", "onlySeparatelyLicensedPerson", "everyone"),
    "commercialUsage": ("personalNonProfit", "personalProfit", "corporation"),
    "creditNotation": ("required", "unnecessary"),
    "modification": ("prohibited", "allowModification", "allowModificationRedistribution"),
}
_LOOK_INPUT = 30.0  # degrees off the head's axis at which the eyes are turned fully
_LOOK_DEGREES = {"HorizontalInner": 21.0, "HorizontalOuter": 20.0, "VerticalDown": 17.0, "VerticalUp": 10.0}
# ^ how far they turn then: as the shapes eyeLookIn, Out, Down and Up turn them
_EMOTIONS = ("happy", "angry", "sad", "relaxed", "surprised")


class VrmError(ValueError):
    """A VRM cannot be written; the message is one line for the user."""


@dataclass(frozen=True)
class VrmMeta:
    """Who made an avatar and what others may do with it. Defaults are VRM's own, the strictest.

    Field names are VRM's. Construction checks them and raises `VrmError`.
    """

    name: str
    authors: tuple[str, ...]
    version: str = ""
    copyrightInformation: str = ""
    contactInformation: str = ""
    references: tuple[str, ...] = ()
    thirdPartyLicenses: str = ""
    licenseUrl: str = LICENSE_URL
    avatarPermission: str = "onlyAuthor"
    allowExcessivelyViolentUsage: bool = False
    allowExcessivelySexualUsage: bool = False
    commercialUsage: str = "personalNonProfit"
    allowPoliticalOrReligiousUsage: bool = False
    allowAntisocialOrHateUsage: bool = False
    creditNotation: str = "required"
    allowRedistribution: bool = False
    modification: str = "prohibited"
    otherLicenseUrl: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, value := tuple(value))
            kind = {"tuple[str, ...]": tuple, "bool": bool}.get(str(field.type), str)
            texts = value if isinstance(value, tuple) else ()
            if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
                wanted = {tuple: "a list of texts", bool: "true or false", str: "a text"}[kind]
                raise VrmError(f"VRM's {field.name} must be {wanted}, not {value!r}.")
        if not self.name.strip():
            raise VrmError("A VRM needs a name.")
        if not any(author.strip() for author in self.authors):
            raise VrmError("A VRM needs the name of at least one author: it carries a licence.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise VrmError(f"VRM's {name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}.")

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> VrmMeta:
        """From JSON.

        Raises:
            VrmError: a field is missing, unknown or wrong.
        """
        unknown = sorted(set(document) - {field.name for field in fields(cls)})
        if unknown:
            raise VrmError(f"VRM's meta has no field {unknown[0]!r}.")
        return cls(**{"name": "", "authors": (), **document})

    def to_dict(self) -> dict[str, Any]:
        """VRM's meta: everything but texts and lists that are empty."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in ("", ())
        }


def vrm_of(glb: bytes, meta: VrmMeta, bones: Mapping[str, str]) -> bytes:
    """A VRM from the GLB of one character in its T-pose.

    Args:
        glb: the file; it has one skin, its meshes' morph targets have names in ``extras.targetNames``.
        meta: name, authors and licence.
        bones: SMPL-X joint -> name of the node that is it, as `Skeleton.from_smplx` has it.

    Raises:
        VrmError: a bone that VRM needs is missing, or two nodes have the name of one.
        GlbError: this is not a GLB.
    """
    reader = GlbReader(glb)
    document = reader.document
    nodes = _human_nodes(document, bones)
    skinned = [index for index, node in enumerate(document["nodes"]) if "mesh" in node and "skin" in node]
    if not skinned:
        raise VrmError("This GLB has no mesh that is bound to a skeleton.")
    eyes_turn = _has_skin(reader, skinned, {nodes[eye] for eye in ("leftEye", "rightEye") if eye in nodes})
    document.pop("animations", None)  # VRM has none
    for mesh in document["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["attributes"].pop("TANGENT", None)  # every reader computes them alike
    document["extensionsUsed"] = sorted({*document.get("extensionsUsed", ()), EXTENSION})
    document.setdefault("extensions", {})[EXTENSION] = {
        "specVersion": "1.0",
        "meta": meta.to_dict(),
        "humanoid": {"humanBones": {bone: {"node": node} for bone, node in nodes.items()}},
        "firstPerson": {"meshAnnotations": [{"node": node, "type": "auto"} for node in skinned]},
        "expressions": _expressions(document, skinned),
        "lookAt": _look_at(reader, skinned[0], nodes, eyes_turn),
    }
    return pack(document, reader.binary)


def _human_nodes(document: dict[str, Any], bones: Mapping[str, str]) -> dict[str, int]:
    """VRM bone -> node, in SMPL-X's order, for the bones that the file has."""
    places: dict[str, list[int]] = {}
    for index, node in enumerate(document.get("nodes", ())):
        places.setdefault(node.get("name", ""), []).append(index)
    role = humanoid.SKELETON.from_smplx
    found: dict[str, int] = {}
    for joint in JOINT_NAMES:
        at = places.get(bones.get(joint, ""), [])
        if len(at) > 1:
            raise VrmError(f"{len(at)} nodes are called {bones[joint]}; a VRM's bones need names of their own.")
        if at:
            found[role[joint]] = at[0]
    missing = [bone for bone in REQUIRED_BONES if bone not in found]
    if missing:
        raise VrmError(f"A VRM needs the bone {missing[0]}, which this skeleton does not have.")
    return found


def _has_skin(reader: GlbReader, skinned: list[int], nodes: set[int]) -> bool:
    """Whether any vertex follows one of these nodes."""
    document = reader.document
    for index in skinned:
        node = document["nodes"][index]
        wanted = [slot for slot, joint in enumerate(document["skins"][node["skin"]]["joints"]) if joint in nodes]
        for primitive in document["meshes"][node["mesh"]]["primitives"]:
            attributes = primitive["attributes"]
            joints, weights = reader.array(attributes["JOINTS_0"]), reader.array(attributes["WEIGHTS_0"])
            if np.any(weights[np.isin(joints, wanted)]):
                return True
    return False


def _expressions(document: dict[str, Any], skinned: list[int]) -> dict[str, Any]:
    """VRM's presets from recipes of ARKit shapes, and every shape by its own name beside them."""
    targets: dict[str, list[dict[str, Any]]] = {}
    for node in skinned:
        mesh = document["meshes"][document["nodes"][node]["mesh"]]
        for index, name in enumerate(mesh.get("extras", {}).get("targetNames", ())):
            targets.setdefault(name, []).append({"node": node, "index": index})
    presets: dict[str, Any] = {}
    for name, recipe in VRM_PRESETS.items():
        parts = usable(recipe, targets)
        if parts is None:
            continue
        presets[name] = {
            "morphTargetBinds": [
                {**bind, "weight": strength} for shape, strength in parts.items() for bind in targets[shape]
            ],
            "isBinary": False,
            # what an emotion does to mouth and lids must not be added to speaking and blinking
            **({"overrideMouth": "blend", "overrideBlink": "blend"} if name in _EMOTIONS else {}),
        }
    custom = {
        name: {"morphTargetBinds": [{**bind, "weight": 1.0} for bind in binds], "isBinary": False}
        for name, binds in targets.items()
        if name not in VRM_PRESETS
    }
    return {"preset": presets, "custom": custom}


def _look_at(reader: GlbReader, skinned: int, nodes: dict[str, int], eyes_turn: bool) -> dict[str, Any]:
    document = reader.document
    joints = document["skins"][document["nodes"][skinned]["skin"]]["joints"]
    inverse = reader.array(document["skins"][document["nodes"][skinned]["skin"]]["inverseBindMatrices"])

    def rest(bone: str) -> NDArray[np.float64]:
        return np.linalg.inv(inverse[joints.index(nodes[bone])].astype(np.float64).reshape(4, 4).T)

    offset = np.array([0.0, 0.06, 0.0])
    if "leftEye" in nodes and "rightEye" in nodes:
        between = 0.5 * (rest("leftEye") + rest("rightEye"))[:3, 3]
        head = rest("head")
        offset = head[:3, :3].T @ (between - head[:3, 3])
    return {
        "offsetFromHeadBone": [round(float(value), 6) for value in offset],
        "type": "bone" if eyes_turn else "expression",
        **{
            f"rangeMap{way}": {"inputMaxValue": _LOOK_INPUT, "outputScale": degrees if eyes_turn else 1.0}
            for way, degrees in _LOOK_DEGREES.items()
        },
    }
