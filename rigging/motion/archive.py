"""Numpy archives that come from elsewhere: read whole, without ever running what is in them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MotionError

MAX_FILE_BYTES = 2**30
MAX_ENTRY_BYTES = 2**30  # unpacked
_DAMAGE = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path | str) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` but those that would need unpickling, which are left out.

    Raises:
        MotionError: there is no such file, it is no archive, it is damaged or far too large.
    """
    path = Path(path)
    if not path.is_file():
        raise MotionError(path, f"is not there ({path.parent} has no such file)", "check the path")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise MotionError(path, "is larger than 1 GiB", "cut the clip")
    try:
        arrays = {}
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.file_size > MAX_ENTRY_BYTES:
                    raise MotionError(path, f"holds {info.filename!r} of more than 1 GiB", "cut the clip")
                with archive.open(info) as entry:
                    try:
                        array = np.lib.format.read_array(entry, allow_pickle=False)
                    except ValueError as error:
                        if "Object arrays" in str(error):
                            continue
                        raise
                arrays[info.filename.removesuffix(".npy")] = array
        return arrays
    except MotionError:
        raise
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MotionError(path, f"cannot be read as an .npz ({reason})", "save it with numpy.savez") from None
