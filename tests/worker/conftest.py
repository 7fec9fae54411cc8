"""A worker in a thread of the test, and one in a process of its own."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from doppel_extension.blender_addon import client as client_module
from doppel_extension.blender_addon.client import WorkerClient
from raw_client import RawClient
from rude_worker import RudeWorker
from tiny_worker import TinyPipeline, probe
from watcher import Watcher

from backend.protocol.address import WorkerAddress, parse_ready_line
from backend.worker.logs import start_logging
from backend.worker.server import WorkerServer

PROGRAM = Path(__file__).with_name("tiny_worker.py")


class RunningServer:
    def __init__(self, state, **options):
        self.server = WorkerServer(state, options.pop("pipeline_factory", TinyPipeline), probe, **options)
        self.address = WorkerAddress.from_ready(self.server.ready, state)
        self.state = state
        self.clean = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        self.clean = self.server.run()

    def stop(self):
        self.server.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def client(self, **options):
        return RawClient(self.address, **options)


@pytest.fixture
def run_server(tmp_path, monkeypatch):
    """Starts servers on tmp_path / "state", which are stopped at the end."""
    monkeypatch.setattr("backend.worker.server.TICK_SECONDS", 0.02)
    servers = []

    def start(**options):
        servers.append(RunningServer(tmp_path / "state", **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(run_server):
    return run_server()


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def log_file(tmp_path):
    """The log that a worker process would write."""
    handler = start_logging(tmp_path / "state")
    yield tmp_path / "state" / "logs" / "worker.log"
    logging.getLogger().removeHandler(handler)
    handler.close()


class WorkerProgram:
    def __init__(self, state, *options):
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--state", str(state), *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = self.process.stdout.readline()
        self.state = state

    @property
    def address(self):
        return WorkerAddress.from_ready(parse_ready_line(self.line), self.state)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def run_program(tmp_path):
    """Starts worker processes on tmp_path / "state", which are killed at the end."""
    programs = []

    def start(*options):
        programs.append(WorkerProgram(tmp_path / "state", *options))
        return programs[-1]

    yield start
    for program in programs:
        program.end()


@pytest.fixture
def watch(monkeypatch):
    """Makes clients with short times, which are closed at the end. No tick may have cost Blender's loop 20 ms."""
    monkeypatch.setattr(client_module, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(client_module, "_TICK_SECONDS", 0.05)
    watchers = []

    def make(address=None, **options):
        watchers.append(Watcher(WorkerClient(**options)))
        if address is not None:
            watchers[-1].client.connect(address)
        return watchers[-1]

    yield make
    for watcher in watchers:
        watcher.client.close()
        assert not watcher.client._connection.is_alive()
        assert watcher.slowest_seconds < 0.020


@pytest.fixture
def rude():
    """Starts workers that misbehave, which are ended at the end."""
    workers = []

    def make(answer):
        workers.append(RudeWorker(answer))
        return workers[-1]

    yield make
    for worker in workers:
        worker.end()
