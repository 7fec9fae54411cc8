"""docs/images.md: measured tables between two marks; what people wrote around them stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rigging.atomic import write_bytes

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_TITLE = "# Pictures\n\nHow well the two views follow the prompt and the body.\n"


def write_report(path: Path, body: str) -> None:
    """Put ``body`` between the marks of the file, which is made, or given marks at its end, if it has none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else _TITLE
    if BEGIN not in text or END not in text:
        text = text.rstrip() + f"\n\n{BEGIN}\n{END}\n"
    before, after = text.split(BEGIN)[0], text.split(END, 1)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, f"{before}{BEGIN}\n{body.strip()}\n{END}{after}".encode())


def commit_name() -> str:
    """The commit of the working tree; "unknown" outside one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=7"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
