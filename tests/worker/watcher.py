"""Pumps a client as Blender's timer does, and looks at what that costs the thread that does it."""

import time

from doppel_extension.backend.protocol.address import WorkerAddress
from doppel_extension.backend.protocol.request import GenerateRequest
from doppel_extension.blender_addon.core.job_table import JobTable


class Watcher:
    """Pumps a client into a job table and remembers its events."""

    def __init__(self, client):
        self.client = client
        self.table = JobTable()
        self.events = []
        self.slowest_seconds = 0.0
        self._read = 0

    def pump(self):
        """One tick of Blender's timer. Its CPU time is what a loop is held up by, on machines with other work, too."""
        begun = time.thread_time()
        events = self.client.pump()
        for event in events:
            self.table.apply(event)
        self.slowest_seconds = max(self.slowest_seconds, time.thread_time() - begun)
        self.events += events

    def generate(self, job, prompt="a man", **options):
        request = ask(prompt, **options)
        begun = time.thread_time()
        self.client.generate(job, request)
        self.table.sent(job, prompt, request.seed, request.hypotheses)
        self.slowest_seconds = max(self.slowest_seconds, time.thread_time() - begun)

    def wait_for(self, kind, job="", timeout=20.0):
        """The next such event after the one that was waited for last."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.pump()
            while self._read < len(self.events):
                event = self.events[self._read]
                self._read += 1
                if event.kind == kind and (not job or event.job == job):
                    return event
            time.sleep(0.005)
        raise AssertionError(f"no {kind} came, only {[(event.kind, event.fields) for event in self.events[-6:]]}")

    def settle(self, seconds):
        time.sleep(seconds)
        self.pump()

    def count(self, kind, job=""):
        return sum(event.kind == kind and (not job or event.job == job) for event in self.events)


def extension_address(address):
    """The address for the extension's copy of the protocol package."""
    return WorkerAddress(address.endpoint, address.worker_key, address.client_key, address.client_secret)


def ask(prompt="a man", **options):
    return GenerateRequest(prompt=prompt, **options)
