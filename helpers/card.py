"""The card of a translator: how it was trained, what it scores, and what its data may be used for."""

import json
import platform
import re
from functools import partial
from pathlib import Path

import torch

from helpers import fast
from helpers.checkpoints import write_file
from helpers.data import bucketed_batches, encode_pairs
from helpers.decoding import translate_batch
from helpers.probes import probe
from helpers.training import evaluate
from helpers.translate import BEAM_SIZE, LENGTH_PENALTY, load_translator

LANGUAGES = {"de": "German", "en": "English"}

TERMS = {
    "multi30k": (
        "Multi30k, task 1 (29,000 training, 1,014 validation and 1,000 test_2016_flickr pairs), public "
        "repository multi30k/dataset at commit a3d2e0d2. Its publishers provide it for non-commercial "
        "research and educational purposes; the weights were trained on it, so treat them likewise. "
        'Cite Elliott et al. 2016, "Multi30K: Multilingual English-German Image Descriptions" (W16-3210). '
        "No sentence of it is stored here."
    ),
    "grammar": "The bilingual grammar of this series (helpers.grammar), under the licence of the series.",
}


def moses(sentences, language):
    """Lower-cased, normalised and Moses-tokenised, as in the published `lc.norm.tok` files."""
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

    normalise, tokenise = MosesPunctNormalizer(language).normalize, MosesTokenizer(language).tokenize
    return [tokenise(normalise(s).lower(), return_str=True, escape=True) for s in sentences]


def split(sentences):
    """Lower-cased, and split at punctuation."""
    return [" ".join(re.findall(r"\w+|[^\w\s]", sentence.lower())) for sentence in sentences]


def score(translations, references, language="en"):
    """BLEU of one reference per sentence, four ways, and the share of sentences that are exactly right.

    `interval` is half the width of a 95 % interval: as many sentences are drawn a thousand times from these,
    with repetition (bootstrap).
    """
    from sacrebleu.metrics import BLEU

    def bleu(hypotheses, answers, **options):
        metric = BLEU(**options)
        found, signature = metric.corpus_score(hypotheses, [answers]), str(metric.get_signature())
        drawn = metric.corpus_score(hypotheses, [answers], n_bootstrap=1000)
        interval = json.loads(drawn.format(is_json=True, signature=signature)).get("confidence_var", 0.0)
        return {"score": round(found.score, 2), "interval": interval, "signature": signature}

    exact = sum(a == b for a, b in zip(translations, references, strict=True)) / len(references)
    return {
        "sacrebleu": bleu(translations, references),
        "sacrebleu_lowercase": bleu(translations, references, lowercase=True),
        "tokenised_lowercase": bleu(
            moses(translations, language), moses(references, language), tokenize="none", force=True
        ),
        "split_lowercase": bleu(split(translations), split(references), tokenize="none", force=True),
        "exact_match": round(exact, 4),
    }  # fmt: skip


def score_both(model, tokenizer, pairs, language="en"):
    """The `score` of translations of `pairs` (source, reference): word by word, and by beam search."""
    sources, references = zip(*pairs, strict=True)
    beam = partial(fast.beam_search, beam_size=BEAM_SIZE, length_penalty=LENGTH_PENALTY)
    return {
        name: score(translate_batch(model, tokenizer, sources, decode=decode), references, language)
        for name, decode in {"greedy": fast.greedy_decode, "beam": beam}.items()
    }


def sample_score(model, tokenizer, pairs, language="en"):
    """The sacreBLEU of the first 200 pairs, greedily: a quick look whether the card still holds."""
    sources, references = zip(*pairs[:200], strict=True)
    translations = translate_batch(model, tokenizer, sources, decode=fast.greedy_decode)
    return score(translations, references, language)["sacrebleu"]["score"]


def measure(translator, data, direction, test):
    """What the card says about what a translator does: its scores on `test`, and where it fails."""
    language = direction[-2:]
    scores = score_both(*translator, test, language)
    return {
        "scores": scores["greedy"],
        "beam": scores["beam"],
        "sample": sample_score(*translator, test, language),
        "probes": probe(translator) if (data, direction) == ("multi30k", "de-en") else {},
    }


