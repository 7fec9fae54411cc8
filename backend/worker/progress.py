"""What a running job tells its clients: stage, step, time left, a small picture."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW_SIDE = 256
MIN_INTERVAL = 0.1


class StageClock:
    """Seconds spent in each stage, and an estimate of those to come.

    The estimate is what the same settings took when they last ran on this installation, less what is spent: stages
    differ so much between machines that a guess before the first run would only mislead.

    Args:
        expected: seconds by stage from the last run; empty when there was none.
        now: a monotonic clock.
    """

    def __init__(self, expected: dict[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._expected = expected
        self._now = now
        self._spent: dict[str, float] = {}
        self._stage = ""
        self._since = now()

    def enter(self, stage: str) -> bool:
        """Count the time up to now and go on in `stage`; True when that is another stage than before."""
        now = self._now()
        if self._stage:
            self._spent[self._stage] = self._spent.get(self._stage, 0.0) + now - self._since
        self._since = now
        changed, self._stage = stage != self._stage, stage
        return changed

    def spent(self) -> dict[str, float]:
        """Seconds by stage so far."""
        return {stage: round(seconds, 3) for stage, seconds in self._spent.items()}

    def eta(self) -> float | None:
        """Seconds until the job is done, or None when these settings never ran."""
        if not self._expected:
            return None
        left = (max(seconds - self._spent.get(stage, 0.0), 0.0) for stage, seconds in self._expected.items())
        return round(sum(left), 1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the running job is."""

    job: str
    state: str
    stage: str
    step: int
    steps: int
    eta: float | None

    def to_dict(self) -> dict[str, Any]:
        """The fields of a `progress` message."""
        return {
            "job": self.job,
            "state": self.state,
            "stage": self.stage,
            "step": self.step,
            "steps": self.steps,
            "eta": self.eta,
        }


class Throttle:
    """Lets a progress report through when its stage is new, its last step is reached, or `MIN_INTERVAL` s have gone."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last = -MIN_INTERVAL

    def lets_through(self, important: bool) -> bool:
        """Whether to send a report now."""
        now = self._now()
        if not important and now - self._last < MIN_INTERVAL:
            return False
        self._last = now
        return True


def encode_preview(image: Image) -> bytes:
    """PNG bytes of `image`, at most `PREVIEW_SIDE` pixels a side."""
    small = image.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
