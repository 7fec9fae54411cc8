"""Result folders: written aside, put in place by one rename, listed and read back in pieces."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from ..protocol.errors import DoppelError
from ..protocol.jobs import check_job_id
from .keys import make_private_dir

CHUNK_BYTES = 4 * 1024 * 1024

_RENAME_TRIES = 10


class ResultFolders:
    """`root/jobs/<id>/<hypothesis>/...`; a folder under `jobs` is complete, because it was renamed into place."""

    def __init__(self, root: Path) -> None:
        self._jobs = root / "jobs"
        self._staging = root / "staging"
        shutil.rmtree(self._staging, ignore_errors=True)
        make_private_dir(self._jobs)
        make_private_dir(self._staging)

    def stage(self, job_id: str) -> Path:
        """An empty folder to write a job's files into."""
        folder = self._staging / check_job_id(job_id)
        shutil.rmtree(folder, ignore_errors=True)
        make_private_dir(folder)
        return folder

    def commit(self, job_id: str) -> dict[str, Any]:
        """Flush the staged files to disk, rename their folder into place and describe it as :meth:`find` does."""
        staged, final = self._staging / check_job_id(job_id), self._jobs / job_id
        for path in _files(staged):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        shutil.rmtree(final, ignore_errors=True)
        _rename(staged, final)
        found = self.find(job_id)
        assert found is not None
        return found

    def discard(self, job_id: str) -> None:
        """Remove what was staged for a job."""
        shutil.rmtree(self._staging / check_job_id(job_id), ignore_errors=True)

    def remove(self, job_id: str) -> None:
        """Remove a job's finished folder."""
        shutil.rmtree(self._jobs / check_job_id(job_id), ignore_errors=True)

    def find(self, job_id: str) -> dict[str, Any] | None:
        """The finished folder of a job, ``{"folder": absolute path, "avatars": [{"folder": "0", "files": {name:
        bytes, ...}}, ...]}``, or None when there is none.
        """
        folder = self._jobs / check_job_id(job_id)
        if not folder.is_dir():
            return None
        avatars = [
            {
                "folder": path.name,
                "files": {file.relative_to(path).as_posix(): file.stat().st_size for file in _files(path)},
            }
            for path in sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name))
            if path.is_dir()
        ]
        return {"folder": str(folder), "avatars": avatars}

    def read(self, job_id: str, name: str, offset: int) -> tuple[bytes, int]:
        """Up to `CHUNK_BYTES` of the result file `name` (``hypothesis/file``) from `offset`, and the file's size.

        Raises:
            DoppelError: ``file_unknown`` for anything but a listed file.
        """
        found = self.find(job_id)
        for avatar in found["avatars"] if found else []:
            folder, _, file = name.partition("/")
            if avatar["folder"] == folder and file in avatar["files"]:
                with (self._jobs / job_id / folder / file).open("rb") as stream:
                    stream.seek(offset)
                    return stream.read(CHUNK_BYTES), int(avatar["files"][file])
        raise DoppelError("file_unknown", "the job has no such result file", "ask for the job's results first")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _rename(source: Path, target: Path) -> None:
    # Windows refuses while a virus scanner still reads a fresh file.
    for attempt in range(_RENAME_TRIES):
        try:
            os.rename(source, target)
            return
        except PermissionError:
            if attempt == _RENAME_TRIES - 1:
                raise
            time.sleep(0.2)
