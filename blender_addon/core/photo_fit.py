# SPDX-License-Identifier: GPL-3.0-or-later
"""The body that the worker has fitted to a photo, as it lies in a job's folder."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...backend.protocol.errors import DoppelError
from ...rigging.body_parameters import BodyParameterError, BodyParameters

OVERLAY_FILE = "overlay.png"
_BODY_FILE, _RECORD_FILE = "body.json", "fit.json"
_MAX_BYTES = 1024 * 1024
_MAX_WARNINGS = 8


@dataclass(frozen=True)
class PhotoFit:
    """A fitted body, and what the worker remarks on it, a sentence each."""

    body: BodyParameters
    warnings: tuple[str, ...]


def read_fit(folder: Path) -> PhotoFit:
    """Read the fit in a job's folder.

    Raises:
        DoppelError: ``result_missing`` or ``result_unreadable``.
    """
    try:
        body = BodyParameters.from_dict(_read(folder / _BODY_FILE))
    except BodyParameterError as error:
        raise DoppelError("result_unreadable", f"the fitted body is not usable: {error}", "fit it again") from None
    warnings = _read(folder / _RECORD_FILE).get("warnings")
    said = warnings if isinstance(warnings, list) else []
    return PhotoFit(body, tuple(str(sentence)[:300] for sentence in said[:_MAX_WARNINGS]))


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("it is too large")
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DoppelError("result_missing", f"there is no {path}", "fit the body to the photo again") from None
    except (OSError, ValueError) as error:
        raise DoppelError("result_unreadable", f"{path} cannot be read: {error}", "fit it again") from None
    if not isinstance(document, dict):
        raise DoppelError("result_unreadable", f"{path} holds no object", "fit it again")
    return document
