"""`doppel bench`: seconds and peak memory of each stage of the main job on this machine."""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..protocol.request import GenerateRequest

PROMPT = "a woman in a red dress with long brown hair"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("bench", help="time the stages on this machine", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="warm runs; the median is printed")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--steps", type=int, default=GenerateRequest(prompt="-").steps)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: PyTorch's choice)")
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument(
        "--dense", action="store_true", help="also extract on a dense grid, for the ratio; minutes on a CPU"
    )


def run(args: argparse.Namespace) -> int:
    import torch

    from ..evaluation.import_speed import import_rows
    from ..evaluation.preview_speed import preview_rows
    from ..geometry.body_maps import body_maps
    from ..pipelines.avatar import AvatarPipeline
    from ..pipelines.body import PosedSubject
    from ..protocol.errors import DoppelError
    from ..protocol.version import DOPPEL_VERSION

    if args.runs < 1:
        raise DoppelError("bench_arguments", "--runs must be at least 1", "e.g. doppel bench --runs 3")
    if args.threads:
        torch.set_num_threads(args.threads)
    request = GenerateRequest(prompt=args.prompt, seed=args.seed, steps=args.steps).validate()
    started = time.perf_counter()
    pipeline = AvatarPipeline.from_pretrained(args.weights, args.device)
    loading = time.perf_counter() - started
    rows: dict[str, list[tuple[float, float]]] = {}
    totals = []
    for index in range(args.runs + 1):
        meter = _Meter(pipeline.device)
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            avatars = pipeline(request, meter.on_progress)
            meter.enter("save")
            avatars[0].save(Path(folder))
            stages = meter.finish()
        if index == 0:
            cold = time.perf_counter() - begun
            continue
        totals.append(time.perf_counter() - begun)
        for name, measured in stages.items():
            rows.setdefault(name, []).append(measured)

    subject = PosedSubject.of(pipeline.body_model, pipeline.parameters_of(request), pipeline.device)
    maps = _median_ms(lambda: body_maps(subject.vertices, subject.faces, subject.template, 512), pipeline.device)
    print(
        f"Doppel {DOPPEL_VERSION}, {device_name(pipeline.device)}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads, seed {args.seed}, {args.steps} steps, {args.runs} runs"
    )
    print(
        f"| stage | seconds (median) | peak {'GPU' if pipeline.device.type == 'cuda' else 'resident'} memory, MiB |\n"
        "|---|---:|---:|"
    )
    print(f"| loading, once | {loading:.2f} | |")
    for name, values in rows.items():
        print(f"| {name} | {statistics.median(v[0] for v in values):.2f} | {max(v[1] for v in values):.0f} |")
    print(
        f"| **all, warm** | **{statistics.median(totals):.2f}** | {max(v[1] for vs in rows.values() for v in vs):.0f} |"
    )
    print(f"| first run | {cold:.2f} | |")
    print(f"| conditioning maps, 512x512, both sides | {maps / 1000:.3f} | |")
    if args.dense:
        print(_dense_rows(pipeline, subject, avatars[0]))
    for name, seconds in preview_rows():
        print(f"| {name} | {seconds:.4f} | |")
    for name, seconds in import_rows():
        print(f"| {name} | {seconds:.2f} | |")
    return 0


def _dense_rows(pipeline: Any, subject: Any, avatar: Any) -> str:
    import numpy as np
    import torch

    from ..evaluation.dense_grid import compare_extraction

    front, back = (
        torch.from_numpy(np.array(picture)).to(pipeline.device).permute(2, 0, 1).float() / 255
        for picture in (avatar.front, avatar.back)
    )
    return compare_extraction(pipeline.lift, subject, front, back).rows()


def device_name(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model} ({torch.get_num_threads()} of {_cores()} cores)"


def _cores() -> int:
    import os

    return os.cpu_count() or 1


def _median_ms(work: Callable[[], Any], device: Any, repeats: int = 9) -> float:
    import torch

    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


class _Meter:
    """Seconds and peak memory between progress reports of different stages."""

    def __init__(self, device: Any) -> None:
        import psutil

        self._device = device
        self._process = psutil.Process()
        self._stages: dict[str, tuple[float, float]] = {}
        self._name: str | None = None
        self._started = 0.0
        self._peak = 0.0
        self._running = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._running:
            self._peak = max(self._peak, self._process.memory_info().rss / 2**20)
            time.sleep(0.02)

    def on_progress(self, stage: str, step: int, steps: int, preview: Any) -> None:
        if stage != self._name:
            self.enter(stage)

    def enter(self, stage: str | None) -> None:
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        if self._name is not None:
            peak = torch.cuda.max_memory_allocated(self._device) / 2**20 if self._device.type == "cuda" else self._peak
            seconds, earlier = self._stages.get(self._name, (0.0, 0.0))
            self._stages[self._name] = (seconds + now - self._started, max(earlier, peak))
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._name, self._started, self._peak = stage, now, 0.0

    def finish(self) -> dict[str, tuple[float, float]]:
        self.enter(None)
        self._running = False
        self._thread.join()
        return self._stages
