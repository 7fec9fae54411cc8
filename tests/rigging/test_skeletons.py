"""Other programs' skeletons: complete maps, one skin, and the same surface in any pose."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from test_character import character
from test_gltf import posed_by_nodes, validate

from rigging.character import RiggedCharacter
from rigging.glb import GlbError, GlbReader
from rigging.gltf import read_glb, write_glb
from rigging.joints import JOINT_NAMES, mirror_name
from rigging.skeletons import SKELETONS, Rig, SkeletonError, convert, skeleton
from rigging.skeletons.conversion import oriented
from rigging.skeletons.definition import Bone, Frame, Place, Skeleton, read_table

ALL = sorted(SKELETONS)
FACE = {"jaw", "left_eye_smplhf", "right_eye_smplhf"}


@pytest.fixture(scope="module")
def made() -> RiggedCharacter:
    return character(
        params=character().params.with_joint("left_elbow", [0.2, -0.9, 0.3]).with_joint("spine2", [0.3, 0.2, 0.1])
    )


def axis(rig: Rig, bone: str, letter: str) -> np.ndarray:
    return rig.axes[rig.names.index(bone), :, "XYZ".index(letter)]


@pytest.mark.parametrize("name", ALL)
def test_maps_go_both_ways(name: str) -> None:
    made = skeleton(name)
    assert set(JOINT_NAMES) - set(made.from_smplx) <= FACE
    assert {bone: joint for joint, bone in made.from_smplx.items()} == made.to_smplx
    assert len({bone.name for bone in made.bones}) == len(made.bones)
    for joint in FACE - set(made.from_smplx):
        assert made.keeper(joint) == made.from_smplx["head"]


@pytest.mark.parametrize("name", ALL)
def test_sides_mirror(name: str) -> None:
    """A slip between left and right in a table would not show in any other test."""
    made = skeleton(name)
    words = (("Left", "Right"), ("left", "right"), ("_l", "_r"), (".L", ".R"))
    for joint, bone in made.from_smplx.items():
        other = made.from_smplx[mirror_name(joint)]
        if joint.startswith("left_"):
            assert other in {bone.replace(left, right) for left, right in words} - {bone}
        elif not joint.startswith("right_"):
            assert other == bone


@pytest.mark.parametrize("name", ALL)
def test_the_surface_is_the_same_in_a_pose(name: str, made: RiggedCharacter, tmp_path: Path) -> None:
    rig = convert(made, skeleton(name))
    np.testing.assert_allclose(rig.weights.sum(axis=1), 1.0, atol=1e-5)
    assert rig.weights.min() >= -1e-7
    np.testing.assert_allclose(
        np.swapaxes(rig.axes, 1, 2) @ rig.axes, np.tile(np.eye(3), (len(rig.axes), 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(rig.axes), 1.0)
    offsets, turns = rig.local(posed=True)
    world = np.zeros((len(offsets), 4, 4))
    for bone, parent in enumerate(rig.parents):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turns[bone], offsets[bone]
        world[bone] = local if parent < 0 else world[parent] @ local
    transforms = np.einsum("vb,bij->vij", rig.weights.astype(np.float64), world @ rig.inverse_bind())
    points = np.einsum("vij,vj->vi", transforms[:, :3, :3], made.vertices) + transforms[:, :3, 3]
    np.testing.assert_allclose(points, made.posed(), atol=1e-5)


def test_files_with_other_skeletons(made: RiggedCharacter, tmp_path: Path) -> None:
    for name in ALL:
        rig = convert(made, skeleton(name))
        write_glb(tmp_path / f"{name}.glb", made, rig=rig)
        write_glb(tmp_path / f"{name}-rest.glb", made, pose=False, rig=rig)
        np.testing.assert_allclose(posed_by_nodes(tmp_path / f"{name}-rest.glb"), made.vertices, atol=1e-5)
        assert np.percentile(np.abs(posed_by_nodes(tmp_path / f"{name}.glb") - made.posed()), 99) < 0.005
        document = GlbReader((tmp_path / f"{name}.glb").read_bytes()).document
        assert document["asset"]["extras"]["doppel"]["skeleton"] == name
        assert len(document["skins"][0]["joints"]) == len(rig.names)
    for report in validate(*tmp_path.glob("*.glb")).values():
        assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]
    assert read_glb(tmp_path / "smplx.glb").joint_names == JOINT_NAMES
    with pytest.raises(GlbError, match="the mixamo skeleton; read the character from its avatar.npz"):
        read_glb(tmp_path / "mixamo.glb")


def test_mixamo_bones_run_along_y(made: RiggedCharacter) -> None:
    rig = convert(made, skeleton("mixamo"))
    assert len(rig.names) == 65 and all(name.startswith("mixamorig:") for name in rig.names)
    for bone, child in (("LeftArm", "LeftForeArm"), ("RightUpLeg", "RightLeg"), ("Spine1", "Spine2")):
        way = rig.heads[rig.names.index(f"mixamorig:{child}")] - rig.heads[rig.names.index(f"mixamorig:{bone}")]
        np.testing.assert_allclose(axis(rig, f"mixamorig:{bone}", "Y"), way / np.linalg.norm(way), atol=1e-6)
    assert axis(rig, "mixamorig:LeftArm", "Z")[1] < -0.99  # palms down
    assert axis(rig, "mixamorig:LeftUpLeg", "Z")[2] > 0.95
    top = rig.heads[rig.names.index("mixamorig:HeadTop_End")]
    assert abs(top[1] - made.vertices[:, 1].max()) < 0.08


def test_unreal_has_its_root_on_the_floor_and_splits_the_spine(made: RiggedCharacter) -> None:
    rig = convert(made, skeleton("unreal"))
    assert rig.names[:2] == ("root", "pelvis") and rig.parents[1] == 0
    np.testing.assert_allclose(rig.heads[0], [0.0, made.vertices[:, 1].min(), 0.0])
    assert axis(rig, "lowerarm_l", "X")[0] > 0.99 and axis(rig, "lowerarm_r", "X")[0] > 0.99
    assert axis(rig, "thigh_l", "X")[1] > 0.9 and axis(rig, "thigh_r", "X")[1] < -0.9
    spine1 = made.weights[:, JOINT_NAMES.index("spine1")]
    lower, upper = (rig.weights[:, rig.names.index(name)] for name in ("spine_01", "spine_02"))
    np.testing.assert_allclose(lower + upper, spine1, atol=1e-6)
    assert lower.sum() > 0 and upper.sum() > 0
    heights = made.vertices[:, 1]
    assert np.average(heights, weights=upper) > np.average(heights, weights=lower)
    for helper in ("root", "ik_foot_l", "ik_hand_gun"):
        assert not rig.weights[:, rig.names.index(helper)].any()


def test_a_bone_along_its_second_direction_is_still_a_basis() -> None:
    basis = oriented(Frame("+Y", "+Z", "forward"), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    assert np.linalg.det(basis) == pytest.approx(1.0)


def test_tables_with_slips_are_refused() -> None:
    hips = Bone("hips", None, "pelvis")
    for bones in (
        (hips, Bone("hips", "hips", "spine1")),
        (hips, Bone("spine", "chest", "spine1")),
        (hips, Bone("other", None, "spine1")),
        (hips, Bone("spine", "hips", "spine9")),
        (hips, Bone("spine", "hips", "pelvis")),
        (hips, Bone("spine", "hips", None, Place("pelvis", "nowhere", 0.5))),
    ):
        with pytest.raises(ValueError, match="broken:"):
            Skeleton("broken", "Broken", bones)
    with pytest.raises(ValueError, match="unknown regions"):
        Skeleton("broken", "Broken", (hips,), {"tail": Frame("+Y", "+Z", "up")})
    left, right = read_table("arm.* - *shoulder", ("L", "R"))
    assert (left, right) == (Bone("arm.L", None, "left_shoulder"), Bone("arm.R", None, "right_shoulder"))


def test_unknown_skeletons_and_foreign_characters_are_refused(made: RiggedCharacter) -> None:
    with pytest.raises(SkeletonError, match="no skeleton 'maya'; choose one of smplx, mixamo"):
        skeleton("maya")
    renamed = dataclasses.replace(made, joint_names=tuple(f"bone{index}" for index in range(55)))
    with pytest.raises(ValueError, match="SMPL-X's 55 joints"):
        convert(renamed, skeleton("mixamo"))
