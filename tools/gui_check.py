#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive a real Blender with a window, under Xvfb: install the zip, walk through every panel, make the docs' pictures.

    python tools/gui_check.py --extension dist/doppel-0.1.0.zip --worker-python .venv/bin/python --output docs/images
    python tools/gui_check.py ... --parts results troubleshooting --avatars STATE/jobs   # a part, with finished avatars

Needs on PATH: blender 4.2 or later, xvfb-run, and ImageMagick's import and convert. The walk itself is
tools/gui_tour.py, which runs inside Blender. Prints what was measured; ends with status 1 when a check failed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOUR = Path(__file__).with_name("gui_tour.py")
WIDTH, HEIGHT = 1280, 800
PROGRAMS = ("xvfb-run", "import", "convert")
MAX_BYTES = 150_000
PARTS = ("first-run", "make", "photo", "results", "troubleshooting", "robustness")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="blender", help="Blender's program (default: the one on PATH)")
    parser.add_argument("--extension", type=Path, required=True, help="the zip that tools/build_extension.py makes")
    parser.add_argument("--worker-python", type=Path, required=True, help="Python of a worker's environment")
    parser.add_argument("--output", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--avatars", type=Path, help="the jobs folder of an earlier state: more for the gallery")
    parser.add_argument(
        "--photo", type=Path, help="a photo of a person, for the part 'photo', which is left out without"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to walk through (default: all)")
    parser.add_argument("--patience", type=float, default=400.0, help="seconds that one step may take (default: 400)")
    parser.add_argument("--work", type=Path, help="folder for the profile and avatars (default: a temporary one)")
    options = parser.parse_args()
    missing = [name for name in (*PROGRAMS, options.blender) if shutil.which(name) is None]
    if missing:
        print(f"{', '.join(missing)} must be on PATH", file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doppel-gui-") as temporary:
        work = (options.work or Path(temporary)).absolute()
        shots = work / "shots"
        shots.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(work / "profile"),
            "DOPPEL_STATE": str(work / "state"),
            "XDG_CACHE_HOME": str(work / "cache"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        environment.pop("DOPPEL_WORKER_PYTHON", None)
        prepare(options.blender, options.extension.absolute(), environment)
        if options.avatars:
            shutil.copytree(options.avatars, work / "state" / "jobs", dirs_exist_ok=True)
        report = work / "report.json"
        report.unlink(missing_ok=True)
        parts = [part for part in PARTS if part in options.parts and (part != "photo" or options.photo)]
        tour = {
            "shots": str(shots),
            "report": str(report),
            "worker_python": str(options.worker_python.absolute()),
            "photo": str(options.photo.absolute()) if options.photo else "",
            "parts": parts,
            "patience": options.patience,
        }
        geometry = ["--window-geometry", "0", "0", str(WIDTH), str(HEIGHT)]
        command = ["xvfb-run", "-a", "-s", f"-screen 0 {WIDTH}x{HEIGHT}x24", options.blender, *geometry]
        finished = subprocess.run(
            [*command, "--python", str(TOUR), "--", json.dumps(tour)], env=environment, timeout=options.patience * 8
        )
        if not report.is_file():
            print(f"Blender ended with status {finished.returncode} before the tour did", file=sys.stderr)
            return 1
        said = json.loads(report.read_text(encoding="utf-8"))
        for line in said["lines"]:
            print(line)
        for shot in sorted(shots.glob("*.png")):
            publish(shot, options.output / f"{shot.stem}.jpg")
        return 1 if said["failed"] else 0


def prepare(blender: str, extension: Path, environment: dict[str, str]) -> None:
    """A fresh profile without the splash screen, with the extension installed as a user does."""
    quiet = (
        "import bpy; p = bpy.context.preferences; p.view.show_splash = False; p.view.show_tooltips = False;"
        "p.system.use_online_access = False; bpy.ops.wm.save_userpref()"
    )
    subprocess.run([blender, "-b", "--python-expr", quiet], env=environment, check=True, stdout=subprocess.DEVNULL)
    command = [blender, "--command", "extension", "install-file", "-r", "user_default", "--enable", str(extension)]
    subprocess.run(command, env=environment, check=True)


def publish(shot: Path, target: Path) -> None:
    """Write a JPEG below the size that the repository allows, as good as that lets it be."""
    for quality in (90, 82, 74, 66):
        subprocess.run(["convert", str(shot), "-strip", "-quality", str(quality), str(target)], check=True)
        if target.stat().st_size < MAX_BYTES:
            return
    raise SystemExit(f"{target} is too large: crop it in gui_tour.py")


if __name__ == "__main__":
    sys.exit(main())
