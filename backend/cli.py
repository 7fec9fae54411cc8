"""`doppel COMMAND ...`: finds the subcommand, runs it, and tells errors in one line.

Only the module of the command that was asked for is imported, and those import what is heavy when they run, so that
`doppel --help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence

from .protocol.errors import DoppelError
from .protocol.version import DOPPEL_VERSION

COMMANDS = (
    "generate",
    "edit",
    "body",
    "rig",
    "retarget",
    "export",
    "worker",
    "doctor",
    "setup",
    "train",
    "data",
    "bench",
    "eval",
)
"""Modules of `backend.commands`, each with `add_parser(subparsers)` and `run(args) -> int`, in the help's order."""

EXIT_ERROR, EXIT_INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status (argparse itself exits for --help and usage errors)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parse(arguments)
        return int(args.run(args))
    except KeyboardInterrupt:
        print("doppel: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except DoppelError as error:
        return _complain(str(error))
    except ValueError as error:
        if type(error).__module__.startswith("rigging."):
            return _complain(str(error))
        raise


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="doppel", description="Text to rigged, textured human avatars.")
    parser.add_argument("--version", action="version", version=f"doppel {DOPPEL_VERSION}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in _needed(arguments):
        module = importlib.import_module(f"{__package__}.commands.{name}")
        module.add_parser(subparsers)
        subparsers.choices[name].set_defaults(run=module.run)
    return parser.parse_args(arguments)


def _needed(arguments: list[str]) -> list[str]:
    """The one command that is named first, or all there are, for the help and for the message about a wrong name."""
    if arguments and arguments[0] in COMMANDS:
        return [arguments[0]]
    return [name for name in COMMANDS if importlib.util.find_spec(f"{__package__}.commands.{name}") is not None]


def _complain(text: str) -> int:
    print(f"doppel: error: {' '.join(text.split())}", file=sys.stderr)
    return EXIT_ERROR


if __name__ == "__main__":
    sys.exit(main())
