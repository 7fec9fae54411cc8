"""A bare DEALER socket that speaks the protocol, for tests of the worker alone."""

import time

import zmq

from backend.protocol.messages import Message, decode, encode
from backend.protocol.request import GenerateRequest


class RawClient:
    def __init__(self, address, greet=True):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_serverkey = address.worker_key.encode()
        self.socket.curve_publickey = address.client_key.encode()
        self.socket.curve_secretkey = address.client_secret.encode()
        self.socket.connect(address.endpoint)
        self.events = []
        if greet:
            self.hello = self.ask("hello")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.destroy(linger=0)

    def send(self, type, **fields):
        self.socket.send_multipart(encode(Message(type, fields)))

    def receive(self, timeout=10.0):
        """The next message, or None."""
        if not self.socket.poll(int(timeout * 1000)):
            return None
        message = decode(self.socket.recv_multipart())
        self.events.append(message)
        return message

    def ask(self, type, **fields):
        """Send a request and return its answer, keeping other messages in `events`."""
        mark = f"{type}-{time.monotonic_ns()}"
        self.send(type, id=mark, **fields)
        return self.wait_for(lambda message: message.fields.get("id") == mark)

    def generate(self, job, prompt="a man", **options):
        return self.ask("generate", job=job, request=GenerateRequest(prompt=prompt, **options).to_dict())

    def wait_for(self, wanted, timeout=10.0):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.receive(max(0.0, deadline - time.monotonic()))
            if message is not None and wanted(message):
                return message
        raise AssertionError(f"did not come; got {[(m.type, m.fields) for m in self.events[-5:]]}")

    def end_of(self, job):
        """The job's last event, which may have come already, as the answer to a cancel."""

        def ends(message):
            return message.type in ("done", "failed") and message.fields.get("job") == job

        return next(filter(ends, self.events), None) or self.wait_for(ends)
