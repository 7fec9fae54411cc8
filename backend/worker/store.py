"""The job table on disk: what was asked, how far it is, how it ended. SQLite in WAL mode.

Every change is committed before the call returns, so that a killed process leaves each job in a definite state.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..protocol.errors import DoppelError
from ..protocol.jobs import CANCELLED, DONE, FAILED, LOADING, QUEUED

SCHEMA_VERSION = 1
MAX_QUEUED = 200
MAX_ATTEMPTS = 2

_SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    error TEXT,
    result TEXT
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE TABLE timings (settings TEXT PRIMARY KEY, stages TEXT NOT NULL);
"""
_ACTIVE = "('loading', 'running', 'saving')"
_TERMINAL = "('done', 'failed', 'cancelled')"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table. Times are seconds since the epoch."""

    seq: int
    id: str
    kind: str
    request: dict[str, Any]
    state: str
    attempts: int
    created: float
    started: float | None
    finished: float | None
    error: dict[str, str] | None
    result: dict[str, Any] | None


class JobStore:
    """The jobs of one state folder; safe to use from several threads of the one process that holds the folder's lock.

    Raises:
        DoppelError: ``store_unreadable`` for a damaged file, ``store_newer`` for one of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._prepare()
        except sqlite3.Error as error:
            raise DoppelError(
                "store_unreadable", f"the job list {path} cannot be opened: {error}", "move that file away and retry"
            ) from None

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise DoppelError(
                "store_newer",
                f"the job list {self._path} was written by a newer worker",
                "update this worker, or choose another folder with --state",
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it already
                    self._db.execute("ROLLBACK")
                raise

    # Reading

    def get(self, job_id: str) -> Job | None:
        """The job of that id."""
        with self._lock:
            return _job(self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

    def unfinished(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        with self._lock:
            rows = self._db.execute(f"SELECT * FROM jobs WHERE state NOT IN {_TERMINAL} ORDER BY seq").fetchall()
        return [_read(row) for row in rows]

    def finished(self, limit: int = -1, before: int = 2**62) -> list[Job]:
        """Jobs that are done, newest first.

        Args:
            limit: how many at most; -1 for all.
            before: the `seq` of the last one of the page before.
        """
        query = "SELECT * FROM jobs WHERE state = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        with self._lock:
            rows = self._db.execute(query, (DONE, before, limit)).fetchall()
        return [_read(row) for row in rows]

    def position(self, job: Job) -> int:
        """How many jobs are ahead of a waiting one; 0 for others."""
        if job.state != QUEUED:
            return 0
        query = f"SELECT COUNT(*) FROM jobs WHERE seq < ? AND state NOT IN {_TERMINAL}"
        with self._lock:
            return int(self._db.execute(query, (job.seq,)).fetchone()[0])

    # Changing

    def add(self, job_id: str, kind: str, request: dict[str, Any]) -> tuple[Job, bool]:
        """Put a job in the queue. Returns it and whether it is new; the same id with the same request is not.

        Raises:
            DoppelError: ``job_conflict`` when the id belongs to another request, ``queue_full``.
        """
        text = json.dumps(request, sort_keys=True, allow_nan=False)
        with self._transaction() as db:
            known = _job(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())
            if known is not None:
                if known.kind == kind and known.request == json.loads(text):
                    return known, False
                raise DoppelError(
                    "job_conflict", "this job id was already used for another request", "send it with a new id"
                )
            waiting = db.execute("SELECT COUNT(*) FROM jobs WHERE state = ?", (QUEUED,)).fetchone()[0]
            if waiting >= MAX_QUEUED:
                raise DoppelError("queue_full", f"{waiting} jobs are waiting already", "wait until some are done")
            db.execute(
                "INSERT INTO jobs (id, kind, request, state, created) VALUES (?, ?, ?, ?, ?)",
                (job_id, kind, text, QUEUED, time.time()),
            )
            return _read(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()), True

    def take(self) -> Job | None:
        """The oldest waiting job, now in state `loading`, or None."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM jobs WHERE state = ? ORDER BY seq LIMIT 1", (QUEUED,)).fetchone()
            if row is None:
                return None
            db.execute(
                "UPDATE jobs SET state = ?, attempts = attempts + 1, started = ? WHERE id = ?",
                (LOADING, time.time(), row["id"]),
            )
            return _job(db.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone())

    def advance(self, job_id: str, state: str) -> None:
        """Move a job that is being worked on to another such state."""
        with self._transaction() as db:
            db.execute(f"UPDATE jobs SET state = ? WHERE id = ? AND state IN {_ACTIVE}", (state, job_id))

    def finish(self, job_id: str, result: dict[str, Any]) -> None:
        """The job is done and its files lie where `result` says."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, finished = ?, result = ?, error = NULL"
                f" WHERE id = ? AND state IN {_ACTIVE}",
                (DONE, time.time(), json.dumps(result), job_id),
            )

    def adopt(self, job_id: str, record: dict[str, Any], result: dict[str, Any]) -> bool:
        """Put a job back on a list that was lost; False when its record does not tell what was asked."""
        request, created = record.get("request"), record.get("created")
        if not isinstance(request, dict) or not isinstance(created, (int, float)):
            return False
        values = (job_id, str(record.get("kind")), json.dumps(request, sort_keys=True), DONE, created, created)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, kind, request, state, created, finished, result) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, json.dumps(result)),
            )
        return True

    def mark_cancelled(self, job_id: str, error: DoppelError) -> None:
        """Note that a job which is being worked on is to end so, should the worker die before it has."""
        with self._transaction() as db:
            db.execute(
                f"UPDATE jobs SET error = ? WHERE id = ? AND state IN {_ACTIVE}",
                (json.dumps(error.to_dict()), job_id),
            )

    def fail(self, job_id: str, error: DoppelError) -> None:
        """The job ended without a result; the error code ``cancelled`` makes it a cancelled one."""
        state = CANCELLED if error.code == "cancelled" else FAILED
        with self._transaction() as db:
            db.execute(
                f"UPDATE jobs SET state = ?, finished = ?, error = ? WHERE id = ? AND state NOT IN {_TERMINAL}",
                (state, time.time(), json.dumps(error.to_dict()), job_id),
            )

    def cancel_waiting(self, job_id: str, error: DoppelError) -> bool:
        """Cancel a job that has not been started; False when it has been, or is over."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE jobs SET state = ?, finished = ?, error = ? WHERE id = ? AND state = ?",
                (CANCELLED, time.time(), json.dumps(error.to_dict()), job_id, QUEUED),
            )
            return changed.rowcount == 1

    def put_back(self, job_id: str) -> None:
        """Return a job that was interrupted by an orderly stop to the queue; the attempt does not count."""
        with self._transaction() as db:
            db.execute(
                f"UPDATE jobs SET state = ?, attempts = attempts - 1, error = NULL WHERE id = ? AND state IN {_ACTIVE}",
                (QUEUED, job_id),
            )

    def delete(self, job_id: str) -> bool:
        """Forget a job that is over; False when there is no such job."""
        with self._transaction() as db:
            return db.execute(f"DELETE FROM jobs WHERE id = ? AND state IN {_TERMINAL}", (job_id,)).rowcount == 1

    def forget_failures(self, keep: int) -> None:
        """Forget all but the newest `keep` jobs that failed or were cancelled."""
        ended = "SELECT seq FROM jobs WHERE state IN (?, ?) ORDER BY seq DESC LIMIT -1 OFFSET ?"
        with self._transaction() as db:
            db.execute(f"DELETE FROM jobs WHERE seq IN ({ended})", (FAILED, CANCELLED, keep))

    def recover(self, find_saved: Callable[[str], dict[str, Any] | None]) -> list[Job]:
        """Settle the jobs that a dead worker left behind; call once, before any other change.

        A job whose files were already in place is done; one that was to be cancelled is; one that was tried
        `MAX_ATTEMPTS` times has failed with ``worker_crashed``; any other waits again.

        Args:
            find_saved: gives the result of a job whose files are in place on disk.

        Returns:
            the jobs concerned, as they are now.
        """
        with self._lock:
            left = [job for job in self.unfinished() if job.state != QUEUED]
            for job in left:
                saved = find_saved(job.id)
                if saved is not None:
                    self.finish(job.id, saved)
                elif job.error is not None:
                    self.fail(job.id, DoppelError.from_dict(job.error))
                elif job.attempts >= MAX_ATTEMPTS:
                    self.fail(job.id, _crashed(job.attempts))
                else:
                    with self._transaction() as db:
                        db.execute("UPDATE jobs SET state = ? WHERE id = ?", (QUEUED, job.id))
            return [job for job in map(self.get, (job.id for job in left)) if job is not None]

    # Timings

    def timings(self, settings: str) -> dict[str, float]:
        """Seconds that each stage took when a job of these settings last ran; empty when none did."""
        with self._lock:
            row = self._db.execute("SELECT stages FROM timings WHERE settings = ?", (settings,)).fetchone()
        return json.loads(row["stages"]) if row else {}

    def remember_timings(self, settings: str, stages: dict[str, float]) -> None:
        """Keep the seconds of each stage for the next job of these settings."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO timings VALUES (?, ?)", (settings, json.dumps(stages)))


def _crashed(attempts: int) -> DoppelError:
    return DoppelError(
        "worker_crashed",
        f"the worker died {attempts} times while it was making this avatar",
        "try a smaller texture or fewer hypotheses; the worker's log may say more",
    )


def _job(row: sqlite3.Row | None) -> Job | None:
    return None if row is None else _read(row)


def _read(row: sqlite3.Row) -> Job:
    values = dict(row)
    for name in ("request", "error", "result"):
        values[name] = json.loads(values[name]) if values[name] else None
    return Job(**values)
