"""Averages of model folders."""

import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from backend.pipelines.weights import read_index

TOOL = Path(__file__).parents[2] / "tools" / "average_weights.py"
FILE = "diffusion_pytorch_model.safetensors"


def folder(path: Path, value: float, width: int = 3) -> Path:
    for part in ("unet", "vae"):
        (path / part).mkdir(parents=True)
        save_file({"weight": torch.full((width,), value, dtype=torch.float16)}, path / part / FILE)
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_named_parts_are_averaged_and_the_rest_is_the_newer_ones(tmp_path: Path) -> None:
    older, newer, out = folder(tmp_path / "a", 1.0), folder(tmp_path / "b", 2.0), tmp_path / "between"
    assert run(older, newer, 0.25, out, "unet").returncode == 0
    unet, vae = (load_file(out / part / FILE)["weight"] for part in ("unet", "vae"))
    assert unet.dtype == torch.float16 and unet.tolist() == [1.25] * 3 and vae.tolist() == [2.0] * 3
    assert f"unet/{FILE}" in read_index(out)["files"]


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    failed = run(folder(tmp_path / "a", 1.0, 4), folder(tmp_path / "b", 2.0), 0.5, tmp_path / "out", "unet")
    assert failed.returncode != 0 and "not of the same shape" in failed.stderr
