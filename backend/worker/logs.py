"""The worker's log file. Prompts are personal: they are never written to it."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

from ..protocol.paths import LOG_FILE
from .keys import make_private_dir

MAX_BYTES, BACKUPS = 1024 * 1024, 3
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


def start_logging(state: Path) -> logging.Handler:
    """Send INFO and above of all loggers to a rotating file in `state`; returns the handler, added to the root."""
    path = state / LOG_FILE
    make_private_dir(path.parent)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.setLevel(logging.INFO)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level or logging.INFO, logging.INFO))
    return handler


def without_prompts(text: str, *prompts: str) -> str:
    """`text`, such as a traceback, with each prompt in it replaced by its length."""
    for prompt in sorted(filter(None, prompts), key=len, reverse=True):
        text = text.replace(prompt, f"<prompt of {len(prompt)} characters>")
    return text
