"""Job ids and job states."""

from __future__ import annotations

import re
import uuid

from .errors import DoppelError

QUEUED, LOADING, RUNNING, SAVING = "queued", "loading", "running", "saving"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"

STATES = (QUEUED, LOADING, RUNNING, SAVING, DONE, FAILED, CANCELLED)
ACTIVE = frozenset((LOADING, RUNNING, SAVING))
TERMINAL = frozenset((DONE, FAILED, CANCELLED))

# Lower case and eight characters at the least: a job's folder bears its name, on file systems that ignore case and
# on Windows, where short names such as "nul" are devices.
_JOB_ID = re.compile(r"[0-9a-z][0-9a-z-]{7,63}")


def new_job_id() -> str:
    """A fresh id for a job. The client chooses it, so that a request sent twice is run once."""
    return uuid.uuid4().hex


def is_job_id(value: object) -> bool:
    """Whether `value`, of whatever type, is a usable job id."""
    return isinstance(value, str) and _JOB_ID.fullmatch(value) is not None


def check_job_id(value: object) -> str:
    """Return `value` when it is a usable job id.

    Raises:
        DoppelError: ``job_id_invalid``.
    """
    if is_job_id(value):
        return str(value)
    raise DoppelError(
        "job_id_invalid",
        "the job id must be 8 to 64 lower-case letters, digits or hyphens",
        "make ids with new_job_id()",
    )
