#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write requirements.lock, requirements-test.lock and requirements-photo.lock: exact versions, and the sha256 of every
file of each version, for every system and Python that the project runs on.

    python tools/lock.py [--upgrade]            # or: make lock

Versions that are locked already stay, unless they are to be upgraded. Needs `uv` on PATH, which resolves for other
systems than this one. torch and its CUDA libraries are left out: their builds for CPU and GPU differ (see
blender_addon/core/build_environment.py).
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("test", "photo")
HEADER = """\
# {what}: exact versions and the sums of their files, for pip's --require-hashes.
# Written by 'make lock'.
"""
_WITH_TORCH = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)")
_ELSEWHERE = re.compile(r"; (implementation_name == 'pypy'|.*sys_platform == 'emscripten')$")


def lock_file(extra: str) -> Path:
    """Where the packages of an extra are locked; without one, those that the worker runs with."""
    return ROOT / (f"requirements-{extra}.lock" if extra else "requirements.lock")


def entries(extra: str, upgrade: bool) -> dict[str, str]:
    """Each package that the project needs, with an extra or without, and its lines in a requirements file."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.txt"  # uv prefers the versions that its output names already
        known = [lock_file(name) for name in dict.fromkeys(("", extra))]
        result.write_text("".join(path.read_text(encoding="utf-8") for path in known if path.is_file()))
        command = ["uv", "pip", "compile", str(ROOT / "pyproject.toml"), "--quiet", "--universal", "--python-version"]
        command += ["3.11", "--generate-hashes", "--no-annotate", "--no-header", "--output-file", str(result)]
        command += [*(["--extra", extra] if extra else []), *(["--upgrade"] if upgrade else [])]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        text = result.read_text(encoding="utf-8")
    found = {}
    for block in re.split(r"\n(?=\S)", text.strip()):
        requirement = block.splitlines()[0].removesuffix("\\").strip()
        name = requirement.split("==")[0]
        if not _WITH_TORCH.fullmatch(name) and not _ELSEWHERE.search(requirement):
            found[name] = block
    return found


def write(path: Path, what: str, lines: dict[str, str]) -> None:
    """Write one lock file."""
    text = HEADER.format(what=what) + "".join(f"{lines[name]}\n" for name in sorted(lines))
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
    print(f"{path.name}: {len(lines)} packages")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the lock files of the project's packages.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    options = parser.parse_args()
    if shutil.which("uv") is None:
        print("uv must be on PATH: https://docs.astral.sh/uv", file=sys.stderr)
        return 2
    base = entries("", options.upgrade)
    added = {extra: entries(extra, options.upgrade) for extra in EXTRAS}
    write(lock_file(""), "What the worker runs with", base)
    for extra, lines in added.items():
        more = {name: block for name, block in lines.items() if name not in base}
        write(lock_file(extra), f"What the extra '{extra}' adds to requirements.lock", more)
    return 0


if __name__ == "__main__":
    sys.exit(main())
