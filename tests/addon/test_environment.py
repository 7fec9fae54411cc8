"""Building the worker's environment: choices, and every way in which it can be refused. No network."""

import os
import re
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from doppel_extension.blender_addon.core import build_environment as building
from doppel_extension.blender_addon.core.environment import (
    EnvironmentSetup,
    default_environment,
    default_worker_python,
)
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def finish(setup: EnvironmentSetup, seconds: float = 900.0) -> EnvironmentSetup:
    deadline = time.monotonic() + seconds
    while not setup.finished:
        setup.poll()
        assert time.monotonic() < deadline, setup.last_line
        time.sleep(0.02)
    return setup


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name: str) -> dict[str, str]:
    """Versions by name in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-test.lock", PROJECT["optional-dependencies"]["test"]),
        ("requirements-photo.lock", PROJECT["optional-dependencies"]["photo"]),
    ],
)
def test_all_that_the_project_asks_for_is_locked_but_torch(name: str, wanted: list[str]) -> None:
    versions = locked(name)
    for requirement in map(Requirement, wanted):
        if requirement.name != "torch":
            assert requirement.specifier.contains(versions[requirement.name]), requirement
    assert not {"torch", "triton"} & versions.keys()


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_every_locked_package_has_its_sums_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        known = r"#.*|[a-z0-9.-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
        assert re.fullmatch(known, line), line  # no index, no path
        assert line.endswith("\\") is following.startswith("    --hash="), line


def test_pins_are_the_lock_without_sums() -> None:
    lock = "# a comment\na==1.0 \\\n    --hash=sha256:00\nb-c==2 ; sys_platform == 'win32' \\\n    --hash=sha256:11\n"
    assert building.pins(lock) == "a==1.0\nb-c==2 ; sys_platform == 'win32'\n"


def test_torch_is_in_the_range_that_the_project_asks_for() -> None:
    assert any(
        requirement.startswith("torch>=")
        for requirement in (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace('"', "").split("\n  ")
    )
    assert tuple(map(int, building.TORCH_VERSION.split("."))) >= (2, 6)


@pytest.mark.parametrize(
    ("platform", "cuda", "first"),
    [
        ("linux", "", ["torch==2.13.0+cpu"]),
        ("linux", "cu130", ["torch==2.13.0"]),
        ("linux", "cu126", ["torch==2.13.0", "--index-url", "https://download.pytorch.org/whl/cu126"]),
        ("win32", "cu130", ["torch==2.13.0", "--index-url", "https://download.pytorch.org/whl/cu130"]),
        ("win32", "", ["torch==2.13.0"]),
        ("darwin", "", ["torch==2.13.0"]),
    ],
)
def test_which_torch(platform: str, cuda: str, first: list[str]) -> None:
    attempts = building.torch_attempts(platform, cuda)
    assert attempts[0] == first
    assert attempts[-1] == ["torch==2.13.0"]
    chosen = building.torch_attempts(platform, cuda, index="https://example.org/rocm")
    assert chosen == [["torch==2.13.0", "--index-url", "https://example.org/rocm"]]
    assert building.torch_attempts(platform, cuda, offline=True) == [["torch==2.13.0"]]


@pytest.mark.parametrize(
    ("cards", "cuda"),
    [
        ("", ""),
        ("[N/A], [N/A]", ""),
        ("8.6, 581.29", "cu130"),
        ("8.6, 551.86", "cu126"),  # an older driver
        ("6.1, 581.29", "cu126"),  # Pascal
        ("12.0, 570.10", "cu130"),  # Blackwell has no older build: the driver must be updated
        ("6.1, 581.29\n8.9, 581.29", "cu126"),
        ("9.0, 580.65.06", "cu130"),
    ],
)
def test_which_cuda(cards: str, cuda: str) -> None:
    assert building.choose_cuda(cards) == cuda


def test_blenders_python_is_the_last_choice() -> None:
    candidates = building.find_base_pythons()
    assert candidates and sys.executable in candidates
    assert building.find_base_pythons("/opt/python") == ["/opt/python"]
    assert building.is_suitable(sys.executable) and not building.is_suitable("/nowhere/python")


def test_other_pythons_packages_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/blender/site-packages")
    monkeypatch.setenv("PIP_USER", "1")
    variables = building.clean_variables()
    assert "PYTHONPATH" not in variables and "PIP_USER" not in variables and variables["PATH"] == os.environ["PATH"]


def test_a_missing_wheel_folder_is_refused(tmp_path: Path) -> None:
    setup = finish(EnvironmentSetup(tmp_path / "venv", wheels=str(tmp_path / "none")))
    assert setup.error is not None and setup.error.code == "wheels_missing"
    assert not (tmp_path / "venv").exists() and not setup.poll()


def test_a_missing_python_is_refused(tmp_path: Path) -> None:
    setup = finish(EnvironmentSetup(tmp_path / "venv", base_python=str(tmp_path / "python")))
    assert setup.error is not None and setup.error.code == "python_missing"
    assert "Python 3.11" in setup.error.message and setup.error.hint


def test_an_incomplete_wheel_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    setup = finish(EnvironmentSetup(tmp_path / "venv", wheels=str(tmp_path / "wheels"), base_python=sys.executable))
    assert setup.error is not None and setup.error.code == "wheel_missing"
    assert "the worker's packages" in setup.error.message
    assert building.is_suitable(str(building.environment_python(tmp_path / "venv")))
    assert not (tmp_path / "venv" / building.STAMP).exists()
    assert setup.step == 2 and 0.0 < setup.fraction < 1.0


def test_an_altered_package_is_refused(tmp_path: Path) -> None:
    """A wheel of the right name and version whose bytes are not those of the lock file."""
    version = locked("requirements.lock")["annotated-doc"]
    wheel = tmp_path / "wheels" / f"annotated_doc-{version}-py3-none-any.whl"
    wheel.parent.mkdir()
    info = f"annotated_doc-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: annotated-doc\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    setup = finish(EnvironmentSetup(tmp_path / "venv", wheels=str(wheel.parent), base_python=sys.executable))
    assert setup.error is not None and setup.error.code in ("package_altered", "wheel_missing")
    assert not (tmp_path / "venv" / building.STAMP).exists()


def test_cancelling_ends_it_at_once(tmp_path: Path) -> None:
    setup = EnvironmentSetup(tmp_path / "venv", base_python=sys.executable, wheels=str(tmp_path))
    setup.cancel()
    assert finish(setup, 5.0).error is not None
    assert setup.error is not None and setup.error.code in ("setup_cancelled", "wheel_missing")


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOPPEL_WORKER_PYTHON", raising=False)
    assert default_environment().parts[-2:] == ("doppel", "venv")
    assert default_worker_python() == building.environment_python(default_environment())
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "python"))
    assert default_worker_python() == tmp_path / "python"
