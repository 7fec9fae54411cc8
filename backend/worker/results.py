"""Result folders: written aside, put in place by one rename, listed and read back in pieces, removed by one rename."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from rigging.atomic import write_bytes

from ..protocol.errors import DoppelError
from ..protocol.jobs import check_job_id, is_job_id
from ..protocol.messages import ANSWER_FRAMES
from ..protocol.paths import RESULTS
from .keys import make_private_dir

CHUNK_BYTES = ANSWER_FRAMES["results"]
RECORD = "job.json"

_BACK = ".back"  # after the job's id, in the name of a kept photo from behind
_RENAME_TRIES = 10


class ResultFolders:
    """`root/jobs/<id>/<hypothesis>/...`; a folder under `jobs` is complete, because it was renamed into place.

    Beside the hypotheses lies `job.json`, the job's record: with it the job list can be made again from the folders.
    """

    def __init__(self, root: Path) -> None:
        self._jobs = root / RESULTS
        self._staging = root / "staging"
        self._photos = root / "photos"
        shutil.rmtree(self._staging, ignore_errors=True)
        make_private_dir(self._jobs)
        make_private_dir(self._staging)
        make_private_dir(self._photos)

    def stage(self, job_id: str) -> Path:
        """An empty folder to write a job's files into."""
        folder = self._staging / check_job_id(job_id)
        shutil.rmtree(folder, ignore_errors=True)
        make_private_dir(folder)
        return folder

    def commit(self, job_id: str, record: dict[str, Any]) -> dict[str, Any]:
        """Flush the staged files to disk, rename their folder into place and describe it as :meth:`find` does.

        Args:
            job_id: the job.
            record: what is to be known of the job besides its files; JSON-able.
        """
        staged, final = self._staging / check_job_id(job_id), self._jobs / job_id
        (staged / RECORD).write_text(json.dumps(record), encoding="utf-8")
        for path in _files(staged):
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        for folder in (*(path for path in staged.rglob("*") if path.is_dir()), staged):
            _flush_folder(folder)
        self.remove(job_id)
        _rename(staged, final)
        _flush_folder(self._jobs)
        found = self.find(job_id)
        assert found is not None
        return found

    def keep_photos(self, job_id: str, photo: bytes, back_photo: bytes | None = None) -> None:
        """Keep the photos that a job works from until :meth:`drop_photos`, across a crash, too."""
        write_bytes(self.photo(job_id), photo)
        if back_photo is not None:
            write_bytes(self.back_photo(job_id), back_photo)

    def photo(self, job_id: str) -> Path:
        """The kept photo's path."""
        return self._photos / check_job_id(job_id)

    def back_photo(self, job_id: str) -> Path:
        """The path of the kept photo from behind."""
        return self._photos / (check_job_id(job_id) + _BACK)

    def drop_photos(self, job_id: str) -> None:
        """Remove the photos of a job that is over."""
        for path in (self.photo(job_id), self.back_photo(job_id)):
            path.unlink(missing_ok=True)

    def photo_ids(self) -> set[str]:
        """Jobs that photos are kept for."""
        kept = (path.name for path in self._photos.iterdir() if path.is_file() and not path.name.startswith("."))
        return {name.removesuffix(_BACK) for name in kept}

    def discard(self, job_id: str) -> None:
        """Remove what was staged for a job."""
        shutil.rmtree(self._staging / check_job_id(job_id), ignore_errors=True)

    def remove(self, job_id: str) -> None:
        """Remove a job's finished folder: whole, even when this process is killed meanwhile."""
        folder, aside = self._jobs / check_job_id(job_id), self._staging / f"{job_id}.removed"
        if folder.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
            _rename(folder, aside)
            shutil.rmtree(aside, ignore_errors=True)

    def find(self, job_id: str) -> dict[str, Any] | None:
        """The finished folder of a job, ``{"folder": absolute path, "avatars": [{"folder": "0", "files": {name:
        bytes, ...}}, ...], "seconds": ..., "lowered": ...}``, the last two if known, or None when there is none.
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
        told = {name: value for name, value in self.record(job_id).items() if name in ("seconds", "lowered")}
        return {"folder": str(folder), "avatars": avatars, **told}

    def record(self, job_id: str) -> dict[str, Any]:
        """What was put on record with a finished job; empty when that cannot be read."""
        try:
            record = json.loads((self._jobs / check_job_id(job_id) / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def ids(self) -> list[str]:
        """The jobs that have a finished folder, oldest first."""
        folders = [path for path in self._jobs.iterdir() if path.is_dir() and is_job_id(path.name)]
        return [path.name for path in sorted(folders, key=lambda path: path.stat().st_mtime)]

    def read(self, job_id: str, name: str, offset: int) -> tuple[bytes, int]:
        """Up to `CHUNK_BYTES` of the result file `name` (``hypothesis/file``) from `offset`, and the file's size.

        Raises:
            DoppelError: ``file_unknown`` for anything but a listed file.
        """
        try:
            found = self.find(job_id)
            for avatar in found["avatars"] if found else []:
                folder, _, file = name.partition("/")
                if avatar["folder"] == folder and file in avatar["files"]:
                    with (self._jobs / job_id / folder / file).open("rb") as stream:
                        stream.seek(offset)
                        return stream.read(CHUNK_BYTES), int(avatar["files"][file])
        except FileNotFoundError:
            pass  # removed at this very moment
        raise DoppelError("file_unknown", "the job has no such result file", "ask for the job's results first")


def size_of(result: dict[str, Any] | None) -> int:
    """Bytes of all files of a result, as :meth:`ResultFolders.find` lists them."""
    avatars = result.get("avatars", []) if result else []
    return sum(size for avatar in avatars for size in avatar["files"].values())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _flush_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut, where the system can (Windows writes them through)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
