"""How fast the preview body follows a slider in Blender, beside calling `smplx` for each step."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rigging.body_model import OPEN_BODY_PATH
from rigging.body_parameters import BodyParameters
from rigging.lbs import rodrigues

from ..protocol.errors import DoppelError
from .import_speed import BLENDER, ROOT


def preview_rows(python: Path = BLENDER, steps: int = 60) -> list[tuple[str, float]]:
    """Seconds of one thread's time for a slider's step, medians of `steps`: in Blender, from the property to the moved
    mesh, where there is a Blender; and by a call of `smplx`, where that is installed.

    Raises:
        DoppelError: ``blender_failed``.
    """
    return [*_in_blender(python, steps), *_by_smplx(steps)]


def _in_blender(python: Path, steps: int) -> list[tuple[str, float]]:
    if not python.is_file():
        return []
    command = [str(python), str(ROOT / "tools" / "time_preview.py"), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise DoppelError("blender_failed", f"Blender failed: {done.stderr.strip().splitlines()[-1]}", str(python))
    taken = json.loads(done.stdout.strip().splitlines()[-1])
    return [(f"live body in Blender, a step of its {what} (CPU time)", taken[what] / 1000) for what in taken]


def _by_smplx(steps: int) -> list[tuple[str, float]]:
    try:
        from smplx import SMPLXLayer
    except ImportError:
        return []
    with contextlib.redirect_stdout(io.StringIO()):  # it remarks on the number of coefficients
        layer = SMPLXLayer(str(OPEN_BODY_PATH), num_betas=10, num_expression_coeffs=10)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return [(f"a step of its {what} by smplx (CPU time)", _median(layer, what, steps)) for what in _STEPS]
    finally:
        torch.set_num_threads(threads)


_STEPS = {
    "shape": lambda step: BodyParameters.a_pose(np.full(10, 0.01 * step)),
    "pose": lambda step: BodyParameters.a_pose().with_joint("left_elbow", (0.0, -0.01 * step, 0.0)),
}


def _median(layer: Any, what: str, steps: int) -> float:
    taken = []
    for step in range(steps):
        arguments = _arguments(_STEPS[what](step))
        started = time.thread_time()
        layer(**arguments)
        taken.append(time.thread_time() - started)
    return statistics.median(taken)


def _arguments(parameters: BodyParameters) -> dict[str, torch.Tensor]:
    """What SMPLXLayer's forward takes: a batch of one, rotations as matrices."""
    names = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
    arguments = {name: torch.tensor(rodrigues(getattr(parameters, name)), dtype=torch.float32)[None] for name in names}
    for name in ("betas", "expression", "transl"):
        arguments[name] = torch.tensor(getattr(parameters, name), dtype=torch.float32)[None]
    return arguments
