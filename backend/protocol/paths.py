"""Where an installation keeps its state, and the names in that folder which both sides use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CLIENT_KEY = Path("keys") / "client.json"
"""The client's CURVE key pair, in the state folder."""

WORKER_INFO = Path("worker.json")
"""The running worker's address (the same object as its ready line), in the state folder."""

RESULTS = Path("jobs")
"""Finished jobs, ``<job>/<hypothesis>/<file>``, in the state folder."""

LOG_FILE = Path("logs") / "worker.log"
"""The worker's log, in the state folder."""


def default_state_dir() -> Path:
    """The user's own folder for keys, jobs and logs; `DOPPEL_STATE` overrides it. Nothing is created."""
    override = os.environ.get("DOPPEL_STATE")
    if override:
        return Path(override).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Doppel"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "Doppel"
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state") / "doppel"


def default_cache_dir() -> Path:
    """The user's own folder for what can be fetched again. Nothing is created."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Doppel" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "Doppel"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "doppel"
