"""What the pipeline computes on, looked at without taking any of its memory, and giving that back."""

from __future__ import annotations

import gc
import json
import platform
import subprocess
import sys
from typing import Any

import psutil

from ..protocol.errors import DoppelError

_CHILD_SECONDS = 120.0


def choose_device(name: str = "auto") -> tuple[str, int]:
    """(kind, index) of the device that `name` selects.

    Imports torch, which takes seconds the first time, and takes no memory of the device.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        DoppelError: ``device_missing`` when torch cannot use that device.
    """
    import torch

    kind = name.partition(":")[0]
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    index = int(name.partition(":")[2] or 0)
    missing = (kind == "cuda" and torch.cuda.device_count() <= index) or (
        kind == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise _missing(f"PyTorch {torch.__version__} cannot use the device '{name}'")
    return kind, index


def describe_device(name: str = "auto") -> dict[str, Any]:
    """``{"kind", "name", "free_memory", "total_memory"}`` of the device that `name` selects; memory in bytes.

    To ask CUDA how much is free takes a context, some hundred MiB of the card. Before this process has one for its
    models, a short-lived other process asks, so that an idle worker leaves the card to Blender.

    Raises:
        DoppelError: ``device_missing`` when torch cannot use that device.
    """
    import torch

    kind, index = choose_device(name)
    if kind == "cuda":
        return _describe_cuda(index) if torch.cuda.is_initialized() else _ask_another_process(index)
    memory = psutil.virtual_memory()
    label = platform.processor() or platform.machine()
    return {"kind": kind, "name": label, "free_memory": int(memory.available), "total_memory": int(memory.total)}


def release_memory() -> None:
    """Collect garbage and hand cached GPU memory back to the system."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _describe_cuda(index: int) -> dict[str, Any]:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    name = torch.cuda.get_device_name(index)
    return {"kind": "cuda", "name": name, "free_memory": int(free), "total_memory": int(total)}


def _ask_another_process(index: int) -> dict[str, Any]:
    code = f"import json; from {__name__} import _describe_cuda; print(json.dumps(_describe_cuda({index})))"
    try:
        asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=_CHILD_SECONDS)
        described = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise _missing(f"the CUDA device {index} does not answer") from None
    assert isinstance(described, dict)
    return described


def _missing(what: str) -> DoppelError:
    return DoppelError(
        "device_missing",
        what,
        "update the graphics driver, install the environment for this card, or choose the device 'cpu'",
    )
