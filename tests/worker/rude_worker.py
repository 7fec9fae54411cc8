"""A worker that speaks CURVE, and otherwise says what the test tells it to."""

import json
import threading

import zmq
from doppel_extension.backend.protocol.address import WorkerAddress
from doppel_extension.backend.protocol.messages import Message, encode

HELLO = encode(Message("hello", {"worker": {}}))


class RudeWorker(threading.Thread):
    """Answers each message with the multipart messages that `answer(message)` gives."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        public, secret = zmq.curve_keypair()
        self.router.curve_server, self.router.curve_secretkey = True, secret
        self.router.bind("tcp://127.0.0.1:*")
        self.router.linger = 0
        self.router.router_handover = True
        client_public, client_secret = (key.decode() for key in zmq.curve_keypair())
        endpoint = self.router.getsockopt_string(zmq.LAST_ENDPOINT)
        self.address = WorkerAddress(endpoint, public.decode(), client_public, client_secret)
        self.answer = answer
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            if self.router.poll(20):
                identity, *parts = self.router.recv_multipart()
                for answer in self.answer(json.loads(parts[0])):
                    self.router.send_multipart([identity, *answer])
        self.context.destroy(linger=0)

    def end(self):
        self.ended.set()
        self.join(5)
