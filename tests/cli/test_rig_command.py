"""`doppel rig`: any mesh around a body, and what is refused before work starts."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_retarget_command import PNG

from backend.cli import main
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.glb import GlbWriter
from rigging.gltf import read_glb
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

PARAMS = BodyParameters.a_pose().with_joint("right_elbow", (0.0, 0.7, 0.0))


def write_mesh(path: Path, vertices: np.ndarray, faces: np.ndarray, picture: bytes | None = PNG, **node) -> None:
    """A GLB as other programs write it: no skin, nothing of ours."""
    writer = GlbWriter()
    primitive = {
        "attributes": {
            "POSITION": writer.accessor(vertices.astype(np.float32), bounds=True),
            "TEXCOORD_0": writer.accessor(np.zeros((len(vertices), 2), np.float32)),
        },
        "indices": writer.accessor(faces.astype(np.uint32).ravel()),
        "material": 0,
    }
    shading = {"baseColorTexture": {"index": 0}} if picture else {"baseColorFactor": [0.2, 0.5, 0.8, 1.0]}
    writer.document |= {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": shading}],
    }
    if picture:
        writer.document |= {
            "textures": [{"source": 0}],
            "images": [{"mimeType": "image/png", "bufferView": writer.view(picture)}],
        }
    writer.save(path)


@pytest.fixture(scope="module")
def suit() -> tuple[np.ndarray, np.ndarray]:
    """A surface 8 mm around the posed body, eyes included."""
    model = BodyModel.load()
    posed = model.pose(PARAMS).vertices
    return posed + 0.008 * vertex_normals(posed, model.faces), model.faces


@pytest.fixture
def body(tmp_path: Path) -> Path:
    (tmp_path / "body.json").write_text(json.dumps(PARAMS.to_dict()))
    return tmp_path / "body.json"


def test_a_mesh_from_elsewhere_is_rigged(suit, body: Path, tmp_path: Path, capsys) -> None:
    half_turn = [0.0, 1.0, 0.0, 0.0]  # of the node, which the vertices undo
    write_mesh(tmp_path / "suit.glb", suit[0] * [-0.5, 0.5, -0.5], suit[1], None, rotation=half_turn, scale=[2, 2, 2])
    out = tmp_path / "out"
    assert main(["rig", str(tmp_path / "suit.glb"), "--body", str(body), "--out", str(out), "--rest", "a"]) == 0
    assert "rest pose a; 100% near the body" in capsys.readouterr().out
    character, shown = RiggedCharacter.load_npz(out / "avatar.npz"), read_glb(out / "avatar.glb")
    assert character.rest_pose.any() and shown.rest_pose.any()
    np.testing.assert_allclose(character.posed(), suit[0], atol=2e-3)
    assert character.weights[:, JOINT_INDEX["jaw"]].max() > 0.5
    for name in ("left", "right"):
        eye = JOINT_INDEX[f"{name}_eye_smplhf"]
        ball = BodyModel.load().weights[:, eye] > 0.5
        assert character.weights[ball, eye].min() == 1.0, "eyeballs are pieces of their own and turn"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v * 100.0, "scale it by 0.01"),
        (lambda v: v[:, [0, 2, 1]] * [1, -1, 1], "lies on its back"),
        (lambda v: v + [3.0, 0.0, 0.0], "within 5 cm of the body.*move it"),
    ],
)
def test_a_mesh_that_is_not_where_the_body_is(suit, body: Path, tmp_path: Path, capsys, change, words) -> None:
    write_mesh(tmp_path / "suit.glb", change(suit[0]), suit[1])
    assert main(["rig", str(tmp_path / "suit.glb"), "--body", str(body), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and re.search(words, error), error
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_mesh(suit, tmp_path: Path, capsys) -> None:
    (tmp_path / "text.glb").write_text("no mesh")
    write_mesh(tmp_path / "broken.glb", *suit, b"\x00not a picture")
    for name, words in (
        ("gone.glb", "cannot read"),
        ("text.glb", "not a GLB"),
        ("broken.glb", "texture"),
    ):
        assert main(["rig", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and words in error
    assert not (tmp_path / "out").exists()
