"""Board of study 12b: the remedies on real sentences, a small translator and captions of Multi30k."""

from functools import cache

import torch
from sacrebleu.metrics import BLEU

from helpers.data import PAD_ID, bucketed_batches, encode_pairs, train_tokenizer
from helpers.decoding import translate_batch
from helpers.fast import greedy_decode
from helpers.model import Transformer, eval_mode
from helpers.multi30k import multi30k
from helpers.training import Run, TrainingConfig
from lessons.boards.training_that_generalises import surest
from lessons.scoreboard import Board

STEPS = 600  # batches of about 1,500 tokens a side


@cache
def captions():
    """A tokeniser of 2,000 subwords, and encoded pairs for training and validation, German to English."""
    pairs, valid = multi30k("train"), multi30k("valid")
    tokenizer = train_tokenizer((side for pair in pairs for side in pair), 2000)
    return tokenizer, encode_pairs(pairs, tokenizer), encode_pairs(valid, tokenizer), valid


def train_on_captions(seed, *, n=2000, smoothing=0.0, dropout=0.0, weight_decay=0.0):
    """A Transformer of two layers, 128 wide, trained on the first `n` pairs for `STEPS` steps."""
    tokenizer, encoded, _, _ = captions()
    torch.manual_seed(seed)
    size = tokenizer.get_vocab_size()
    model = Transformer(size, size, 128, 4, 256, 2, dropout=dropout, joint_vocabulary=True)
    run = Run(model, TrainingConfig(1, 1500, 2e-3, 400, label_smoothing=smoothing, seed=seed))
    run.optimizer = torch.optim.AdamW(
        model.parameters(), betas=(0.9, 0.98), eps=1e-9, weight_decay=weight_decay
    )
    passes = 0
    while len(run.history.step) < STEPS:
        for batch in bucketed_batches(encoded[:n], 1500, seed=1000 * seed + passes):
            if len(run.history.step) < STEPS:
                run.step(batch)
        passes += 1
    return model


def tokens(model, encoded):
    """For all tokens of some encoded pairs: cross-entropy in nats, and `surest` of what is predicted."""
    logits, labels = [], []
    with eval_mode(model):
        for batch in bucketed_batches(encoded, 3000):
            chosen = batch.labels != PAD_ID  # (B, T)
            logits.append(model(batch.src, batch.tgt_in)[chosen])  # (N, V)
            labels.append(batch.labels[chosen])  # (N,)
    logits, labels = torch.cat(logits), torch.cat(labels)
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    return loss, *surest(logits.softmax(dim=-1), labels)


def on_captions(row, seed):
    """Token by token on 1,000 sentences of the training and on the validation, and BLEU of the latter."""
    tokenizer, encoded, valid, pairs = captions()
    model = train_on_captions(seed, **row)
    _, trained, _, _ = tokens(model, encoded[:1000])
    loss, right, confidence, error = tokens(model, valid)
    german, english = zip(*pairs, strict=True)
    found = translate_batch(model, tokenizer, list(german), decode=greedy_decode)
    return {"training": trained, "held out": right, "gap": trained - right, "confidence": confidence,
            "calibration error": error, "loss": loss,
            "BLEU": BLEU().corpus_score(found, [list(english)]).score}  # fmt: skip


CAPTIONS = {
    "nothing": {},
    "label smoothing 0.1": {"smoothing": 0.1},
    "dropout 0.2": {"dropout": 0.2},
    "weight decay 1": {"weight_decay": 1.0},
    "smoothing 0.1 and dropout 0.2": {"smoothing": 0.1, "dropout": 0.2},
    "8,000 pairs": {"n": 8000},
}
BOARDS = {"captions": Board(CAPTIONS, on_captions)}
