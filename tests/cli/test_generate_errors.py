"""Bad input ends in one line and status 2, before any work, with nothing under the final names."""

from pathlib import Path

import pytest

from backend.cli import main
from backend.pipelines.weights import DEFAULT_FOLDER


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["   "], "empty"),
        (["x" * 1001], "1001 characters"),
        (["a man", "--seed", "-1"], "seed"),
        (["a man", "--steps", "0"], "steps"),
        (["a man", "--guidance-scale", "nan"], "guidance"),
        (["a man", "--hypotheses", "99"], "hypotheses"),
        (["a man", "--pose", "left_elbo=0,0,1"], "left_elbo"),
        (["a man", "--pose", "left_elbow=0,zero,1"], "JOINT=X,Y,Z"),
        (["a man", "--pose", "left_elbow=nan,0,0"], "left_elbow"),
        (["a man", "--pose", "left_elbow=9,0,0"], "left_elbow"),
        (["a man", "--body", "no-such-file.json"], "no-such-file.json"),
        (["a man", "--body-model", "no-such-body.npz"], "no-such-body.npz"),
        (["a man", "--weights", "no-such-folder"], "no-such-folder"),
        (["a man", "--back-image", "no-such-back.jpg"], "back photo"),
    ],
)
def test_one_line_and_status_2(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["generate", *arguments, "--out", str(out), "--quiet"]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and error.startswith("doppel: error: ") and "\n" not in error
    assert not out.exists() or not list(out.iterdir())


def test_body_file_that_is_no_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text, says in (("{", "cannot be read"), ('{"betas": [1, 2]}', "betas"), ('{"betas": "x"}', "betas")):
        path = tmp_path / "body.json"
        path.write_text(text)
        assert main(["generate", "a man", "--body", str(path), "--out", str(tmp_path / "out"), "--quiet"]) == 2
        assert says in capsys.readouterr().err


def test_damaged_weights_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "weights"
    for path in DEFAULT_FOLDER.rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(DEFAULT_FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    damaged = folder / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(bytes(data))
    assert main(["generate", "a man", "--weights", str(folder), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "vae/diffusion_pytorch_model.safetensors is damaged" in capsys.readouterr().err


def test_output_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert main(["generate", "a man", "--out", str(blocked / "out"), "--quiet"]) == 2
    assert "cannot write into" in capsys.readouterr().err
