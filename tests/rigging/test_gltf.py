"""GLB files: right by Khronos' validator, exact on the way back, and showing the pose at generation."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from test_character import character

from rigging.body_parameters import BodyParameters
from rigging.character import CharacterError, RiggedCharacter
from rigging.glb import GlbError, GlbReader, GlbWriter
from rigging.gltf import exact_influences, read_glb, write_glb
from rigging.lbs import skin

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture(scope="module")
def made() -> RiggedCharacter:
    return character(params=BodyParameters.a_pose().with_joint("pelvis", [0.1, 0.4, 0.0]))


def validate(*paths: Path) -> dict[str, dict]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (TOOLS / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("gltf-validator is not installed: run `npm ci` in tests/tools")
    command = [node, str(TOOLS / "validate_glb.mjs"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def test_validator_finds_nothing(made: RiggedCharacter, tmp_path: Path) -> None:
    bare = character(normal_png=None, morphs={}, provenance={})
    write_glb(tmp_path / "posed.glb", made)
    write_glb(tmp_path / "rest.glb", made, pose=False)
    write_glb(tmp_path / "bare.glb", bare, name="Ünïcode \U0001f600")
    for report in validate(*tmp_path.glob("*.glb")).values():
        issues = report["issues"]
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]
        assert report["info"]["hasSkins"] and report["info"]["hasTextures"] and report["info"]["maxInfluences"] == 4


def test_validator_can_complain(made: RiggedCharacter, tmp_path: Path) -> None:
    """The check above is worth something only if broken files fail it."""
    broken = character()
    broken.normals[0] = [2.0, 0.0, 0.0]
    writer = GlbWriter()
    writer.document |= {"asset": {"version": "2.0"}, "meshes": [{"primitives": [{"attributes": {}}]}]}
    writer.accessor(broken.normals)
    writer.save(tmp_path / "broken.glb")
    (report,) = validate(tmp_path / "broken.glb").values()
    assert report["issues"]["numErrors"] > 0


def test_round_trip(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", made)
    back = read_glb(tmp_path / "a.glb")
    for name in ("vertices", "faces", "joints", "parents"):
        np.testing.assert_array_equal(getattr(back, name), getattr(made, name))
    np.testing.assert_allclose(back.uvs, made.uvs, atol=1e-7)
    np.testing.assert_allclose(back.normals, made.normals, atol=1e-6)
    assert back.joint_names == made.joint_names
    assert (back.texture_png, back.normal_png) == (made.texture_png, made.normal_png)
    assert back.params.to_dict() == made.params.to_dict() and back.provenance == made.provenance
    assert list(back.morphs) == list(made.morphs)
    for name, delta in made.morphs.items():
        np.testing.assert_array_equal(back.morphs[name], delta)
    np.testing.assert_allclose(back.posed(), made.posed(), atol=0.01)


def test_weights_are_exact(made: RiggedCharacter) -> None:
    joints, weights = exact_influences(made.weights)
    assert joints.dtype == np.uint8 and weights.dtype == np.float32
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        total = np.zeros(len(weights), np.float32)
        for slot in order:
            total = total + weights[:, slot]
        assert (total == np.float32(1.0)).all()
    assert not joints[weights == 0.0].any() and (weights >= 0.0).all()
    used = [row[w > 0] for row, w in zip(joints, weights, strict=True)]
    assert all(len(set(row)) == len(row) for row in used)
    many = np.full((3, 300), 1.0 / 300)
    assert exact_influences(many)[0].dtype == np.uint16


def posed_by_nodes(path: Path) -> np.ndarray:
    """What any glTF viewer shows: node transforms times inverse bind matrices, blended."""
    reader = GlbReader(path.read_bytes())
    nodes = reader.document["nodes"]
    (gltf_skin,) = reader.document["skins"]
    world: dict[int, np.ndarray] = {}

    def visit(index: int, parent: np.ndarray) -> None:
        node = nodes[index]
        local = np.eye(4)
        local[:3, :3] = Rotation.from_quat(node.get("rotation", [0, 0, 0, 1])).as_matrix()
        local[:3, 3] = node.get("translation", [0, 0, 0])
        world[index] = parent @ local
        for child in node.get("children", []):
            visit(child, world[index])

    for root in reader.document["scenes"][0]["nodes"]:
        visit(root, np.eye(4))
    inverse_bind = reader.array(gltf_skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    transforms = np.stack([world[joint] for joint in gltf_skin["joints"]]) @ inverse_bind
    attributes = reader.document["meshes"][0]["primitives"][0]["attributes"]
    weights = np.zeros((reader.document["accessors"][attributes["POSITION"]]["count"], len(transforms)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, reader.array(attributes["JOINTS_0"])), reader.array(attributes["WEIGHTS_0"]))
    return skin(reader.array(attributes["POSITION"]).astype(np.float64), weights, transforms)


def test_viewers_show_the_pose_at_generation(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "posed.glb", made)
    write_glb(tmp_path / "rest.glb", made, pose=False)
    four = read_glb(tmp_path / "posed.glb")
    np.testing.assert_allclose(posed_by_nodes(tmp_path / "posed.glb"), four.posed(), atol=1e-5)
    np.testing.assert_allclose(posed_by_nodes(tmp_path / "rest.glb"), made.vertices, atol=1e-5)


def test_document(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", made, name="Ada")
    reader = GlbReader((tmp_path / "a.glb").read_bytes())
    document = reader.document
    mesh_node = document["nodes"][55]
    assert mesh_node["name"] == "Ada" and document["scenes"][0]["nodes"] == [0, 55]
    assert mesh_node["extras"] == document["asset"]["extras"]
    assert document["asset"]["extras"]["doppel"]["provenance"] == made.provenance
    assert [node["name"] for node in document["nodes"][:55]] == list(made.joint_names)
    material = document["materials"][0]
    assert material["pbrMetallicRoughness"] | {"baseColorTexture": 0} == {
        "baseColorTexture": 0,
        "metallicFactor": 0.0,
        "roughnessFactor": 0.85,
    }
    assert reader.view(document["images"][0]["bufferView"]) == made.texture_png
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    primitive = document["meshes"][0]["primitives"][0]
    positions = document["accessors"][primitive["attributes"]["POSITION"]]
    np.testing.assert_array_equal(np.float32(positions["max"]), made.vertices.max(axis=0))
    smile, nothing = (document["accessors"][target["POSITION"]] for target in primitive["targets"])
    assert smile["sparse"]["count"] == 4 and "bufferView" not in smile
    assert "sparse" not in nothing and "bufferView" not in nothing
    uvs = reader.array(primitive["attributes"]["TEXCOORD_0"])
    np.testing.assert_allclose(uvs[:, 1], 1.0 - made.uvs[:, 1], atol=1e-7)


def test_same_character_same_bytes(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", made)
    write_glb(tmp_path / "b.glb", made)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_dense_morphs_are_stored_dense() -> None:
    writer = GlbWriter()
    array = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    entry = writer.document["accessors"][writer.sparse_accessor(array)]
    assert "sparse" not in entry and "bufferView" in entry


def test_damaged_files_are_refused(made: RiggedCharacter, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.glb", tmp_path / "bad.glb"
    write_glb(good, made)
    data = good.read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    text = data[20 : 20 + size]
    cases = {
        "does not begin": b"PK\x03\x04" + data[4:],
        "cut off": data[: len(data) // 2],
        "damaged": data[:20] + b"{" * size + data[20 + size :],
        "version 1": data[:4] + struct.pack("<I", 1) + data[8:],
        "lacks a part": data[:20] + text.replace(b'"skins"', b'"skinz"') + data[20 + size :],
    }
    for message, content in cases.items():
        bad.write_bytes(content)
        with pytest.raises(GlbError, match=message):
            read_glb(bad)
    with pytest.raises(FileNotFoundError):
        read_glb(tmp_path / "missing.glb")


def test_views_outside_the_file_are_refused(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", made)
    reader = GlbReader((tmp_path / "a.glb").read_bytes())
    reader.document["bufferViews"][0]["byteOffset"] = 10**9
    with pytest.raises(GlbError, match="outside"):
        reader.array(0)
    reader.document["bufferViews"][0]["byteOffset"] = 0
    reader.document["accessors"][0]["count"] = 10**6
    with pytest.raises(GlbError, match="past the end"):
        reader.array(0)


def test_other_peoples_files_are_named_as_such(tmp_path: Path) -> None:
    writer = GlbWriter()
    writer.document |= {"asset": {"version": "2.0", "generator": "another"}}
    writer.save(tmp_path / "other.glb")
    with pytest.raises(GlbError, match="not written by this library"):
        read_glb(tmp_path / "other.glb")


def test_inconsistent_content_is_refused(made: RiggedCharacter, tmp_path: Path) -> None:
    write_glb(tmp_path / "a.glb", made)
    data = (tmp_path / "a.glb").read_bytes()
    (tmp_path / "b.glb").write_bytes(data.replace(b'"name":"left_hip"', b'"name":"head"    '))
    with pytest.raises(CharacterError, match="joint names"):
        read_glb(tmp_path / "b.glb")
