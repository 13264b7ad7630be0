"""Translate with a trained model: `python -m helpers.translate --help`."""

import argparse
import os
import re
import shutil
import sys
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from helpers.setup import run_command, start_command

if __name__ == "__main__":
    start_command()

from tokenizers import Tokenizer

from helpers import fast
from helpers.arguments import (
    DEVICES,
    check_beam,
    check_counts,
    check_pad_id,
    check_texts,
    choose_device,
    one_line,
)
from helpers.checkpoints import load_model
from helpers.data import PAD_ID, SPECIAL_TOKENS, UNK_ID
from helpers.decoding import translate_batch
from helpers.model import Transformer

SHIPPED = Path(__file__).parent / "translator"
BEAM_SIZE, LENGTH_PENALTY = 4, 1.0  # chosen on the validation captions

# Between sentences: after . ! or ?, before a capital letter, but not in "am 3. Mai" or "Dr. Weiss".
SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\d\.)(?<!\b[A-Z][a-z]\.)(?<!\b[A-Za-z]\.)(?<!\bProf\.)\s+(?=[A-ZÄÖÜ])"
)

EXAMPLE = """example:
  {0} -m helpers.translate "Zwei Hunde spielen im Schnee."
  {0} -m helpers.translate --file captions.de > captions.en

The shipped model knows image captions: short sentences about people, animals and places.
"""


def join_sentences(answers):
    """The translations of a text's sentences as one; of lists of (text, score) the best combinations."""
    if not any(isinstance(answer, list) for answer in answers):
        return " ".join(answers)
    best = [("", 0.0)]
    for pairs in answers:
        both = [(f"{a} {b}".strip(), x + y) for a, x in best for b, y in (pairs or [("", 0.0)])]
        best = sorted(both, key=lambda pair: -pair[1])[: max(len(best), len(pairs))]
    return best


class Translator(NamedTuple):
    """A model and its tokeniser; `translate` takes a list of texts and returns a list of translations."""

    model: Transformer
    tokenizer: Tokenizer

    def translate(self, texts, decode=fast.greedy_decode, batch_size=64):
        """One translation per text, in order; an empty text stays empty, several sentences stay one text.

        Args:
            decode: called as `(model, src)`; where it gives the n best, so does this: for each text a list of
                pairs (text, score), the scores of its sentences added.

        Raises:
            ValueError: a sentence of more tokens than the model can read.
            TypeError: a string instead of a list of strings.
        """
        texts = check_texts(texts)
        parts = [SENTENCE_END.split(text.strip()) for text in texts]
        sentences = [sentence for text in parts for sentence in text]
        answers = iter(translate_batch(self.model, self.tokenizer, sentences, batch_size, decode))
        return [join_sentences([next(answers) for _ in text]) for text in parts]

    def is_foreign(self, text):
        """Whether more of its characters are unknown to the vocabulary than letters and digits are known."""
        ids = self.tokenizer.encode(text).ids
        known = self.tokenizer.decode([i for i in ids if i != UNK_ID])
        return ids.count(UNK_ID) > sum(map(str.isalnum, known))


def load_translator(folder=SHIPPED):
    """The translator in `folder`, or the one that comes with the series.

    Raises:
        FileNotFoundError: no model or no tokeniser there.
        ValueError: one of the files is damaged, or they do not belong together.
    """
    path = Path(folder, "tokenizer.json")
    if Path(folder).is_file():
        raise ValueError(f"{folder} is a file. Name the folder with model.safetensors and tokenizer.json.")
    model = load_model(Path(folder, "model.safetensors"))
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: a model needs the tokeniser it was trained with.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()  # whatever the file says
        tokenizer.no_padding()
        tokenizer.encode("\0")  # as unknown as can be
    except BaseException as error:  # the library raises nothing more precise, and panics
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ValueError(f"{path} is damaged ({error}). Delete it and fetch or train it again.") from error
    ids = tokenizer.get_vocab()
    sizes = {len(ids), model.src_embedding.num_embeddings, model.tgt_embedding.num_embeddings}
    special = [ids.get(token) for token in SPECIAL_TOKENS]
    check_pad_id(model, PAD_ID)
    if len(sizes) > 1 or max(ids.values()) >= len(ids) or special != [0, 1, 2, 3]:
        raise ValueError(
            f"{path} is not the tokeniser of this model: it has {len(ids)} subwords with ids up to "
            f"{max(ids.values())}, the model {model.src_embedding.num_embeddings}. Fetch or train both again."
        )
    tokenizer.encode_special_tokens = True  # "</s>" in a text is text
    return Translator(model, tokenizer)


def interpreter():
    """How to call this Python from the current folder: `.venv/bin/python`, `python`, or its whole path."""
    path = Path(sys.executable)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return path.name if shutil.which(path.name) == str(path) else str(path)


