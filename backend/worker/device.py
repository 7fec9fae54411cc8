"""What the pipeline computes on, and giving its memory back."""

from __future__ import annotations

import gc
import platform
import sys
from typing import Any

import psutil

from ..protocol.errors import DoppelError


def describe_device(name: str = "auto") -> dict[str, Any]:
    """``{"kind", "name", "free_memory", "total_memory"}`` of the device that `name` selects; memory in bytes.

    Imports torch, which takes seconds the first time.

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
        raise DoppelError(
            "device_missing",
            f"PyTorch {torch.__version__} cannot use the device '{name}'",
            "update the graphics driver, install the environment for this card, or choose the device 'cpu'",
        )
    if kind == "cuda":
        free, total = torch.cuda.mem_get_info(index)
        return {
            "kind": kind,
            "name": torch.cuda.get_device_name(index),
            "free_memory": int(free),
            "total_memory": int(total),
        }
    memory = psutil.virtual_memory()
    label = platform.processor() or platform.machine()
    return {"kind": kind, "name": label, "free_memory": int(memory.available), "total_memory": int(memory.total)}


def release_memory() -> None:
    """Collect garbage and hand cached GPU memory back to the system."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
