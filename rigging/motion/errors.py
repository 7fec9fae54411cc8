"""What can be wrong with a motion or pose file."""

from __future__ import annotations

from pathlib import Path


class MotionError(ValueError):
    """A motion or pose cannot be used; one line for the user: which file, what, and what to do about it."""

    def __init__(self, path: Path | str, problem: str, hint: str = "") -> None:
        self.path, self.problem = Path(path), problem
        super().__init__(f"{self.path.name} {problem}" + (f": {hint}" if hint else "") + ".")
