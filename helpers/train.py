"""Train a translator: `python -m helpers.train --help`, or in two processes
`torchrun --nproc-per-node 2 --max-restarts 3 -m helpers.train --help`.

Leaves in the output folder what `python -m helpers.translate --model FOLDER` needs (`model.safetensors` and
`tokenizer.json`) and a card of the run (`card.json`, `CARD.md`).
"""

import argparse
import json
import os
import sys
from pathlib import Path

from helpers.setup import run_command, start_command

if __name__ == "__main__":
    start_command()

import torch

from helpers import distributed
from helpers.arguments import DEVICES, choose_device
from helpers.card import make_card, write_card
from helpers.checkpoints import complete, count_weights, save_model, write_file
from helpers.data import SubwordSampler, encode_pairs, train_tokenizer
from helpers.model import Transformer
from helpers.multi30k import multi30k
from helpers.training import TrainingConfig, train
from helpers.translate import SHIPPED, interpreter

EXAMPLE = """example:
  {0} -m helpers.train --data grammar --out my-model
  {0} -m helpers.train --data multi30k --direction de-en --epochs 24 --out my-translator --resume
"""

WRITTEN = ["model.safetensors", "tokenizer.json", "card.json", "CARD.md", "checkpoint.safetensors"]
MOST_WEIGHTS = 10**9  # with gradients and Adam's moments 16 GB

SETTINGS = {  # name: what it is, default for multi30k (as the shipped translator) and grammar (notebook 13)
    "vocab_size": ("subwords, joint", 6000, 900),
    "d_model": ("width of the vectors", 256, 64),
    "n_heads": ("heads, must divide d-model", 8, 8),
    "d_ff": ("feed-forward width", 512, 256),
    "n_layers": ("encoder and decoder layers", 3, 2),
    "dropout": ("share of numbers set to 0 in training", 0.2, 0.0),
    "subword_dropout": ("share of merges left out, anew in each epoch, where a word is cut", 0.0, 0.0),
    "norm_first": ("pre-norm instead of the paper's post-norm", False, True),
    "epochs": ("passes over the data", 24, 5),
    "max_tokens": ("padded tokens per side and batch", 3000, 1000),
    "peak_lr": ("highest learning rate", 1.5e-3, 1e-2),
    "warmup_steps": ("steps to reach it", 800, 200),
    "linear_decay": ("after that fall in a line to 0 instead of with 1 / sqrt(step)", False, False),
    "r_drop": ("weight of how far two predictions with dropout differ; takes twice as long", 0.0, 0.0),
    "muon_lr": ("highest learning rate of Muon for the matrices of the layers; 0 is Adam for all", 0.0, 0.0),
    "average_last": ("last epochs whose weights are averaged", 5, 3),
}