def build_parser():
    parser = argparse.ArgumentParser(
        prog=f"{interpreter()} -m helpers.translate", epilog=EXAMPLE.format(interpreter()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Translate German to English: a sentence, lines on standard input, or the lines of a file."
        ),
    )  # fmt: skip
    parser.add_argument(
        "sentence", nargs="*", help="a sentence; without one, lines are read from standard input"
    )
    parser.add_argument("--file", metavar="FILE", help="translate the lines of a UTF-8 text file")
    parser.add_argument(
        "--model", metavar="FOLDER", default=SHIPPED,
        help="a folder that helpers.train has written (default: the model of the series)",
    )  # fmt: skip
    parser.add_argument("--greedy", action="store_true", help="word by word: faster, a little worse")
    parser.add_argument(
        "--beam", type=int, metavar="N", default=BEAM_SIZE,
        help="keep the N likeliest beginnings (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--n-best", type=int, metavar="N", help="print the N best: line number, score and translation"
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", default=64, help="sentences at a time (default: %(default)s)"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: the fastest there is")
    return parser


def say(text):
    """One line on standard error."""
    print(f"helpers.translate: {text}", file=sys.stderr)


def read_lines(args):
    """The lines to translate, as bytes."""
    if args.sentence:
        yield " ".join(args.sentence).encode("utf-8", "surrogateescape")
    elif args.file is not None:
        try:
            with open(args.file, "rb") as file:
                yield from file
        except OSError as error:
            raise ValueError(f"cannot read {args.file!r} ({error.strerror}). Name a text file.") from error
    elif sys.stdin is None:
        raise ValueError("standard input is closed. Give a sentence or --file FILE.")
    else:
        if sys.stdin.isatty():
            say("type a sentence and press Enter; Ctrl-D ends (on Windows Ctrl-Z and Enter).")
        yield from sys.stdin.buffer


def decode_line(line):
    """The text of a line of bytes, spaces made plain, without the mark that some editors put first."""
    try:
        text = line.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # as in UTF-16
        raise ValueError(f"the text is not UTF-8, or holds a NUL: {line[:40]!r}. Save it as UTF-8.")
    return " ".join(text.split())


def translate_each(translate, lines):
    """A translation for each line of bytes, or the ValueError that this line causes."""
    try:
        return translate([decode_line(line) for line in lines])
    except ValueError as error:  # comes before anything is translated
        if len(lines) == 1:
            return [error]
        half = len(lines) // 2
        return translate_each(translate, lines[:half]) + translate_each(translate, lines[half:])


def write(lines):
    """Print lines at once. Raises OSError when nobody reads on or the disk is full."""
    try:
        print("\n".join(lines), flush=True)
    except OSError as error:  # Python must not try again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OSError(f"cannot write to standard output ({error.strerror}).") from error


def translate_lines(translator, lines, size, n_best=None, **options):
    """Print a translation per line, `size` at a time, an empty one for a bad line; returns the exit code."""
    code, number = 0, 0
    while chunk := list(islice(lines, size)):
        printed = []
        answers = translate_each(partial(translator.translate, **options), chunk)
        for line, answer in zip(chunk, answers, strict=True):
            number += 1
            if isinstance(answer, ValueError):
                say(f"line {number}: {answer}")
                answer, code = "", 1
            elif translator.is_foreign(decode_line(line)):
                say(f"line {number}: most of its letters are new to the model; the answer means nothing.")
            if n_best is None:
                printed.append(" ".join(answer.split()))
            else:
                best = answer[:n_best] if isinstance(answer, list) else [(answer, 0.0)]
                printed += [f"{number}\t{score:.3f}\t{' '.join(text.split())}" for text, score in best]
        write(printed)
    return code


def choose_decoder(args):
    """The function that decodes as the options say. Raises ValueError where they do not go together."""
    check_counts(batch_size=args.batch_size)
    if not args.greedy:
        check_beam(args.beam, LENGTH_PENALTY, args.n_best)
        return partial(
            fast.beam_search, beam_size=args.beam, length_penalty=LENGTH_PENALTY, n_best=args.n_best
        )
    if args.n_best is not None:
        raise ValueError("--greedy finds one translation: use --n-best without it.")
    return fast.greedy_decode


def main(arguments=None):
    args = build_parser().parse_args(arguments)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # where it was closed
    if args.sentence and args.file is not None:
        say("give a sentence or --file, not both.")
        return 2
    if sys.stdout is None:
        say("standard output is closed: there is nowhere to write to.")
        return 1
    sys.stdout.reconfigure(encoding="utf-8")
    typed = not args.sentence and args.file is None and sys.stdin and sys.stdin.isatty()
    try:
        options = {"n_best": args.n_best, "decode": choose_decoder(args), "batch_size": args.batch_size}
        device = choose_device(args.device)
        translator = load_translator(args.model)
        translator.model.to(device)
        return translate_lines(translator, read_lines(args), 1 if typed else 1024, **options)
    except BrokenPipeError:  # as when `head` has read enough
        return 1
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        say(one_line(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    run_command(main)
