"""Score a translator on sentences that it has not learnt from: `python -m helpers.score --help`."""

import argparse
import json
import sys
from pathlib import Path

from helpers.setup import run_command, start_command

if __name__ == "__main__":
    start_command()

from helpers.arguments import DEVICES, check_counts, choose_device, one_line
from helpers.card import score_both
from helpers.train import load_splits
from helpers.translate import SHIPPED, interpreter, load_translator

SPLITS = ["train", "valid", "test"]


def build_parser():
    parser = argparse.ArgumentParser(
        prog=f"{interpreter()} -m helpers.score",
        description=(
            "BLEU of a translator, word by word (greedy) and by beam search, each with half the width of a "
            "95 %% interval: what drawing these sentences anew, with repetition, moves."
        ),
    )
    add = parser.add_argument
    add("--model", metavar="FOLDER", default=SHIPPED, help="default: the translator of the series")
    add("--data", choices=["grammar", "multi30k"], default="multi30k", help="default: multi30k")
    add("--split", choices=SPLITS, default="test", help="choose on valid, and score the test once (default)")
    add("--sentences", type=int, metavar="N", help="only the first N")
    add("--device", choices=DEVICES, default="auto", help="default: the fastest there is")
    return parser


def main(arguments=None):
    args = build_parser().parse_args(arguments)
    try:
        if args.sentences is not None:
            check_counts(sentences=args.sentences)
        translator = load_translator(args.model)
        translator.model.to(choose_device(args.device))
        direction = json.loads(Path(args.model, "card.json").read_text(encoding="utf-8"))["direction"]
        pairs = load_splits(args.data, direction)[SPLITS.index(args.split)][: args.sentences]
        for way, scores in score_both(*translator, pairs, direction[-2:]).items():
            for name, found in scores.items():
                if isinstance(found, dict):
                    found = f"{found['score']:5.2f} ± {found['interval']:.2f}  {found['signature']}"
                print(f"{way:6}  {name:19}  {found}")
    except (OSError, ValueError, RuntimeError) as error:
        print(f"helpers.score: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    run_command(main)