def build_parser():
    parser = argparse.ArgumentParser(
        prog=f"{interpreter()} -m helpers.train", epilog=EXAMPLE.format(interpreter()),
        description="Train an encoder-decoder Transformer that translates.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add, both = parser.add_argument, argparse.BooleanOptionalAction
    add("--out", required=True, metavar="FOLDER", help="for the model, its tokeniser, checkpoint and card")
    add("--data", choices=["grammar", "multi30k"], default="grammar", help="grammar works offline (default)")
    add("--direction", choices=["de-en", "en-de"], default="de-en", help="default: de-en")
    for name, (text, captions, grammar) in SETTINGS.items():
        kind = {"action": both} if isinstance(grammar, bool) else {"type": type(grammar)}
        text = f"{text} (default: multi30k {captions}, grammar {grammar})"
        add("--" + name.replace("_", "-"), help=text, **kind)
    add("--bfloat16", action="store_true", help="faster where the processor has bfloat16, slower elsewhere")
    add("--seed", type=int, default=0, help="default: 0")
    add("--device", choices=DEVICES, default="auto", help="default: the fastest there is")
    add("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    return parser


def load_splits(data, direction):
    """Training, validation and test pairs `(source, target)` of a data set."""
    if data == "multi30k":
        splits = [multi30k(split) for split in ("train", "valid", "test")]
    else:
        from helpers.grammar import grammar_corpus

        pairs, test = ([(p.german, p.english) for p in side] for side in grammar_corpus(20_000, 500))
        splits = [pairs[500:], pairs[:500], test]
    if direction == "en-de":
        splits = [[(english, german) for german, english in pairs] for pairs in splits]
    return splits


def main(arguments=None):
    args = build_parser().parse_args(arguments)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # where it was closed
    for name, (_, captions, grammar) in SETTINGS.items():
        if getattr(args, name) is None:
            value = captions if args.data == "multi30k" else grammar
            setattr(args, name, min(value, args.epochs) if name == "average_last" else value)
    try:
        return run(args)
    except KeyboardInterrupt:
        if distributed.leads():
            print(
                "\nInterrupted. The same command with --resume goes on from the last checkpoint.",
                file=sys.stderr,
            )
        return 130
    except (OSError, ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        print(distributed.complaint("helpers.train", error), file=sys.stderr)
        return 1


def check_folder(folder, resume):
    """Raise ValueError or FileExistsError where a training would lose what is in the folder."""
    if not folder.strip():
        raise ValueError("--out is empty. Name a folder, for example --out my-model.")
    out = Path(folder).expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{folder} is a file. Name a folder, for example --out my-model.")
    if SHIPPED.resolve() in (out, *out.parents):
        raise ValueError(f"{folder} holds the translator of the series. Choose another folder.")
    begun = (out / "checkpoint.safetensors").is_file()
    there = [name for name in WRITTEN if (out / name).exists() or (out / name).is_symlink()]
    if there and not begun:
        raise FileExistsError(
            f"{folder} holds {there[0]} and no checkpoint to go on from. Choose another folder."
        )
    if begun and not resume:
        raise FileExistsError(
            f"{folder} holds a training already. Add --resume to go on, or choose another folder."
        )


def run(args):
    args.device = choose_device(args.device)
    names = ("epochs", "max_tokens", "peak_lr", "warmup_steps", "linear_decay", "average_last", "seed")
    names += ("bfloat16", "muon_lr", "r_drop")
    config = TrainingConfig(**{name: getattr(args, name) for name in names})
    names = ("d_model", "n_heads", "d_ff", "n_layers", "dropout", "norm_first")
    sizes = {name: getattr(args, name) for name in names} | {"joint_vocabulary": True}
    both = ("src_vocab_size", "tgt_vocab_size")
    wished = complete(dict.fromkeys(both, args.vocab_size) | sizes)
    if count_weights(wished) > MOST_WEIGHTS:
        raise ValueError(
            f"a model of {count_weights(wished):,} weights: this command trains up to {MOST_WEIGHTS:,}. "
            "Choose a smaller vocab-size, d-model, d-ff or n-layers."
        )
    distributed.join(args.device)
    args.resume = distributed.begun() or args.resume
    check_folder(args.out, args.resume)
    distributed.begin()
    out = Path(args.out).expanduser()
    out.mkdir(parents=True, exist_ok=True)
    pairs, valid, test = load_splits(args.data, args.direction)
    tokenizer = train_tokenizer((s for pair in pairs for s in pair), args.vocab_size)
    sizes = dict.fromkeys(both, tokenizer.get_vocab_size()) | sizes
    torch.manual_seed(args.seed)
    model = Transformer(**sizes)

    def report(epoch, history):
        print(
            f"epoch {epoch:3d}  step {history.step[-1]:6d}  loss {history.loss[-1]:.3f}  "
            f"valid {history.valid_loss[-1]:.3f}  {history.seconds / 60:.1f} min",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    encoded = encode_pairs(pairs, tokenizer)
    if args.subword_dropout:
        encoded = SubwordSampler(pairs, tokenizer, args.subword_dropout)
    history = train(
        model, encoded, config, valid=encode_pairs(valid, tokenizer),
        checkpoint=out / "checkpoint.safetensors", resume=args.resume, on_epoch=report,
        device=args.device,
    )  # fmt: skip
    if not distributed.leads():
        return 0
    write_file(out / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
    save_model(out / "model.safetensors", model, sizes)
    card = make_card(args, out, sizes, history, len(pairs), valid, test)
    write_card(out, card)
    print(json.dumps(card["scores"], indent=2), file=sys.stderr)
    return 0


if __name__ == "__main__":
    run_command(main)
