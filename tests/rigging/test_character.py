"""The character and its file: checked, exact, whole or absent, and never code."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from clothed_person import a_posed, png, suit

from rigging import atomic
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import CharacterError, RiggedCharacter, pack_weights, unpack_weights
from rigging.joints import JOINT_NAMES, PARENTS
from rigging.normals import vertex_normals


def fields(**changes: object) -> dict:
    body, garment = a_posed(), suit(0.01, 2000)
    smile = np.zeros_like(garment.rest)
    smile[5:9, 2] = 0.01
    values = {
        "vertices": garment.rest,
        "faces": garment.faces,
        "uvs": np.random.default_rng(0).random((len(garment.rest), 2)),
        "normals": vertex_normals(garment.rest, garment.faces),
        "weights": garment.weights,
        "joints": body.posed.rest_joints,
        "texture_png": png(200, 30, 30),
        "normal_png": png(128, 128, 255),
        "params": BodyParameters.a_pose().with_joint("head", [0.0, 0.3, 0.0]),
        "provenance": {"prompt": "a woman in a red dress, Größe 38", "seed": 3, "stages": {"lift": 1.5}},
        "morphs": {"mouthSmile": smile, "nothing": np.zeros_like(smile)},
    }
    return values | changes


def character(**changes: object) -> RiggedCharacter:
    return RiggedCharacter(**fields(**changes))


def assert_same(a: RiggedCharacter, b: RiggedCharacter) -> None:
    for name in ("vertices", "faces", "uvs", "normals", "joints", "parents"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype
    np.testing.assert_allclose(a.weights, b.weights, atol=2e-7)
    assert (a.joint_names, a.texture_png, a.normal_png) == (b.joint_names, b.texture_png, b.normal_png)
    assert a.params.to_dict() == b.params.to_dict() and a.provenance == b.provenance
    assert list(a.morphs) == list(b.morphs)
    for name in a.morphs:
        np.testing.assert_array_equal(a.morphs[name], b.morphs[name])


def test_file_keeps_everything(tmp_path: Path) -> None:
    made = character()
    made.save_npz(tmp_path / "a.npz")
    assert_same(made, RiggedCharacter.load_npz(tmp_path / "a.npz"))
    bare = character(normal_png=None, morphs={}, provenance={})
    bare.save_npz(tmp_path / "b.npz")
    assert_same(bare, RiggedCharacter.load_npz(tmp_path / "b.npz"))
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "b.npz"]


def test_same_character_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        character().save_npz(tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_numpy_alone_can_read_it(tmp_path: Path) -> None:
    made = character()
    made.save_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["vertices"], made.vertices)


def test_posed_is_the_pose_at_generation() -> None:
    made, garment = character(params=BodyParameters.a_pose()), suit(0.01, 2000)
    np.testing.assert_allclose(made.posed(), garment.vertices, atol=2e-6)


def test_posed_follows_the_body_model() -> None:
    made, garment = character(), suit(0.01, 2000)
    params = BodyParameters(transl=np.array([0.1, 0.2, 0.3])).with_joint("left_elbow", [0.0, -1.0, 0.0])
    expected = a_posed().moved(params, garment.rest, garment.weights)
    np.testing.assert_allclose(made.posed(params), expected, atol=2e-6)
    np.testing.assert_allclose(made.joint_transforms(params), BodyModel.load().pose(params).transforms, atol=1e-6)


def test_morphs_move_the_rest_pose() -> None:
    made = character()
    moved = made.posed(BodyParameters(), {"mouthSmile": 0.5}) - made.posed(BodyParameters())
    np.testing.assert_allclose(moved, 0.5 * made.morphs["mouthSmile"], atol=1e-6)
    with pytest.raises(CharacterError, match="no morph 'frown'; it has: mouthSmile, nothing"):
        made.posed(morphs={"frown": 1.0})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("vertices", np.zeros((0, 3)), "1 to"),
        ("uvs", np.zeros((5, 2)), "uvs must have the shape"),
        ("normals", np.ones((1002, 3)), "unit length|shape"),
        ("weights", lambda f: f["weights"] * 2.0, "sum to one"),
        ("weights", lambda f: f["weights"] - 0.1, "nonnegative"),
        ("faces", np.array([[0, 1, 10**6]]), "do not exist"),
        ("faces", np.array([[0.0, 1.0, 2.0]]), "integers"),
        ("parents", np.roll(PARENTS, 1), "one tree"),
        ("joint_names", JOINT_NAMES[:-1] + ("pelvis",), "different joint names"),
        ("texture_png", b"\xff\xd8\xff", "texture is not a PNG"),
        ("normal_png", b"", "normal map is not a PNG"),
        ("provenance", {"x": np.float32(1.0)}, "provenance cannot be written as JSON"),
        ("provenance", {"x": float("nan")}, "provenance cannot be written as JSON"),
        ("morphs", {"smile": np.zeros((3, 3))}, "morph 'smile'"),
        ("joints", np.full((55, 3), np.inf), "not finite"),
    ],
)
def test_inconsistent_characters_are_refused(name: str, value: object, message: str) -> None:
    values = fields()
    with pytest.raises(CharacterError, match=message):
        RiggedCharacter(**(values | {name: value(values) if callable(value) else value}))


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    character().save_npz(good)
    data = good.read_bytes()
    for broken in (b"", b"PK\x03\x04", data[: len(data) // 2], b"no zip at all"):
        bad.write_bytes(broken)
        with pytest.raises(CharacterError, match="not a readable character file"):
            RiggedCharacter.load_npz(bad)
    np.savez(bad, vertices=np.zeros((3, 3)))
    with pytest.raises(CharacterError, match="header"):
        RiggedCharacter.load_npz(bad)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    bad.write_bytes(flipped)
    with pytest.raises(CharacterError):
        RiggedCharacter.load_npz(bad)
    with pytest.raises(FileNotFoundError):
        RiggedCharacter.load_npz(tmp_path / "missing.npz")


def test_another_version_is_named(tmp_path: Path) -> None:
    character().save_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    header = arrays["header"].tobytes()
    at = header.rindex(b'"version": 1')  # the parameters have a version of their own before it
    arrays["header"] = np.frombuffer(header[:at] + b'"version": 9' + header[at + 12 :], np.uint8)
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(CharacterError, match="version 9; this release reads up to 2"):
        RiggedCharacter.load_npz(tmp_path / "b.npz")


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    character().save_npz(tmp_path / "a.npz")
    fired = tmp_path / "fired"
    with np.load(tmp_path / "a.npz") as archive:
        arrays = dict(archive)
    arrays["vertices"] = np.array([Bomb(fired)], dtype=object)
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(CharacterError):
        RiggedCharacter.load_npz(tmp_path / "b.npz")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("header.npy", pickle.dumps(Bomb(fired)))
    with pytest.raises(CharacterError):
        RiggedCharacter.load_npz(tmp_path / "c.npz")
    assert not fired.exists()


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    character().save_npz(path)
    before = path.read_bytes()

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        character(provenance={"other": True}).save_npz(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.npz"]


def test_pack_weights_round_trip() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(6, 0.3), size=40)
    weights[0] = [0, 0, 0, 0, 0, 1]
    joints, values = pack_weights(weights, 8)
    np.testing.assert_allclose(unpack_weights(joints, values, 6), weights, atol=1e-6)
    joints, values = pack_weights(weights, 2)
    np.testing.assert_allclose(values.sum(axis=1), 1.0)
    assert (joints[:, 0] == weights.argmax(axis=1)).all()
