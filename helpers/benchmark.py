"""How fast this machine trains and translates with the series' model: `python -m helpers.benchmark --help`.

Every row is measured side by side with the others, in shuffled order, and told as a ratio to the first: how
many times as fast, the median of the rounds and the range of their middle half. Times differ from machine to
machine; the ratios differ less.
"""

import argparse
import importlib.util
import json
import random
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cache
from statistics import median, quantiles

from helpers.setup import progress, run_command, start_command

if __name__ == "__main__":
    start_command()

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from helpers import decoding, fast
from helpers.arguments import check_counts, one_line
from helpers.card import machine
from helpers.checkpoints import write_file
from helpers.data import BOS_ID, EOS_ID, PAD_ID, Batch
from helpers.model import Transformer
from helpers.reference import to_torch
from helpers.training import Run, TrainingConfig, train

ATTENTION, FOLDED = F.scaled_dot_product_attention, {F.linear: fast.linear}
VOCABULARY = 8000
SIZES = {"d_model": 256, "n_heads": 8, "d_ff": 512, "n_layers": 3, "dropout": 0.1, "max_len": 512}


def new_model():
    torch.manual_seed(0)
    return Transformer(VOCABULARY, VOCABULARY, **SIZES)


def drawn_ids(rows, length):
    """Random ids `(rows, length)` without special ones."""
    return torch.randint(4, VOCABULARY, (rows, length))


