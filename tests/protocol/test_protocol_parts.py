"""Errors, ids, addresses, versions, and what the package may import."""

import ast
import json
import sys
import tomllib
from pathlib import Path

import pytest

from backend.protocol.address import WorkerAddress, parse_ready_line
from backend.protocol.errors import DoppelError
from backend.protocol.jobs import check_job_id, new_job_id
from backend.protocol.paths import default_state_dir
from backend.protocol.version import DOPPEL_VERSION

ROOT = Path(__file__).resolve().parents[2]
KEY = "k" * 40


def test_errors_travel():
    error = DoppelError("seed_range", "the seed is too large", "choose a smaller one")
    assert str(error) == "the seed is too large (choose a smaller one)"
    assert str(DoppelError.from_dict(error.to_dict())) == str(error)


@pytest.mark.parametrize(
    "payload", [None, 3, {}, {"code": 5, "message": None}, {"message": "a\nb\x1b[0m" + "x" * 9999}]
)
def test_errors_of_a_peer_are_made_one_printable_line(payload):
    text = str(DoppelError.from_dict(payload))
    assert text.isprintable() and 0 < len(text) <= 2000


def test_job_ids_are_safe_folder_names():
    assert check_job_id(new_job_id())
    for bad in ("", "short", "Upper-case", "../../etc", "nul", "a" * 65, "job_00001", None, 12345678):
        with pytest.raises(DoppelError):
            check_job_id(bad)


def test_a_ready_line_is_told_from_other_output():
    assert parse_ready_line("Loading weights: 100%") is None
    assert parse_ready_line("[1, 2]") is None
    assert parse_ready_line('{"ready": true, "endpoint": "tcp://127.0.0.1:5"}')["endpoint"] == "tcp://127.0.0.1:5"
    with pytest.raises(DoppelError, match="it is in use"):
        parse_ready_line('{"ready": false, "error": {"code": "store_busy", "message": "it is in use"}}')


def test_an_address_needs_an_endpoint_and_whole_keys(tmp_path):
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"public": KEY, "secret": "s" * 40}))
    assert WorkerAddress.from_files("tcp://10.0.0.5:5555", KEY, file).client_secret == "s" * 40
    with pytest.raises(DoppelError, match="no worker address"):
        WorkerAddress.from_files("http://10.0.0.5:5555", KEY, file)
    with pytest.raises(DoppelError, match="not a key"):
        WorkerAddress.from_files("tcp://10.0.0.5:5555", KEY[:-1], file)
    with pytest.raises(DoppelError, match="cannot be read"):
        WorkerAddress.from_files("tcp://10.0.0.5:5555", KEY, tmp_path / "absent.json")


def test_the_state_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("DOPPEL_STATE", str(tmp_path))
    assert default_state_dir() == tmp_path


def test_the_version_is_the_one_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == DOPPEL_VERSION


def test_the_protocol_needs_the_standard_library_only():
    for path in (ROOT / "backend" / "protocol").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names), path
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.split(".")[0] in sys.stdlib_module_names, path
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, path
