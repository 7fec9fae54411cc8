"""`doppel eval WHAT`: measure a part of the chain and print, or write, the table that the docs show."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

EVALUATIONS = ("images", "geometry", "photo", "rigging")
"""Modules of `backend.evaluation`, each with `add_parser(subparsers)` and `run(args) -> int`, in the help's order.

They import what is heavy in `run`, so that the help answers at once.
"""
_PACKAGE = __package__.rpartition(".")[0] + ".evaluation"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("eval", help="measure a part of the chain", description=__doc__)
    evaluations = parser.add_subparsers(metavar="WHAT", required=True)
    for name in EVALUATIONS:
        if importlib.util.find_spec(f"{_PACKAGE}.{name}") is not None:
            module = importlib.import_module(f"{_PACKAGE}.{name}")
            module.add_parser(evaluations)
            evaluations.choices[name].set_defaults(evaluate=module.run)


def run(args: argparse.Namespace) -> int:
    return int(args.evaluate(args))
