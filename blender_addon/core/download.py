# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a job's result files through the socket, for a worker on another machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.messages import Message

MAX_TOTAL_BYTES = 4 * 1024**3
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")


class Download:
    """One job's files, piece by piece, into a folder that bears its name only when it is complete.

    Args:
        job: the job's id.
        avatars: the `avatars` field of its `done` message.
        folder: where its `hypothesis/file` tree goes; must not exist yet.

    Raises:
        DoppelError: ``results_invalid`` when the list is not one of plain files, ``folder_exists``.
    """

    def __init__(self, job: str, avatars: object, folder: Path) -> None:
        self.job = job
        self.folder = folder
        self._files = list(_listed(avatars))
        self.total = sum(size for _, size in self._files)
        self.received = 0
        if self.total > MAX_TOTAL_BYTES:
            raise _invalid()
        if folder.exists():
            raise DoppelError("folder_exists", f"{folder} exists already", "choose another folder")
        self._partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(self._partial, ignore_errors=True)
        self._index = self._offset = 0
        self._skip_empty()

    @property
    def complete(self) -> bool:
        """Whether every file is here."""
        return self._index == len(self._files)

    def request(self) -> dict[str, Any]:
        """The fields of the `results` request for the next piece."""
        return {"job": self.job, "file": self._files[self._index][0], "offset": self._offset}

    def accept(self, message: Message) -> bool:
        """Write the piece that `message` brings; False when it is not the one that was asked for.

        Raises:
            DoppelError: ``results_invalid`` when the piece does not fit the file.
            OSError: when it cannot be written.
        """
        if self.complete or any(message.fields.get(name) != value for name, value in self.request().items()):
            return False
        name, size = self._files[self._index]
        data = message.frames[0] if message.frames else b""
        if not data or self._offset + len(data) > size:
            raise _invalid()
        path = self._partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if self._offset else "wb") as file:
            file.write(data)
        self._offset += len(data)
        self.received += len(data)
        if self._offset == size:
            self._index, self._offset = self._index + 1, 0
            self._skip_empty()
        return True

    def finish(self) -> None:
        """Give the complete folder its name."""
        self._partial.mkdir(parents=True, exist_ok=True)
        os.rename(self._partial, self.folder)

    def _skip_empty(self) -> None:
        while not self.complete and self._files[self._index][1] == 0:
            path = self._partial / self._files[self._index][0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._index += 1


def _listed(avatars: object) -> Iterator[tuple[str, int]]:
    if not isinstance(avatars, list):
        raise _invalid()
    for avatar in avatars:
        files = avatar.get("files") if isinstance(avatar, dict) else None
        if not isinstance(files, dict):
            raise _invalid()
        for name, size in files.items():
            path = f"{avatar.get('folder')}/{name}"
            plain = all(_PART.fullmatch(part) for part in path.split("/"))
            if not plain or isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise _invalid()
            yield path, size


def _invalid() -> DoppelError:
    return DoppelError("results_invalid", "the worker's list of result files cannot be used", "generate it again")
