"""Train a translator: `python -m helpers.train --help`.

Leaves in the output folder what `python -m helpers.translate --model FOLDER` needs (`model.safetensors` and
`tokenizer.json`) and a card of the run (`card.json`, `CARD.md`).
"""

import argparse
import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # before PyTorch is imported: threads that wait must not keep a core busy
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from helpers.card import make_card, write_card
from helpers.checkpoints import save_model
from helpers.data import encode_pairs, train_tokenizer
from helpers.model import Transformer
from helpers.multi30k import multi30k
from helpers.training import TrainingConfig, train

EXAMPLE = """example:
  python -m helpers.train --data grammar --out my-model
  python -m helpers.train --data multi30k --direction de-en --epochs 24 --out my-translator --resume
"""


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m helpers.train", description="Train an encoder-decoder Transformer that translates.",
        epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add(
        "--out",
        required=True,
        metavar="FOLDER",
        help="folder for the model, its tokeniser, checkpoint and card",
    )
    add("--data", choices=["grammar", "multi30k"], default="grammar", help="grammar works offline (default)")
    add("--direction", choices=["de-en", "en-de"], default="de-en", help="default: de-en")
    both = argparse.BooleanOptionalAction
    add("--vocab-size", type=int, help="subwords, joint (default: 6000, grammar 900)")
    add("--d-model", type=int, help="width of the vectors (default: 256, grammar 64)")
    add("--n-heads", type=int, default=8, help="heads, must divide d-model (default: 8)")
    add("--d-ff", type=int, help="feed-forward width (default: 512, grammar 256)")
    add("--n-layers", type=int, help="encoder and decoder layers (default: 3, grammar 2)")
    add("--dropout", type=float, help="default: 0.2, grammar 0.0")
    add("--norm-first", action=both, help="pre-norm or the paper's post-norm (default: post, grammar pre)")
    add("--epochs", type=int, help="passes over the data (default: 24, grammar 5)")
    add("--max-tokens", type=int, help="padded tokens per side and batch (default: 3000, grammar 1000)")
    add("--peak-lr", type=float, help="highest learning rate (default: 0.0015, grammar 0.01)")
    add("--warmup-steps", type=int, help="steps to reach it (default: 800, grammar 200)")
    add("--average-last", type=int, help="last epochs whose weights are averaged (default: 5, grammar 3)")
    add("--bfloat16", action="store_true", help="faster on CPUs with bfloat16 in hardware, slower elsewhere")
    add("--seed", type=int, default=0, help="default: 0")
    add("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    return parser


DEFAULTS = {
    "multi30k": dict(
        vocab_size=6000, d_model=256, d_ff=512, n_layers=3, dropout=0.2, norm_first=False,
        epochs=24, max_tokens=3000, peak_lr=1.5e-3, warmup_steps=800, average_last=5,
    ),  # as the shipped translator
    "grammar": dict(
        vocab_size=900, d_model=64, d_ff=256, n_layers=2, dropout=0.0, norm_first=True,
        epochs=5, max_tokens=1000, peak_lr=1e-2, warmup_steps=200, average_last=3,
    ),  # as notebook 13
}  # fmt: skip


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
    for name, value in DEFAULTS[args.data].items():
        if getattr(args, name) is None:
            setattr(args, name, min(value, args.epochs) if name == "average_last" else value)
    try:
        return run(args)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. The same command with --resume goes on from the last checkpoint.", file=sys.stderr
        )
        return 130
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"helpers.train: {error}", file=sys.stderr)
        return 1


def run(args):
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "checkpoint.safetensors", out / "model.safetensors"]
    if not args.resume and any(file.exists() for file in files):
        raise FileExistsError(
            f"{out} holds a training already. Add --resume to go on, or choose another folder."
        )
    names = ("epochs", "max_tokens", "peak_lr", "warmup_steps", "average_last", "seed", "bfloat16")
    config = TrainingConfig(**{name: getattr(args, name) for name in names})
    pairs, valid, test = load_splits(args.data, args.direction)
    tokenizer = train_tokenizer((s for pair in pairs for s in pair), args.vocab_size)

    size = tokenizer.get_vocab_size()
    names = ("d_model", "n_heads", "d_ff", "n_layers", "dropout", "norm_first")
    sizes = {"src_vocab_size": size, "tgt_vocab_size": size} | {name: getattr(args, name) for name in names}
    torch.manual_seed(args.seed)
    model = Transformer(**sizes)

    def report(epoch, history):
        print(
            f"epoch {epoch:3d}  step {history.step[-1]:6d}  loss {history.loss[-1]:.3f}  "
            f"valid {history.valid_loss[-1]:.3f}  {history.seconds / 60:.1f} min",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    history = train(
        model, encode_pairs(pairs, tokenizer), config, valid=encode_pairs(valid, tokenizer),
        checkpoint=out / "checkpoint.safetensors", resume=args.resume, on_epoch=report,
    )  # fmt: skip
    tokenizer.save(str(out / "tokenizer.json.part"))
    os.replace(out / "tokenizer.json.part", out / "tokenizer.json")
    save_model(out / "model.safetensors", model, sizes)
    card = make_card(args, out, sizes, history, len(pairs), valid, test)
    write_card(out, card)
    print(json.dumps(card["scores"], indent=2), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
