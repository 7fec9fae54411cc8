"""`doppel data make`: people for training and evaluation."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("data", help="make synthetic people", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    make = actions.add_parser("make", help="make a dataset; a second run goes on where the first stopped")
    make.add_argument("--people", type=int, required=True, help="how many")
    make.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    make.add_argument("--seed", type=int, default=0)
    source = make.add_mutually_exclusive_group()
    source.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    source.add_argument("--procedural", action="store_true", help="plain computed clothes and skins; needs no assets")
    make.add_argument("--mix", action="store_true", help="add the computed clothes to those of the asset folder")
    make.add_argument("--test-split", action="store_true", help="only held-out identities and clothes")
    make.add_argument(
        "--surface-every",
        type=int,
        default=1,
        metavar="N",
        help="add the lifter's ground truth to each Nth person (default: all)",
    )
    make.add_argument(
        "--turned", type=float, default=0.0, metavar="SHARE", help="share of people who are turned by any angle"
    )
    make.add_argument(
        "--patterned", type=float, default=None, metavar="SHARE", help="share of plain clothes that get a pattern"
    )
    make.add_argument(
        "--everyday", type=float, default=None, metavar="SHARE", help="share of people in an everyday pose"
    )
    make.add_argument(
        "--wearing", nargs="+", default=[], metavar="KIND", help="only people whose upper garment is one of these kinds"
    )
    make.add_argument("--threads", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm

    from ..data.catalogue import Catalogue
    from ..data.contact_sheet import contact_sheet
    from ..data.dataset import FORMAT_VERSION, person_path, read_sample, write_sample
    from ..data.factory import Factory
    from ..data.person import EVERYDAY, PATTERNED
    from ..data.procedural import procedural_catalogue, with_procedural_clothes
    from ..models.slots import SLOTS
    from ..protocol.errors import DoppelError

    if args.mix and args.procedural:
        raise DoppelError("data_arguments", "--mix adds to the asset folder, --procedural does without", "Name one.")
    if args.people < 1 or args.surface_every < 1 or args.seed < 0:
        raise DoppelError(
            "data_arguments",
            "--people and --surface-every must be at least 1, --seed not negative",
            "See `doppel data make --help`.",
        )
    for name, share in (("turned", args.turned), ("patterned", args.patterned), ("everyday", args.everyday)):
        if share is not None and not 0 <= share <= 1:
            raise DoppelError("data_arguments", f"--{name} is a share from 0 to 1, not {share:g}")
    kinds = next(slot.choices for slot in SLOTS if slot.name == "upper_kind")
    if unknown := [kind for kind in args.wearing if kind not in kinds]:
        raise DoppelError(
            "data_arguments", f"--wearing knows no {', '.join(unknown)}", f"Kinds are: {', '.join(kinds)}."
        )
    torch.set_num_threads(args.threads)
    catalogue = procedural_catalogue() if args.procedural else Catalogue.load(args.assets)
    if args.mix:
        catalogue = with_procedural_clothes(catalogue)
    if args.procedural:
        print(f"procedural set: {len(catalogue.entries)} computed clothes, haircuts and skins")
    for problem in catalogue.problems:
        print(f"left out: {problem}")
    patterned = PATTERNED if args.patterned is None else args.patterned
    everyday = EVERYDAY if args.everyday is None else args.everyday
    factory = Factory(
        catalogue,
        args.seed,
        args.test_split,
        turned=args.turned,
        patterned=patterned,
        wearing=args.wearing,
        everyday=everyday,
    )
    for name, reason in factory.dropped_poses:
        print(f"left out: pose {name}: {reason}")
    header = {"version": FORMAT_VERSION, "seed": args.seed, "split": "test" if args.test_split else "train"}
    if args.procedural:
        header["assets"] = "procedural"
    elif args.mix:
        header["assets"] = "mixed"
    if args.turned:
        header["turned"] = args.turned
    if args.patterned is not None:
        header["patterned"] = args.patterned
    if args.everyday is not None:
        header["everyday"] = args.everyday
    if args.wearing:
        header["wearing"] = sorted(args.wearing)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "dataset.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != header:
        raise DoppelError(
            "data_other",
            f"{args.out} was made with another seed, split, format or set of assets",
            "Choose another folder, or the seed of that dataset.",
        )
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(header), encoding="utf-8")
    os.replace(partial, path)

    missing = [i for i in range(args.people) if not person_path(args.out, i).exists()]
    for index in tqdm(missing, desc="people"):
        write_sample(person_path(args.out, index), factory.make(index, surface=index % args.surface_every == 0))
    shown = [read_sample(person_path(args.out, i)) for i in range(min(args.people, 24))]
    contact_sheet([(s.front, s.back, *s.head) for s in shown]).save(args.out / "contact_sheet.jpg", quality=88)
    return 0
