"""`doppel retarget`: a clip on a character's file, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from backend.cli import main
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.glb import GlbReader
from rigging.gltf import write_glb
from rigging.normals import vertex_normals

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare body as a character, as `.npz` and `.glb`."""
    model = BodyModel.load()
    body = model.pose()
    made = RiggedCharacter(
        vertices=body.rest_vertices,
        faces=model.faces,
        uvs=np.zeros((len(body.rest_vertices), 2)),
        normals=vertex_normals(body.rest_vertices, model.faces),
        weights=model.weights / model.weights.sum(axis=1, keepdims=True),
        joints=body.rest_joints,
        texture_png=PNG,
        params=BodyParameters.a_pose(),
    )
    folder = tmp_path_factory.mktemp("avatar")
    made.save_npz(folder / "avatar.npz")
    write_glb(folder / "avatar.glb", made)
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    poses = np.zeros((20, 165))
    poses[:, 3 * 18 + 1] = np.linspace(0.0, -1.0, 20)
    np.savez(tmp_path / "bend.npz", poses=poses, trans=np.zeros((20, 3)), mocap_frame_rate=20.0)
    return tmp_path / "bend.npz"


@pytest.mark.parametrize("source", ["avatar.npz", "avatar.glb", ""])
def test_a_clip_becomes_an_animation(avatar: Path, clip: Path, tmp_path: Path, source: str, capsys) -> None:
    out = tmp_path / "new" / "bend.glb"
    assert main(["retarget", str(avatar / source), str(clip), "--out", str(out), "--start", "0.25"]) == 0
    (animation,) = GlbReader(out.read_bytes()).document["animations"]
    assert animation["name"] == "bend"
    assert "15 frames, 20 a second; standing feet slide 0.0 cm" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["bend.glb"]


def test_a_motion_alone_is_a_clip_again(avatar: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.npz"
    assert main(["retarget", str(avatar), str(clip), "--out", str(out)]) == 0
    with np.load(out) as first, np.load(clip) as source:
        np.testing.assert_allclose(first["poses"], source["poses"], atol=1e-6)
        assert first["mocap_frame_rate"] == 20.0
    assert main(["retarget", str(avatar), str(out), "--out", str(tmp_path / "again.glb")]) == 0


def test_bad_input_is_one_line_and_leaves_nothing(avatar: Path, clip: Path, tmp_path: Path, capsys) -> None:
    codes, gone, strange = tmp_path / "codes.npz", tmp_path / "gone.bvh", tmp_path / "strange.bvh"
    np.savez(codes, poses=np.zeros((5, 32)), mocap_frame_rate=30.0)
    joint = "ROOT tail\n{\nOFFSET 0 0 0\nCHANNELS 3 Xrotation Yrotation Zrotation\n}\n"
    strange.write_text(f"HIERARCHY\n{joint}MOTION\nFrames: 1\nFrame Time: 0.1\n0 0 0\n")
    out = tmp_path / "out.glb"
    for arguments, words in (
        ([avatar, codes, "--out", out], "VPoser codes"),
        ([avatar, gone, "--out", out], "gone.bvh"),
        ([avatar, strange, "--out", out], "no known rig"),
        ([avatar, clip, "--out", tmp_path / "out.fbx"], "neither .glb nor .npz"),
        ([avatar, clip, "--out", out, "--start", "9"], "lasts 0.95 seconds"),
        ([avatar, clip, "--out", out, "--fps", "0"], "--fps"),
        ([tmp_path / "no.npz", clip, "--out", out], "no.npz"),
        ([tmp_path / "no.glb", clip, "--out", out], "no.glb"),
        ([codes, clip, "--out", out], "codes.npz"),
        ([avatar, clip, "--out", clip / "below.glb"], "cannot write"),
    ):
        assert main(["retarget", *map(str, arguments)]) == 2, words
        error = capsys.readouterr().err
        assert error.startswith("doppel: error: ") and error.count("\n") == 1 and words in error
        assert not out.exists()
