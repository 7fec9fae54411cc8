# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the avatars of a worker on another machine: the rest of the extension finds them on this one's disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.jobs import is_job_id
from .inbox import WorkerEvent

Fetch = Callable[[str, list[dict[str, Any]], Path], None]


class Mirror:
    """`folder/<job>/<hypothesis>/...`: what the worker lists, fetched one job at a time, newest first.

    A folder is whole when it is there. What the worker has removed is removed here, too. A copy that is interrupted
    goes on by itself when the client is connected again.

    Args:
        folder: where the copies lie; made when the first is fetched.
        fetch: :meth:`WorkerClient.download`.
    """

    def __init__(self, folder: Path, fetch: Fetch) -> None:
        self.folder = folder
        self._fetch = fetch
        self._wanted: list[tuple[str, list[dict[str, Any]]]] = []
        self._fetching = ""

    def take(self, event: WorkerEvent) -> bool:
        """Take in one event; returns whether the copies are other ones than before."""
        if event.kind == "results" and isinstance(event.fields.get("jobs"), list):
            return self._compare(event.fields["jobs"], complete=event.fields.get("before") is None)
        if event.kind == "delete" and is_job_id(event.job):
            return self._remove(event.job)
        if event.kind in ("downloaded", "failed") and event.job == self._fetching != "":
            self._fetching = ""
            self._fetch_next()
            return event.kind == "downloaded"
        return False

    def _compare(self, entries: list[Any], complete: bool) -> bool:
        listed = {
            entry["job"]: entry.get("avatars")
            for entry in entries
            if isinstance(entry, dict) and is_job_id(entry.get("job"))
        }
        here = {path.name for path in self.folder.iterdir() if is_job_id(path.name)} if self.folder.is_dir() else set()
        gone = here - listed.keys() if complete else set()
        for job in gone:
            self._remove(job)
        self._wanted = [
            (job, avatars)
            for job, avatars in listed.items()
            if job not in here and job != self._fetching and isinstance(avatars, list)
        ]
        if not self._fetching:
            self._fetch_next()
        return bool(gone)

    def _fetch_next(self) -> None:
        while self._wanted and not self._fetching:
            job, avatars = self._wanted.pop(0)
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._fetch(job, avatars, self.folder / job)
                self._fetching = job
            except (DoppelError, OSError):
                continue  # its list cannot be used, or the disk cannot: the next `results` tries again

    def _remove(self, job: str) -> bool:
        folder = self.folder / job
        self._wanted = [wanted for wanted in self._wanted if wanted[0] != job]
        if not folder.is_dir():
            return False
        aside = folder.with_name(f".{job}.removed")  # so that what is left of it after a crash is not taken for a copy
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        return True
