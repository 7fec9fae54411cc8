"""The worker's log file. Prompts are personal: unless asked for, they are not written to it, by whomever."""

from __future__ import annotations

import json
import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..protocol.paths import LOG_FILE
from .keys import make_private_dir

MAX_BYTES, BACKUPS = 1024 * 1024, 3
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"

_private: tuple[str, ...] = ()  # of the job that runs; the log is the process's, and so is this


class _PrivateFormatter(logging.Formatter):
    """Formats a record, traceback included, without the texts that are private at the moment."""

    def format(self, record: logging.LogRecord) -> str:
        return without_prompts(super().format(record), *_private)


def start_logging(state: Path) -> logging.Handler:
    """Send INFO and above of all loggers to a rotating file in `state`; returns the handler, added to the root."""
    path = state / LOG_FILE
    make_private_dir(path.parent)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    handler.setFormatter(_PrivateFormatter(_FORMAT))
    handler.setLevel(logging.INFO)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level or logging.INFO, logging.INFO))
    return handler


@contextmanager
def keep_private(*prompts: str) -> Iterator[None]:
    """While this lasts, `prompts` are left out of all that is logged, by libraries and in tracebacks, too."""
    global _private
    before, _private = _private, prompts
    try:
        yield
    finally:
        _private = before


def without_prompts(text: str, *prompts: str) -> str:
    """`text`, such as a traceback, with each prompt in it, as it is or quoted, replaced by its length."""
    for prompt in sorted(filter(None, prompts), key=len, reverse=True):
        for form in (prompt, repr(prompt)[1:-1], json.dumps(prompt)[1:-1], ascii(prompt)[1:-1]):
            text = text.replace(form, f"<prompt of {len(prompt)} characters>")
    return text