def make_card(args, folder, sizes, history, n_pairs, valid, test):
    """Measure the model as it lies in `folder`, float16 and averaged, and say how it came about."""
    translator = load_translator(folder)
    model, tokenizer = translator.model.to(args.device), translator.tokenizer
    valid_batches = bucketed_batches(encode_pairs(valid, tokenizer), args.max_tokens)
    return {
        "direction": args.direction,
        "data": TERMS[args.data],
        "training_pairs": n_pairs,
        "test_pairs": len(test),
        "parameters": sum(p.numel() for p in model.parameters()),
        "sizes": sizes,
        **measure(translator, args.data, args.direction, test),
        "training": {
            "command": command(args),
            "epochs": args.epochs,
            "steps": len(history.step),
            "minutes": round(history.seconds / 60),
            "seed": args.seed,
            "machine": machine(args.device),
            "torch": torch.__version__,
            "valid_loss": round(evaluate(model, valid_batches), 3),
        },
    }


def command(args):
    """The command that makes this model, with every option spelled out."""
    parts = ["python -m helpers.train", "--out FOLDER"]
    for name, value in vars(args).items():
        option = name.replace("_", "-")
        if name == "bfloat16":
            parts += [f"--{option}"] * value
        elif isinstance(value, bool):
            parts.append(f"--{option}" if value else f"--no-{option}")
        elif name not in ("out", "resume"):
            parts.append(f"--{option} {value}")
    return " ".join(parts)


def machine(device):
    """This machine in a few words, without its name."""
    gpu = {"cuda": torch.cuda.get_device_name, "mps": lambda: "an Apple GPU"}
    where = f"{gpu[device]()} and " if device in gpu else ""
    return (
        f"{where}{torch.get_num_threads()} thread(s) of a {platform.machine()} CPU under {platform.system()}"
    )


def write_card(folder, card):
    """`card.json` for programs and `CARD.md` for people."""
    folder = Path(folder)
    write_file(folder / "card.json", (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    bar = "\\|"  # in a table a bare | would end the cell
    rows = "\n".join(
        f"| {name} | {value['score']:.2f} ± {value['interval']:.2f} "
        f"| {card['beam'][name]['score']:.2f} ± {card['beam'][name]['interval']:.2f} "
        f"| `{value['signature'].replace('|', bar)}` |"
        for name, value in card["scores"].items() if isinstance(value, dict)
    )  # fmt: skip
    training, source, target = card["training"], *(LANGUAGES[c] for c in card["direction"].split("-"))
    sizes = ", ".join(f"{k} {v}" for k, v in card["sizes"].items())
    seen = "image captions" if card["data"].startswith("Multi30k") else "sentences"
    model = (
        f"the encoder-decoder Transformer of `helpers/model.py`, {card['parameters']:,} parameters, "
        f"stored in float16,\n  with a joint subword vocabulary of {card['sizes']['src_vocab_size']:,}"
    )
    course = (
        f"{training['epochs']} epochs, {training['steps']:,} steps, {training['minutes']} minutes "
        f"of update steps, seed {training['seed']}, on {training['machine']},\n  PyTorch {training['torch']}"
    )
    scores = (
        "`sacrebleu` and `sacrebleu_lowercase` compare detokenised text; "
        "`split_lowercase` lower-cased text, split at punctuation;\n"
        "`tokenised_lowercase` lower-cased, normalised, Moses-tokenised text: "
        "hold it beside numbers for the published `lc.norm.tok` files. "
        f"{card['scores']['exact_match']:.1%} of the greedy translations equal the reference. "
        "± is half a 95 % interval\n(bootstrap over sentences)."
    )
    fails = "".join(
        f"| {kind} | {found['right']} of {found['of']} | "
        + "<br>".join(f"{german} → *{english}*" for german, english in found["wrong"])
        + " |\n"
        for kind, found in card["probes"].items()
    )
    if fails:
        fails = f"""
## Where it fails

Sentences of `helpers/probes.py`, translated greedily. Right is, kindly, what contains the main words.

| kind | right | the first that are not |
|---|---|---|
{fails}"""
    text = f"""# {source} to {target} Transformer

Written by `helpers.train` at the end of the run; the same numbers are in `card.json`.

- **What it is**: {model}. Sizes: {sizes}.
- **Command**: `{training["command"]}`
- **Training**: {course}. Validation loss {training["valid_loss"]:.3f} nats per token.
- **Data and terms of use**: {card["data"]}
- **Use**: for learning. It has seen {card["training_pairs"]:,} {seen} and nothing else; outside that
  world it answers often fluently and nearly always wrongly.

| BLEU on the {card["test_pairs"]:,} test sentences | greedy | beam of {BEAM_SIZE} | sacreBLEU signature |
|---|---|---|---|
{rows}

{scores}
{fails}"""
    write_file(folder / "CARD.md", text.encode())
