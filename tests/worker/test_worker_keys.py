"""Who is let in."""

import os
import stat

import pytest
import zmq
from doppel_extension.backend.protocol.address import WorkerAddress as ClientAddress
from doppel_extension.blender_addon.core.client_key import own_public_key
from raw_client import RawClient

from backend.protocol.address import WorkerAddress
from backend.worker.keys import AUTHORIZED_KEYS


def _stranger(server):
    public, secret = zmq.curve_keypair()
    return WorkerAddress(server.address.endpoint, server.address.worker_key, public.decode(), secret.decode())


def test_an_unknown_key_gets_no_answer(server):
    with RawClient(_stranger(server), greet=False) as stranger:
        stranger.send("hello")
        assert stranger.receive(timeout=0.7) is None
    with server.client() as client:
        assert client.hello.type == "hello"


def test_a_client_that_does_not_encrypt_gets_no_answer(server):
    context = zmq.Context()
    plain = context.socket(zmq.DEALER)
    plain.connect(server.address.endpoint)
    plain.send(b'{"protocol":1,"type":"hello","fields":{}}')
    assert not plain.poll(700)
    context.destroy(linger=0)


def test_a_key_that_was_added_is_let_in_without_a_restart(server):
    stranger = _stranger(server)
    (server.state / AUTHORIZED_KEYS).write_text(f"# the render farm\n{stranger.client_key}\n")
    with RawClient(stranger) as client:
        assert client.hello.type == "hello"


def test_another_blenders_own_key_is_let_in_once_it_is_on_the_list(server, watch, tmp_path):
    own = tmp_path / "other machine"
    public = own_public_key(own)
    assert own_public_key(own) == public
    if os.name == "posix":
        assert stat.S_IMODE((own / "keys" / "client.json").stat().st_mode) == 0o600
    address = ClientAddress.from_files(server.address.endpoint, server.address.worker_key, own / "keys" / "client.json")
    watcher = watch(address)
    assert watcher.wait_for("refused").error.code == "key_refused"
    (server.state / AUTHORIZED_KEYS).write_text(f"{public}\n")
    watcher.client.connect(address)
    watcher.wait_for("connected")
    assert address.name.isalnum() and len(address.name) == 12


def test_keys_are_kept_from_one_start_to_the_next(run_server):
    first = run_server()
    first.stop()
    assert run_server().address.worker_key == first.address.worker_key


@pytest.mark.skipif(os.name != "posix", reason="POSIX file rights")
def test_a_key_that_others_could_read_is_closed_and_told(run_server, caplog):
    first = run_server()
    first.stop()
    key = first.state / "keys" / "worker.json"
    key.chmod(0o644)
    run_server()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and "could be read by others" in caplog.text


def test_only_this_machine_can_connect_unless_it_is_said(server):
    assert server.address.endpoint.startswith("tcp://127.0.0.1:")


def test_secrets_are_not_printed(server):
    assert server.address.client_secret not in repr(server.address)
    assert server.server._keys.secret not in repr(server.server._keys)