def side_by_side(functions, rounds):
    """Seconds of each function by name, one list entry a round; the first round does not count."""
    seconds, names = {name: [] for name in functions}, list(functions)
    for _ in progress(range(rounds + 1), delay=1):
        for name in random.sample(names, len(names)):
            started = time.perf_counter()
            functions[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def ratios(seconds):
    """For each name how many times as fast as the first: median, and the range of the middle half."""
    base = next(iter(seconds.values()))
    table = {}
    for name, times in seconds.items():
        each = [a / b for a, b in zip(base, times, strict=True)]
        low, _, high = quantiles(each, n=4) if len(each) > 1 else (each * 3)
        table[name] = {"seconds": median(times), "ratio": median(each), "from": low, "to": high}
    return table


# --- Training -----------------------------------------------------------------------------------------------


@contextmanager
def kernels(chosen):
    """Replaces what `fast.choice` gives: {} is the lesson's way."""
    before, fast.choice = fast.choice, lambda: chosen
    try:
        yield
    finally:
        fast.choice = before


def stepper(model, batch, chosen, bfloat16=False):
    """A function that makes one update as `training.train` does."""
    run = Run(model, TrainingConfig(epochs=1, peak_lr=1e-4, bfloat16=bfloat16))

    def step():
        with kernels(chosen):
            run.step(batch)

    return step


class Marian(nn.Module):
    """MarianMT of Hugging Face in our sizes, called as `(src, tgt)`."""

    def __init__(self, dropout=SIZES["dropout"]):
        from transformers import MarianConfig, MarianMTModel

        super().__init__()
        layers, heads, d_ff = (SIZES[name] for name in ("n_layers", "n_heads", "d_ff"))
        self.model = MarianMTModel(MarianConfig(
            vocab_size=VOCABULARY, d_model=SIZES["d_model"], encoder_layers=layers, decoder_layers=layers,
            encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=d_ff,
            decoder_ffn_dim=d_ff, dropout=SIZES["dropout"], attention_dropout=dropout,
            activation_dropout=dropout, activation_function="relu", max_position_embeddings=512,
            pad_token_id=PAD_ID, eos_token_id=EOS_ID, decoder_start_token_id=BOS_ID, scale_embedding=True,
            forced_eos_token_id=None, bad_words_ids=None,
        ))  # fmt: skip

    def forward(self, src, tgt):
        return self.model(input_ids=src, attention_mask=(src != PAD_ID).long(), decoder_input_ids=tgt).logits

    def greedy_decode(self, src, max_len):
        """So many tokens for each source, with its own cache."""
        return self.model.generate(
            src, attention_mask=(src != PAD_ID).long(), max_new_tokens=max_len, min_new_tokens=max_len,
            num_beams=1, do_sample=False, eos_token_id=None,
        )  # fmt: skip


def installed(name):
    """Whether a package can be imported."""
    return importlib.util.find_spec(name) is not None


def measure_training(shape, rounds):
    """One update on a batch of `shape` by each system; the parts of the fast path one after the other."""
    batch = Batch(*(drawn_ids(*shape) for _ in range(3)))
    cheap, head_by_head = {F.dropout: fast.dropout}, {ATTENTION: fast.attention}
    systems = {
        "torch.nn.Transformer": stepper(to_torch(new_model()), batch, {}),
        "the lessons' model": stepper(new_model(), batch, {}),
        "loss in parts": stepper(new_model(), batch, {None: None}),
        "and dropout from 16 bits": stepper(new_model(), batch, cheap),
        "and attention head by head": stepper(new_model(), batch, cheap | head_by_head),
        "and linear layers by oneDNN": stepper(new_model(), batch, cheap | head_by_head | FOLDED),
        "what `train` chooses here": stepper(new_model(), batch, fast.choice()),
    }
    if operations_per_second(torch.bfloat16) > operations_per_second(torch.float32):
        systems["the same in bfloat16"] = stepper(new_model(), batch, fast.choice(), bfloat16=True)
    if installed("transformers"):
        systems["MarianMT"] = stepper(Marian(), batch, {})
        systems["MarianMT, its dropout"] = stepper(Marian(dropout=0.0), batch, {})
    return ratios(side_by_side(systems, rounds))


def measure_attempts(shape, rounds):
    """What `train` leaves out, beside what it chooses."""
    batch, chosen = Batch(*(drawn_ids(*shape) for _ in range(3))), fast.choice()
    two = stepper(new_model(), batch, chosen)
    systems = {
        "what `train` chooses here": stepper(new_model(), batch, chosen),
        "attention of PyTorch": stepper(new_model(), batch, chosen | {ATTENTION: ATTENTION}),
        "with two threads": lambda: with_threads(2, two),
    }
    if 10 * operations_per_second(torch.bfloat16) > operations_per_second(torch.float32):  # or it takes hours
        systems["in bfloat16"] = stepper(new_model(), batch, chosen, bfloat16=True)
    return ratios(side_by_side(systems, rounds))


def with_threads(count, function):
    """Call the function with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        function()
    finally:
        torch.set_num_threads(before)


# --- Generation ---------------------------------------------------------------------------------------------


def measure_generation(rows, length, rounds):
    """Greedy decoding of `length` tokens for each of `rows` sources, and a beam of 4."""
    src, model = drawn_ids(rows, length), new_model()
    with torch.no_grad():
        model.output.weight[EOS_ID] = 0.0  # so that no sentence ends
    systems = {
        "the lessons' decoding": lambda: decoding.greedy_decode(model, src, length),
        "helpers.fast": lambda: fast.greedy_decode(model, src, length),
        "helpers.fast, beam of 4": lambda: fast.beam_search(model, src, 4, 1.0, length),
    }
    assert {len(ids) for ids in systems["helpers.fast"]()} == {length}
    if installed("transformers"):
        marian = Marian().eval()
        assert marian.greedy_decode(src, length).shape[1] >= length
        systems = {"MarianMT": lambda: marian.greedy_decode(src, length)} | systems
    table = ratios(side_by_side(systems, rounds))
    for row in table.values():
        row["tokens per second"] = rows * length / row["seconds"]
    return table


@torch.inference_mode()
def measure_late_tokens(rows, rounds):
    """The time of a token near place 500 over one near place 50, in a batch of `rows`."""
    src, model = drawn_ids(rows, 30), new_model().eval()
    token = drawn_ids(rows, 1)[:, 0]

    def once():
        steps, seconds = fast.Steps(model, src, 512), []
        for _ in range(505):
            started = time.perf_counter()
            steps(token)
            seconds.append(time.perf_counter() - started)
        return median(seconds[495:505]) / median(seconds[45:55])

    return median(once() for _ in range(rounds))


# --- The machine and the memory -----------------------------------------------------------------------------


@cache
def operations_per_second(dtype, size=1024):
    """Of a large matrix product, the best of five."""
    a = torch.randn(size, size).to(dtype)
    return 2 * size**3 / min(sum(side_by_side({"": lambda: a @ a}, 5).values(), []))


def measure_share_of_peak(shape, seconds):
    """Operations of one update on a batch of `shape`, and which share of the machine's peak that is."""
    batch = Batch(*(drawn_ids(*shape) for _ in range(3)))
    with FlopCounterMode(display=False) as counter:
        stepper(new_model(), batch, {})()
    peaks = {str(dtype): operations_per_second(dtype) for dtype in (torch.float32, torch.bfloat16)}
    done = counter.get_total_flops()
    return {"operations": done, "peaks": peaks, "share": done / seconds / peaks["torch.float32"]}


def train_here(steps):
    """Train at the settings of the shipped translator on drawn ids; print the largest resident size in MB."""
    chance = random.Random(0)
    lengths = [max(4, round(chance.gauss(14, 5))) for _ in range(steps * 170)]
    pairs = [[[chance.randrange(4, 6000) for _ in range(n)] for _ in range(2)] for n in lengths]
    model = Transformer(6000, 6000, joint_vocabulary=True, **SIZES | {"dropout": 0.2})
    train(model, pairs, TrainingConfig(epochs=1, average_last=1), valid=pairs[:1000])
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measure_memory(steps):
    """The same in a process of its own."""
    command = [sys.executable, "-c", f"from helpers.benchmark import train_here; train_here({steps})"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


# --- The table ----------------------------------------------------------------------------------------------


def measure(rounds, steps, ladder=False):
    """Everything, as a dictionary that JSON can hold; with the ladder also what did not pay."""
    about = {"machine": machine("cpu"), "torch": torch.__version__, "rounds": rounds}
    about["chosen"] = sorted(function.__name__ for function in fast.choice())
    about["oneDNN over MKL"] = fast.gain_of_onednn()
    result = {"about": about, "tables": {}}
    for shape in ((64, 32), (16, 128)):
        result["tables"][f"training, {shape[0]} x {shape[1]}"] = measure_training(shape, rounds)
        if ladder:
            result["tables"][f"tried, {shape[0]} x {shape[1]}"] = measure_attempts(shape, rounds)
    chosen = result["tables"]["training, 64 x 32"]["what `train` chooses here"]["seconds"]
    result["share of peak"] = measure_share_of_peak((64, 32), chosen)
    for rows, length in ((1, 60), (64, 30)):
        result["tables"][f"generation, {rows} x {length}"] = measure_generation(rows, length, rounds)
    result["token 500 over token 50"] = {rows: measure_late_tokens(rows, 3) for rows in (1, 16)}
    if steps:
        result["largest resident size in MB"] = measure_memory(steps)
    return result


def as_text(result):
    """The tables for people."""
    lines = [", ".join(f"{key} {value}" for key, value in result["about"].items())]
    for title, table in result["tables"].items():
        lines += ["", f"{title:32}{'ratio':>7}{'middle half':>14}{'ms':>9}"]
        lines += [
            f"  {name:30}{row['ratio']:7.2f}{row['from']:8.2f}-{row['to']:.2f}{1000 * row['seconds']:10.0f}"
            for name, row in table.items()
        ]
    rest = {key: value for key, value in result.items() if key not in ("about", "tables")}
    return "\n".join([*lines, "", *(f"{key}: {value}" for key, value in rest.items())])


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m helpers.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="of every comparison (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=100, help="of the training whose memory is measured, 0 for none"
    )
    parser.add_argument("--ladder", action="store_true", help="measure what did not pay, too")
    parser.add_argument("--json", metavar="FILE", help="write the result there, too")
    args = parser.parse_args(arguments)
    try:
        check_counts(rounds=args.rounds)
        check_counts(0, steps=args.steps)
        torch.set_num_threads(1)
        result = measure(args.rounds, args.steps, args.ladder)
        if args.json:
            write_file(args.json, (json.dumps(result, indent=2) + "\n").encode())
    except (ValueError, OSError) as error:
        print(f"helpers.benchmark: {one_line(error)}", file=sys.stderr)
        return 1
    print(as_text(result))
    return 0


if __name__ == "__main__":
    run_command(main)
