"""Turn whatever a pipeline raised into the one line that its user should read."""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..protocol.errors import DoppelError
from ..protocol.request import TEXTURE_RANGE, GenerateRequest

_MEMORY_PHRASES = ("out of memory", "can't allocate memory", "cublas_status_alloc_failed", "cannot allocate memory")
_WANTED = re.compile(r"tried to allocate ([\d.]+) ?(bytes|[KMGT]iB|[KMGT]B)", re.IGNORECASE)
_GIB = 1024**3


def explain(error: BaseException, stage: str, log_path: Path) -> DoppelError:
    """The error to report for `error`, raised in `stage` of a job; the full story belongs in the log at `log_path`."""
    if isinstance(error, DoppelError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DoppelError("disk_full", "the disk is full, the avatar could not be saved", "free some space and retry")
    if isinstance(error, ModuleNotFoundError):
        return DoppelError(
            "environment_incomplete",
            f"the worker's Python lacks the package '{error.name}'",
            "install the worker's environment again; `doppel doctor` checks it",
        )
    if isinstance(error, ValueError) and type(error).__module__.startswith("rigging."):
        return DoppelError("request_refused", " ".join(str(error).split())[:500])
    return DoppelError(
        "internal", f"the worker met an unexpected error in the stage '{stage}'", f"the details are in {log_path}"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's, torch's and the CUDA libraries' ways to say so, without importing torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, (RuntimeError, OSError)) and any(phrase in text for phrase in _MEMORY_PHRASES)


def lighter(request: GenerateRequest) -> GenerateRequest | None:
    """`request` with half the hypotheses and half the texture's side, or None when both are at their least.

    Hypothesis `i` is a function of (request, seed, i): those that are still made are the first of those asked for.
    """
    hypotheses, texture = max(request.hypotheses // 2, 1), max(request.texture_size // 2, TEXTURE_RANGE[0])
    smaller = dataclasses.replace(request, hypotheses=hypotheses, texture_size=texture)
    return None if smaller == request else smaller


def out_of_memory(
    error: BaseException, stage: str, tried: Sequence[GenerateRequest], device: dict[str, Any] | None
) -> DoppelError:
    """What to tell of a job that the memory did not suffice for, with the numbers there are.

    Args:
        error: what was raised last.
        stage: where.
        tried: the settings of each try, the last one last; may be empty.
        device: as :func:`backend.worker.device.describe_device` saw it when the memory was short.
    """
    numbers = []
    wanted = _WANTED.search(str(error))
    if wanted is not None:
        numbers.append(f"{wanted[1]} {wanted[2]} more were wanted")
    if device is not None:
        free, total = device["free_memory"] / _GIB, device["total_memory"] / _GIB
        numbers.append(f"{free:.1f} of {total:.1f} GiB are free on {device['name']}")
    if tried:
        settings = (f"{_variants(request)} at {request.texture_size} pixels" for request in tried)
        numbers.append(f"tried with {', then '.join(settings)}")
    message = f"there was not enough memory for the stage '{stage}'" + (f": {'; '.join(numbers)}" if numbers else "")
    return DoppelError("out_of_memory", message, _advice(tried[-1] if tried else None))


def _advice(request: GenerateRequest | None) -> str:
    advice = []
    if request is not None and request.hypotheses > 1:
        advice.append(f"ask for fewer variants than {request.hypotheses}")
    if request is not None and request.texture_size > 512:
        advice.append(f"set the texture below {request.texture_size}")
    advice.append("close other programs that use the GPU, or run the worker on the CPU")
    return ", ".join(advice)


def _variants(request: GenerateRequest) -> str:
    return "1 variant" if request.hypotheses == 1 else f"{request.hypotheses} variants"
