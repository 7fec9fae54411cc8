"""Average two model folders, weight by weight: between an older and a newer training, or of two of one start.

    python tools/average_weights.py weights/older weights/newer 0.6 weights/between unet body_encoder back_adapter

The result is a copy of the newer folder in which the named parts are (1 - share) of the older and ``share`` of the
newer one (Wortsman et al. 2022, "Model soups"). Parts must belong together: a back adapter to its denoiser.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[1]))

from backend.pipelines.weights import write_index  # noqa: E402

FILE = "diffusion_pytorch_model.safetensors"


def average(older: Path, newer: Path, share: float, out: Path, parts: list[str]) -> None:
    """Write ``out``, which must not exist yet."""
    shutil.copytree(newer, out)
    for part in parts:
        before, after = load_file(older / part / FILE), load_file(newer / part / FILE)
        if {name: value.shape for name, value in before.items()} != {n: value.shape for n, value in after.items()}:
            raise SystemExit(f"{part} is not of the same shape in {older} and {newer}")
        mixed = {name: before[name].float().lerp(after[name].float(), share).to(after[name].dtype) for name in after}
        save_file(mixed, out / part / FILE, metadata={"format": "pt"})
    write_index(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("older", type=Path)
    parser.add_argument("newer", type=Path)
    parser.add_argument("share", type=float, help="of the newer, 0 to 1")
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="+")
    args = parser.parse_args()
    average(args.older, args.newer, args.share, args.out, args.parts)


if __name__ == "__main__":
    main()
