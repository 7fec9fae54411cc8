"""The checks of `doppel doctor`, each with something wrong."""

import sys

import pytest

from backend.commands import doctor
from backend.pipelines.weights import write_index
from backend.protocol.errors import DoppelError
from backend.worker.lock import StoreLock


def test_a_sound_state_folder_is_ok(tmp_path):
    findings = list(doctor.check_state(tmp_path / "state"))
    assert all(finding.ok for finding in findings) and "none is running" in findings[-1].text


def test_a_running_worker_is_seen(tmp_path):
    lock = StoreLock(tmp_path / "worker.lock")
    lock.acquire()
    assert "one is running" in list(doctor.check_state(tmp_path))[-1].text
    lock.release()


def test_a_state_folder_that_cannot_be_made_needs_another(tmp_path):
    (tmp_path / "file").write_text("")
    (finding,) = doctor.check_state(tmp_path / "file" / "state")
    assert "--state" in finding.advice


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 2**62)
    assert any("free some space" in finding.advice for finding in doctor.check_state(tmp_path))


def test_an_encrypted_message_gets_through():
    (finding,) = doctor.check_sockets()
    assert finding.ok


def test_the_body_is_read():
    (finding,) = doctor.check_body(None)
    assert finding.ok and "55 joints" in finding.text


def test_weights_that_are_not_there_are_told(tmp_path):
    (finding,) = doctor.check_weights(tmp_path)
    assert not finding.ok and "no models" in finding.text


def test_a_damaged_weight_file_is_named(tmp_path):
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text('{"_class_name": "Autoencoder"}')
    write_index(tmp_path)
    assert all(finding.ok for finding in doctor.check_weights(tmp_path))
    (tmp_path / "vae" / "config.json").write_text("{}")
    (finding,) = doctor.check_weights(tmp_path)
    assert not finding.ok and "vae/config.json is damaged" in finding.text


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("zmq", "no_such_package"))
    (finding,) = doctor.check_packages()
    assert not finding.ok and "no_such_package" in finding.text


def test_an_old_python_is_told(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    (finding,) = doctor.check_python()
    assert not finding.ok


@pytest.mark.parametrize("error", [DoppelError("x", "no weights", "get them"), RuntimeError("boom")])
def test_a_check_that_fails_is_a_finding_and_the_others_go_on(error, monkeypatch, capsys, tmp_path):
    def fail(folder):
        raise error

    for name in ("check_packages", "check_device", "check_body"):
        monkeypatch.setattr(doctor, name, lambda *_: iter(()))
    monkeypatch.setattr(doctor, "check_weights", fail)
    args = type("Args", (), {"weights": None, "body": None, "state": tmp_path, "device": "cpu", "json": False})
    assert doctor.run(args) == 1
    out = capsys.readouterr().out
    assert error.args[-2 if isinstance(error, DoppelError) else 0] in out and "-> " in out
    assert "sockets" in out and "something has to be done" in out
