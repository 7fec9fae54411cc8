"""VRM 1.0 files, held against the fields and values that its specification requires."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_character import character
from test_expressions import body_morphs
from test_gltf import validate

from rigging.body_model import BodyModel
from rigging.character import RiggedCharacter
from rigging.expressions import VRM_PRESETS
from rigging.glb import GlbReader, pack
from rigging.gltf import glb_of
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals
from rigging.skeletons import convert, skeleton
from rigging.vrm import REQUIRED_BONES, VrmError, VrmMeta, vrm_of

META = VrmMeta(name="Ada", authors=("A. Author",))
ALL_BONES = set(skeleton("vrm").from_smplx.values())
NUMBER = (int, float)

# What the JSON schemas of VRMC_vrm 1.0 require: field -> (type or allowed values, whether it must be there).
META_SCHEMA: dict[str, tuple[Any, bool]] = {
    "name": (str, True),
    "version": (str, False),
    "authors": (list, True),
    "copyrightInformation": (str, False),
    "contactInformation": (str, False),
    "references": (list, False),
    "thirdPartyLicenses": (str, False),
    "thumbnailImage": (int, False),
    "licenseUrl": (str, True),
    "avatarPermission": (("onlyAuthor", "onlySeparatelyLicensedPerson", "everyone"), False),
    "allowExcessivelyViolentUsage": (bool, False),
    "allowExcessivelySexualUsage": (bool, False),
    "commercialUsage": (("personalNonProfit", "personalProfit", "corporation"), False),
    "allowPoliticalOrReligiousUsage": (bool, False),
    "allowAntisocialOrHateUsage": (bool, False),
    "creditNotation": (("required", "unnecessary"), False),
    "allowRedistribution": (bool, False),
    "modification": (("prohibited", "allowModification", "allowModificationRedistribution"), False),
    "otherLicenseUrl": (str, False),
}
EXPRESSION_SCHEMA: dict[str, tuple[Any, bool]] = {
    "morphTargetBinds": (list, False),
    "isBinary": (bool, False),
    "overrideBlink": (("none", "block", "blend"), False),
    "overrideLookAt": (("none", "block", "blend"), False),
    "overrideMouth": (("none", "block", "blend"), False),
}
PRESETS = {*VRM_PRESETS, "neutral"}


def conforms(value: dict[str, Any], schema: dict[str, tuple[Any, bool]]) -> None:
    assert set(value) <= set(schema), set(value) - set(schema)
    for name, (kind, required) in schema.items():
        assert name in value or not required, name
        if name in value:
            assert (
                value[name] in kind
                if isinstance(kind, tuple) and isinstance(kind[0], str)
                else isinstance(value[name], kind)
            ), name


def check(path: Path) -> dict[str, Any]:
    """The VRM extension of a file, after every rule of the specification that can be told from the file alone."""
    reader = GlbReader(path.read_bytes())
    document = reader.document
    assert "VRMC_vrm" in document["extensionsUsed"] and "animations" not in document
    vrm = document["extensions"]["VRMC_vrm"]
    assert vrm["specVersion"] == "1.0"
    assert set(vrm) <= {"specVersion", "meta", "humanoid", "firstPerson", "expressions", "lookAt"}
    conforms(vrm["meta"], META_SCHEMA)
    assert vrm["meta"]["authors"] and vrm["meta"]["licenseUrl"] == "https://vrm.dev/licenses/1.0/"
    bones = {name: entry["node"] for name, entry in vrm["humanoid"]["humanBones"].items()}
    assert set(REQUIRED_BONES) <= set(bones) <= ALL_BONES and len(set(bones.values())) == len(bones)
    parent = {child: node for node, entry in enumerate(document["nodes"]) for child in entry.get("children", ())}
    for bone in skeleton("vrm").bones[2:]:  # below the hips: each bone's ancestors begin with its nearest human one
        if bone.name in bones:
            above, ancestors = bones[bone.name], []
            while above in parent:
                above = parent[above]
                ancestors.append(above)
            human = next(node for node in ancestors if node in bones.values())
            assert human == bones[bone.parent], bone.name
    targets = {}
    for annotation in vrm["firstPerson"]["meshAnnotations"]:
        assert set(annotation) == {"node", "type"} and annotation["type"] == "auto"
        mesh = document["meshes"][document["nodes"][annotation["node"]]["mesh"]]
        assert all("TANGENT" not in primitive["attributes"] for primitive in mesh["primitives"])
        targets[annotation["node"]] = len(mesh["primitives"][0].get("targets", ()))
    assert set(vrm["expressions"]["preset"]) <= PRESETS and not set(vrm["expressions"]["custom"]) & PRESETS
    for group in ("preset", "custom"):
        for expression in vrm["expressions"][group].values():
            conforms(expression, EXPRESSION_SCHEMA)
            for bind in expression["morphTargetBinds"]:
                assert set(bind) == {"node", "index", "weight"}
                assert 0 <= bind["index"] < targets[bind["node"]] and 0.0 <= bind["weight"] <= 1.0
    look = vrm["lookAt"]
    assert look["type"] in ("bone", "expression") and len(look["offsetFromHeadBone"]) == 3
    for name in ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp"):
        assert set(look[f"rangeMap{name}"]) == {"inputMaxValue", "outputScale"}
        assert all(isinstance(value, NUMBER) for value in look[f"rangeMap{name}"].values())
    json.dumps(vrm, allow_nan=False)
    return vrm


def whole_body() -> RiggedCharacter:
    """The open body itself: every face shape, and eyes that turn."""
    model = BodyModel.load()
    vertices, joints = model.shaped(np.zeros(10))
    return character(
        vertices=vertices,
        faces=model.faces,
        uvs=np.zeros((len(vertices), 2)),
        normals=vertex_normals(vertices, model.faces),
        weights=model.weights,
        joints=joints,
        morphs=body_morphs(),
    )


def painted_eyes() -> RiggedCharacter:
    """A character whose eyes are painted on: no vertex follows their bones."""
    weights = character().weights.copy()
    eyes = [JOINT_INDEX[f"{side}_eye_smplhf"] for side in ("left", "right")]
    weights[:, JOINT_INDEX["head"]] += weights[:, eyes].sum(axis=1)
    weights[:, eyes] = 0.0
    return character(weights=weights)


def glb(made: RiggedCharacter, target: str = "vrm") -> bytes:
    return glb_of(made, pose=False, rig=convert(made, skeleton(target)), tangents=False).to_bytes()


@pytest.mark.parametrize("target", ["vrm", "smplx", "unity", "mixamo", "unreal", "rigify"])
def test_any_skeleton_makes_a_vrm(target: str, tmp_path: Path) -> None:
    (tmp_path / "a.vrm").write_bytes(vrm_of(glb(character(), target), META, skeleton(target).from_smplx))
    vrm = check(tmp_path / "a.vrm")
    (report,) = validate(tmp_path / "a.vrm").values()
    assert report["issues"]["numErrors"] == 0, report["issues"]["messages"]
    warnings = [issue["code"] for issue in report["issues"]["messages"] if issue["severity"] == 1]
    # VRM wants tangents to be computed by the reader, of which the validator warns
    assert set(warnings) <= {"MESH_PRIMITIVE_GENERATED_TANGENT_SPACE"}
    assert vrm["meta"]["name"] == "Ada" and len(vrm["humanoid"]["humanBones"]) >= 52
    eyes = np.mean([character().joints[JOINT_INDEX[f"{side}_eye_smplhf"]] for side in ("left", "right")], axis=0)
    if target in ("vrm", "smplx", "unity"):  # these have eyes, and no turned axes
        expected = eyes - character().joints[JOINT_INDEX["head"]]
        np.testing.assert_allclose(vrm["lookAt"]["offsetFromHeadBone"], expected, atol=1e-5)


def test_expressions_bind_the_arkit_shapes(tmp_path: Path) -> None:
    made = whole_body()
    (tmp_path / "a.vrm").write_bytes(vrm_of(glb(made), META, skeleton("vrm").from_smplx))
    vrm = check(tmp_path / "a.vrm")
    names = list(made.morphs)
    assert set(vrm["expressions"]["preset"]) == set(VRM_PRESETS)
    for preset, recipe in VRM_PRESETS.items():
        binds = vrm["expressions"]["preset"][preset]["morphTargetBinds"]
        assert {names[bind["index"]]: bind["weight"] for bind in binds} == dict(recipe)
    assert set(vrm["expressions"]["custom"]) == set(names)
    assert vrm["lookAt"]["type"] == "bone" and vrm["lookAt"]["rangeMapVerticalUp"]["outputScale"] == 10.0


def test_painted_eyes_look_by_expression(tmp_path: Path) -> None:
    (tmp_path / "a.vrm").write_bytes(vrm_of(glb(painted_eyes()), META, skeleton("vrm").from_smplx))
    assert check(tmp_path / "a.vrm")["lookAt"]["type"] == "expression"


def test_meta_is_checked() -> None:
    with pytest.raises(VrmError, match="at least one author"):
        VrmMeta(name="Ada", authors=("  ",))
    with pytest.raises(VrmError, match="needs a name"):
        VrmMeta.from_dict({"authors": ["A"]})
    with pytest.raises(VrmError, match="commercialUsage must be one of personalNonProfit"):
        VrmMeta.from_dict({"name": "Ada", "authors": ["A"], "commercialUsage": "yes"})
    with pytest.raises(VrmError, match="no field 'licence'"):
        VrmMeta.from_dict({"name": "Ada", "authors": ["A"], "licence": "CC0"})
    for name, value in (("authors", "A"), ("allowRedistribution", "yes"), ("name", 3), ("references", [1])):
        with pytest.raises(VrmError, match=f"{name} must be"):
            VrmMeta.from_dict({"name": "Ada", "authors": ["A"], name: value})
    made = VrmMeta.from_dict({"name": "Ada", "authors": ["A"], "modification": "allowModification"})
    assert made.to_dict()["modification"] == "allowModification" and "version" not in made.to_dict()


def test_files_that_are_no_humanoid_are_refused() -> None:
    bones = skeleton("vrm").from_smplx
    with pytest.raises(VrmError, match="needs the bone hips"):
        vrm_of(glb(character(), "mixamo"), META, bones)
    with pytest.raises(VrmError, match="needs the bone leftHand"):
        vrm_of(glb(character()), META, {joint: bone for joint, bone in bones.items() if joint != "left_wrist"})
    reader = GlbReader(glb(character()))
    reader.document["nodes"][3]["name"] = "hips"
    with pytest.raises(VrmError, match="2 nodes are called hips"):
        vrm_of(pack(reader.document, reader.binary), META, bones)
    reader = GlbReader(glb(character()))
    del reader.document["nodes"][-1]["skin"]
    with pytest.raises(VrmError, match="no mesh that is bound"):
        vrm_of(pack(reader.document, reader.binary), META, bones)
