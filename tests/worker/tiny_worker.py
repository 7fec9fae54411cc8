"""A real worker with a pipeline of one file: what it does is written in the prompt, e.g. ``slow`` or ``out of memory``.

Importable for servers in a thread, and a program (`tiny_worker.py --state DIR ...`) for tests that kill processes.
"""

import os
import signal
import sys
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backend.protocol.errors import DoppelError
from backend.worker.serve import serve
from backend.worker.server import WorkerServer

SECRET = "a woman called Mathilda"


class TinyAvatar:
    def __init__(self, request, index):
        self._text = f"{request.prompt}/{request.seed}/{index}"

    def save(self, folder):
        (folder / "avatar.json").write_text(f'{{"text": "{self._text}"}}')
        (folder / "avatar.npz").write_bytes(bytes(range(256)) * 64)


class TinySitter:
    def __init__(self, size):
        self._size = size

    def save(self, folder):
        (folder / "body.json").write_text('{"semantic": {"height_cm": 181}, "pose": {"left_elbow": [0, -0.5, 0]}}')
        (folder / "fit.json").write_text(f'{{"warnings": ["The photo has {self._size} bytes."]}}')
        Image.new("RGB", (64, 48), (40, 80, 120)).save(folder / "overlay.png")


class TinyPipeline:
    """The contract of the avatar pipeline; deterministic, milliseconds."""

    def sitter(self, request, photo, cancelled):
        return TinySitter(photo.stat().st_size)

    def __call__(self, request, progress, cancelled, photo=None, back_photo=None):
        if back_photo is not None and back_photo.read_bytes() == photo.read_bytes():
            raise DoppelError("photo_invalid", "the back photo is the photo")
        prompt = request.prompt
        if "out of memory" in prompt and not (
            "above 2x1024" in prompt and request.hypotheses <= 2 and request.texture_size <= 1024
        ):
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if "broken" in prompt:
            raise KeyError(f"no such token in {prompt!r}")
        for step in range(request.steps):
            progress("front", step + 1, request.steps, Image.new("RGB", (512, 512), (step, 40, 80)))
            if "die" in prompt and step == 1:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
            time.sleep(0.05 if "slow" in prompt else 0.001)
            while "stuck" in prompt and not cancelled():
                time.sleep(0.01)
            if cancelled():
                raise DoppelError("cancelled", "the job was cancelled")
        return [TinyAvatar(request, index) for index in range(request.hypotheses)]


def probe():
    return {"kind": "cpu", "name": "tiny", "free_memory": 3 * 2**29, "total_memory": 2**33}


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    try:
        state, parent = Path(options["--state"]), options.get("--parent-pid")
        parent_pid = int(parent) if parent else None
        sys.exit(serve(state, lambda: WorkerServer(state, TinyPipeline, probe, parent_pid=parent_pid)))
    except DoppelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
