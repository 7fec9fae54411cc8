"""`doppel setup WHAT`: fetch what an optional part needs and Doppel does not ship."""

from __future__ import annotations

import argparse
import sys

PARTS = ("photo",)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "setup",
        help="fetch what an optional part needs: photo",
        description="photo: the networks that find people in photographs (MediaPipe, Apache-2.0; 18 MB in the cache), "
        "and the package that runs them (ai-edge-litert, Apache-2.0). Both come from PyPI by pip.",
    )
    parser.add_argument("part", choices=PARTS)


def run(args: argparse.Namespace) -> int:
    from ..photo.networks import set_up

    folder = set_up(lambda text: print(text, file=sys.stderr))
    print(f"photos can be read; the networks are in {folder}")
    return 0
