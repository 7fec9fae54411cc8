"""`doppel export`: what it writes, and what it refuses before writing anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.cli import EXIT_ERROR, main
from rigging.character import RiggedCharacter
from rigging.glb import GlbReader
from rigging.gltf import read_glb
from rigging.motion.pose_file import load_pose, save_pose
from rigging.skeletons import SKELETONS

sys.path.insert(0, str(Path(__file__).parents[1] / "rigging"))
from test_character import character  # noqa: E402


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("avatar")
    character(provenance={"request": {"prompt": "a woman in a red dress"}}).save_npz(folder / "avatar.npz")
    return folder


def document(path: Path) -> dict:
    return GlbReader(path.read_bytes()).document


def test_glb_on_a_skeleton(avatar: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.glb"
    assert main(["export", str(avatar), "--skeleton", "mixamo", "--out", str(out)]) == 0
    made = document(out)
    assert made["nodes"][0]["name"] == "mixamorig:Hips" and made["nodes"][-1]["name"] == "a woman in a red dress"
    assert "left out: jaw, left_eye_smplhf, right_eye_smplhf" in capsys.readouterr().out
    assert main(["export", str(avatar / "avatar.npz"), "--posed", "--out", str(tmp_path / "b.glb")]) == 0
    posed, rest = document(tmp_path / "b.glb"), document(out)
    assert any("rotation" in node for node in posed["nodes"])  # SMPL-X's bones are turned by a pose alone
    assert len(posed["nodes"]) == 56 and len(rest["nodes"]) == 66


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_poses_leave_and_come_back(avatar: Path, tmp_path: Path, suffix: str) -> None:
    pose, out = tmp_path / f"pose{suffix}", tmp_path / "posed.glb"
    assert main(["export", str(avatar), "--out", str(pose)]) == 0
    params = RiggedCharacter.load_npz(avatar / "avatar.npz").params
    np.testing.assert_allclose(load_pose(pose).full_pose, params.full_pose)
    np.testing.assert_allclose(load_pose(pose).betas, params.betas)
    bent = params.with_joint("left_elbow", (0.0, -1.0, 0.0))
    save_pose(pose, bent)
    assert main(["export", str(avatar), "--pose", str(pose), "--out", str(out)]) == 0
    np.testing.assert_allclose(read_glb(out).params.full_pose, bent.full_pose, atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [({"body_pose": np.zeros((1, 32))}, "VPoser"), ({"left_hand_pose": np.zeros((1, 12))}, "PCA")],
)
def test_codes_are_no_poses(avatar: Path, tmp_path: Path, arrays, words: str, capsys) -> None:  # type: ignore[no-untyped-def]
    np.savez(tmp_path / "pose.npz", **arrays)
    commands = [
        ["export", str(avatar), "--pose", str(tmp_path / "pose.npz"), "--out", str(tmp_path / "a.glb")],
        ["generate", "a man", "--body", str(tmp_path / "pose.npz"), "--out", str(tmp_path / "out"), "--quiet"],
    ]
    for command in commands:
        assert main(command) == EXIT_ERROR
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and words in error
    assert not (tmp_path / "a.glb").exists()


def test_vrm(avatar: Path, tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"commercialUsage": "corporation", "version": "2"}))
    arguments = ["--author", "A", "--author", "B", "--vrm-meta", str(tmp_path / "meta.json"), "--name", "Ada"]
    assert main(["export", str(avatar), "--out", str(tmp_path / "a.vrm"), *arguments]) == 0
    meta = document(tmp_path / "a.vrm")["extensions"]["VRMC_vrm"]["meta"]
    assert (meta["name"], meta["authors"], meta["commercialUsage"]) == ("Ada", ["A", "B"], "corporation")
    assert meta["avatarPermission"] == "onlyAuthor"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--out", "a.glb"], "there is no nowhere"),
        (["{avatar}", "--out", "a.obj"], "does not end in .glb or .vrm"),
        (["{avatar}", "--out", "a.usdc"], "USD is written by Blender"),
        (["{avatar}", "--out", "a.glb", "--format", "usd"], "USD is written by Blender"),
        (["{avatar}", "--out", "a.vrm"], "add --author NAME"),
        (["{avatar}", "--out", "a.vrm", "--author", " "], "at least one author"),
        (["{avatar}", "--out", "a.vrm", "--author", "A", "--posed"], "stands in its T-pose"),
        (["{avatar}", "--out", "a.glb", "--author", "A"], "only VRM files carry authors"),
        (["{avatar}", "--out", "nowhere/a.glb"], "there is no folder nowhere"),
        (["{avatar}", "--out", "a.vrm", "--vrm-meta", "bad.json"], "cannot be read as JSON"),
        (["bad.json", "--out", "a.glb"], "not a readable character file"),
    ],
)
def test_refusals(
    arguments: list[str],
    message: str,
    avatar: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    assert main(["export", *(argument.format(avatar=avatar) for argument in arguments)]) == EXIT_ERROR
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_every_skeleton_can_be_asked_for() -> None:
    from backend.commands.export import _SKELETONS

    assert set(_SKELETONS) == set(SKELETONS)
