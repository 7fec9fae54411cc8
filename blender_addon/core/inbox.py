# SPDX-License-Identifier: GPL-3.0-or-later
"""Events on their way from a background thread to Blender's main thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from ...backend.protocol.errors import DoppelError

MAX_EVENTS = 5000
"""Unread events at which the background thread stops reading until some are taken."""


@dataclass(frozen=True, slots=True)
class WorkerEvent:
    """Something that happened at the worker or on the way to it.

    Attributes:
        kind: ``connected``, ``disconnected``, ``refused``, ``accepted``, ``progress``, ``done``, ``failed``,
            ``downloaded``, or the type of the request that is answered: ``cancel``, ``status``, ``results``,
            ``delete``, ``shutdown``.
        job: the job it is about, or "".
        fields: the message's fields, see docs/protocol.md.
        frames: the message's binary frames; of `progress`, a small PNG or nothing.
        error: what went wrong, for ``disconnected``, ``refused`` and ``failed``.
        request: the id that the request being answered was given, or "".
    """

    kind: str
    job: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    frames: tuple[bytes, ...] = ()
    error: DoppelError | None = None
    request: str = ""


class Inbox:
    """A thread-safe queue in which a job's new progress replaces its old one, and a new heartbeat (the `status` that
    nobody asked for) the old one, so that it stays small unread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: OrderedDict[object, WorkerEvent] = OrderedDict()
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether there are so many unread events that no more should be fetched."""
        with self._lock:
            return len(self._events) >= MAX_EVENTS

    def put(self, event: WorkerEvent) -> None:
        """Add an event; called by the background thread."""
        with self._lock:
            self._count += 1
            key: object = self._count
            if event.kind == "progress" or (event.kind == "status" and not event.request):
                key = (event.kind, event.job)
                old = self._events.pop(key, None)
                if old is not None and not event.frames:
                    event = replace(event, frames=old.frames)
            self._events[key] = event

    def take(self, limit: int) -> list[WorkerEvent]:
        """Remove and return the oldest events, at most `limit`; never waits for one."""
        with self._lock:
            return [self._events.popitem(last=False)[1] for _ in range(min(limit, len(self._events)))]
