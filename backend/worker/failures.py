"""Turn whatever a pipeline raised into the one line that its user should read."""

from __future__ import annotations

import errno
from pathlib import Path

from ..protocol.errors import DoppelError
from ..protocol.request import GenerateRequest

_MEMORY_PHRASES = ("out of memory", "can't allocate memory", "cublas_status_alloc_failed", "cannot allocate memory")


def explain(error: BaseException, request: GenerateRequest | None, stage: str, log_path: Path) -> DoppelError:
    """The error to report for `error`, raised in `stage` of a job; the full story belongs in the log at `log_path`."""
    if isinstance(error, DoppelError):
        return error
    if is_out_of_memory(error):
        return DoppelError("out_of_memory", f"there was not enough memory for the stage '{stage}'", _lighter(request))
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


def _lighter(request: GenerateRequest | None) -> str:
    advice = []
    if request is not None and request.hypotheses > 1:
        advice.append(f"ask for fewer hypotheses than {request.hypotheses}")
    if request is not None and request.texture_size > 512:
        advice.append(f"set the texture below {request.texture_size}")
    advice.append("close other programs that use the GPU, or run the worker with --device cpu")
    return ", ".join(advice)
