"""Who may connect: answers libzmq's ZAP questions (RFC 27) inside the server's own poll loop.

pyzmq's ready-made authenticators need an asyncio selector loop in a second thread, which Windows lacks by default; the
exchange is one question and one answer, so the loop that polls the sockets anyway gives it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import zmq
from zmq.utils import z85

from ..protocol.errors import DoppelError

ZAP_DOMAIN = b"doppel"
_ZAP_ENDPOINT = "inproc://zeromq.zap.01"
_VERSION = b"1.0"

log = logging.getLogger(__name__)


class Gatekeeper:
    """The ZAP handler of one ZeroMQ context. Create it before the server's socket binds.

    Args:
        context: the server's context.
        accepts: says whether a client's public key (Z85 text) is known.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], accepts: Callable[[str], bool]) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(_ZAP_ENDPOINT)
        self._accepts = accepts

    def answer(self) -> None:
        """Answer the one question that is waiting on :attr:`socket`."""
        question = self.socket.recv_multipart()
        request_id = question[1] if len(question) > 1 else b""
        status, text = (b"200", b"welcome") if self._allows(question) else (b"400", b"unknown key")
        self.socket.send_multipart([_VERSION, request_id, status, text, b"", b""])

    def _allows(self, question: list[bytes]) -> bool:
        if len(question) != 7:
            return False
        version, _, domain, address, _, mechanism, credential = question
        if version != _VERSION or domain != ZAP_DOMAIN or mechanism != b"CURVE" or len(credential) != 32:
            return False
        try:
            allowed = self._accepts(z85.encode(credential).decode("ascii"))
        except DoppelError as error:
            log.error("no client can be let in: %s", error)
            return False
        if not allowed:
            log.warning("refused a client with an unknown key from %s", address.decode("ascii", "replace"))
        return allowed
