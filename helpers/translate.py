"""Translate with a trained model: `python -m helpers.translate --help`."""

import argparse
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":  # before PyTorch is imported: threads that wait must not keep a core busy
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tokenizers import Tokenizer

from helpers.checkpoints import load_model
from helpers.decoding import translate_batch
from helpers.model import Transformer

SHIPPED = Path(__file__).parent / "translator"

# Between sentences: after . ! or ?, before a capital letter, but not in "am 3. Mai" or "Dr. Weiss".
SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\d\.)(?<!\b[A-Z][a-z]\.)(?<!\b[A-Za-z]\.)(?<!\bProf\.)\s+(?=[A-ZÄÖÜ])"
)

EXAMPLE = """example:
  python -m helpers.translate "Zwei Hunde spielen im Schnee."
  python -m helpers.translate --file captions.de > captions.en

The shipped model knows image captions: short sentences about people, animals and places.
"""


class Translator(NamedTuple):
    """A model and its tokeniser; `translate` takes a list of texts and returns a list of translations."""

    model: Transformer
    tokenizer: Tokenizer

    def translate(self, texts):
        """One translation per text, in order; an empty text stays empty, several sentences stay one text.

        Raises:
            ValueError: a sentence of more tokens than the model can read.
            TypeError: a string instead of a list of strings.
        """
        if isinstance(texts, str):
            raise TypeError(f"{texts[:40]!r} is one string, expected a list of texts. Write [text].")
        parts = [SENTENCE_END.split(text.strip()) for text in texts]
        answers = iter(translate_batch(self.model, self.tokenizer, [p for text in parts for p in text]))
        return [" ".join(next(answers) for _ in text) for text in parts]


def load_translator(folder=None):
    """The translator in `folder`, or the one that comes with the series.

    Raises:
        FileNotFoundError: no model or no tokeniser there.
        ValueError: one of the files is damaged.
    """
    folder = Path(folder or SHIPPED)
    path = folder / "tokenizer.json"
    model = load_model(folder / "model.safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: a model needs the tokeniser it was trained with.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more precise
        raise ValueError(f"{path} is damaged ({error}). Delete it and fetch or train it again.") from error
    tokenizer.encode_special_tokens = True  # "</s>" in a text is text
    return Translator(model, tokenizer)


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m helpers.translate", epilog=EXAMPLE,
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
        "--model", metavar="FOLDER", help="a folder that helpers.train has written (default: shipped)"
    )
    return parser


def read_lines(args):
    """The lines to translate, one after the other."""
    if args.sentence:
        yield " ".join(args.sentence)
    elif args.file:
        with open(args.file, encoding="utf-8-sig") as file:
            yield from file
    else:
        sys.stdin.reconfigure(encoding="utf-8")
        yield from sys.stdin


def chunks(lines, size):
    """Lists of up to `size` lines."""
    chunk = []
    for line in lines:
        chunk.append(line.rstrip("\r\n"))
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def main(arguments=None):
    args = build_parser().parse_args(arguments)
    if args.sentence and args.file:
        print("helpers.translate: give a sentence or --file, not both.", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding="utf-8")
    typed = not args.sentence and not args.file and sys.stdin.isatty()
    try:
        translator = load_translator(args.model)
        for chunk in chunks(read_lines(args), 1 if typed else 256):
            print("\n".join(" ".join(text.split()) for text in translator.translate(chunk)), flush=True)
    except UnicodeDecodeError as error:
        print(
            f"helpers.translate: the text is not UTF-8 ({error}). Save it as UTF-8 and try again.",
            file=sys.stderr,
        )
        return 1
    except (OSError, ValueError) as error:
        print(f"helpers.translate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
