"""What stays in the store: its list and its folders brought in line after a crash, and the oldest avatars out first."""

from __future__ import annotations

import logging

from ..protocol.jobs import DONE, TERMINAL
from .results import ResultFolders, size_of
from .store import JobStore

KEEP_BYTES = 20 * 1024**3
KEEP_ENDED = 1000

log = logging.getLogger(__name__)


def settle(store: JobStore, results: ResultFolders) -> None:
    """Bring list and folders in line; call once, when a worker takes the store over.

    Jobs that a dead worker left are settled as :meth:`JobStore.recover` says. A job whose files were being removed is
    forgotten. Finished folders that are not on the list, since that was lost, are put on it again.
    """
    for job in store.recover(results.find):
        log.info("job %s: left by a dead worker, now %s", job.id, job.state)
    unfinished = {job.id for job in store.unfinished()}
    for job_id in results.photo_ids():
        if job_id not in unfinished:
            results.drop_photos(job_id)
    present = results.ids()
    for job in store.finished():
        if results.find(job.id) is None:
            log.info("job %s: its files are gone, forgotten", job.id)
            store.delete(job.id)
    for job_id in present:
        known, found = store.get(job_id), results.find(job_id)
        if known is None and found is not None and store.adopt(job_id, results.record(job_id), found):
            log.info("job %s: was not on the list, put back on it", job_id)
        elif known is not None and known.state in TERMINAL and known.state != DONE:
            results.remove(job_id)


def make_room(store: JobStore, results: ResultFolders, keep_bytes: int) -> list[str]:
    """Remove the oldest finished jobs until the rest fits into `keep_bytes`; the newest one stays in any case.

    Of the failed and cancelled jobs the last `KEEP_ENDED` stay on the list.

    Returns:
        ids of the jobs whose avatars were removed.
    """
    store.forget_failures(KEEP_ENDED)
    removed, total = [], 0
    for position, job in enumerate(store.finished()):
        total += size_of(job.result)
        if total > keep_bytes and position > 0:
            results.remove(job.id)
            store.delete(job.id)
            removed.append(job.id)
    if removed:
        log.info("%d finished jobs removed: the rest takes at most %.1f GiB", len(removed), keep_bytes / 1024**3)
    return removed
