#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the Blender extension, dist/doppel-<version>.zip, with Blender's own extension tool, and validate it.

    python tools/build_extension.py [--output DIR] [--split-platforms]

The wheels that the manifest names are fetched by pip into wheels/ at the versions and hashes of extension-wheels.txt.
Blender's tool is taken from a `blender` on PATH or from the bpy wheel in .venv-blender (`make extension` installs it).
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "blender_manifest.toml"
REQUIREMENTS = Path(__file__).with_name("extension-wheels.txt")


class BuildError(Exception):
    """The build cannot go on; the message says why and what to do."""


def extension_tool() -> list[str]:
    """The command of Blender's extension tool.

    Raises:
        BuildError: neither Blender nor the bpy wheel is there.
    """
    if blender := shutil.which("blender"):
        return [blender, "--command", "extension"]
    scripts = sorted((ROOT / ".venv-blender").glob("lib/python*/site-packages/bpy/*/scripts"))
    for folder in reversed(scripts):
        script = folder / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
        if script.is_file():
            return [sys.executable, str(script)]
    raise BuildError("Blender's extension tool was not found: run 'make extension', or put Blender 4.2+ on PATH.")


def pinned_hashes(requirements: str) -> set[str]:
    """The sha256 sums in a pip requirements file."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirements))


def fetch_wheels(wheels: Sequence[str]) -> None:
    """Bring the manifest's wheels into place; those already there are only checked.

    Raises:
        BuildError: a wheel cannot be fetched or is not the pinned one.
    """
    pinned = pinned_hashes(REQUIREMENTS.read_text(encoding="utf-8"))
    for relative in wheels:
        wheel = ROOT / relative
        if not wheel.is_file():
            _download(wheel)
        if not wheel.is_file() or hashlib.sha256(wheel.read_bytes()).hexdigest() not in pinned:
            raise BuildError(f"{relative} is missing or not the pinned file; delete it and build again.")


def _download(wheel: Path) -> None:
    _, _, python_tag, _, platform = wheel.stem.split("-")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python_tag.removeprefix("cp")]
    command += ["--platform", platform, "--dest", str(wheel.parent), "--require-hashes", "-r", str(REQUIREMENTS)]
    if subprocess.run(command).returncode != 0:
        raise BuildError(f"pip could not fetch {wheel.name}; put it into {wheel.parent} by hand or try again.")


def build(output: Path, split_platforms: bool = False) -> list[Path]:
    """Build and validate; returns the archives.

    Raises:
        BuildError: fetching, building or validating failed.
    """
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    fetch_wheels(manifest["wheels"])
    tool = extension_tool()
    output.mkdir(parents=True, exist_ok=True)
    pattern = f"{manifest['id']}-{manifest['version']}*.zip"
    for old in output.glob(pattern):
        old.unlink()
    command = [*tool, "build", "--source-dir", str(ROOT), "--output-dir", str(output)]
    if split_platforms:
        command.append("--split-platforms")
    _run(command)
    archives = sorted(output.glob(pattern))
    if not archives:
        raise BuildError(f"Blender's tool left no archive in {output}.")
    for archive in archives:
        _run([*tool, "validate", str(archive)])
    return archives


def _run(command: Sequence[str]) -> None:
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if finished.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{finished.stdout}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Doppel extension for Blender.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the archive (default: dist)")
    parser.add_argument("--split-platforms", action="store_true", help="one smaller archive for each platform")
    options = parser.parse_args()
    try:
        archives = build(options.output.absolute(), options.split_platforms)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for archive in archives:
        print(f"{archive} ({archive.stat().st_size / 2**20:.1f} MiB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
