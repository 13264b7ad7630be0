"""Boards of study 16a: four changes to the layer since 2017, one at a time and together."""

from functools import cache
from statistics import mean

import torch
from torch import nn
from torch.nn import functional

from helpers.data import UNK_ID, bucketed_batches, make_batch
from helpers.decoding import greedy_decode
from helpers.grammar import grammar_corpus, words
from helpers.model import (
    Encoder,
    EncoderLayer,
    FeedForward,
    MultiHeadAttention,
    PositionalEncoding,
    Transformer,
    attention_weights,
    eval_mode,
)
from helpers.training import TrainingConfig, evaluate, train
from lessons.boards.bodies import D, F, H
from lessons.boards.embeddings_and_positions import BEFORE
from lessons.scoreboard import Board, SymbolModel, fit, label_loss, measure_tasks

# The four changes, which the study builds in the open.


class RMSNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d_model)), eps

    def forward(self, x):
        return x / (x.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight  # (B, L, D)


class SwiGLU(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.0):
        super().__init__(d_model, d_ff, dropout)
        self.gate = nn.Linear(d_model, d_ff)

    def forward(self, x):
        hidden = functional.silu(self.gate(x)) * self.widen(x)  # (B, L, F)
        return self.narrow(self.dropout(hidden))  # (B, L, D)


class Grouped(MultiHeadAttention):
    def __init__(self, d_model, n_heads, dropout=0.0, n_groups=2):
        super().__init__(d_model, n_heads, dropout)
        self.dk = d_model // n_heads
        self.key = nn.Linear(d_model, n_groups * self.dk)
        self.value = nn.Linear(d_model, n_groups * self.dk)

    def split_heads(self, x):
        x = x.unflatten(-1, (-1, self.dk)).transpose(-3, -2)  # (B, H or groups, L, dk)
        return x.repeat_interleave(self.n_heads // x.shape[-3], dim=-3)  # (B, H, L, dk)


def turned(x):
    length, dk = x.shape[-2:]
    angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, dk, 2) / dk)  # (L, dk / 2)
    sine, cosine = angle.sin(), angle.cos()
    first, second = x[..., 0::2], x[..., 1::2]  # (B, H, L, dk / 2)
    both = first * cosine - second * sine, first * sine + second * cosine
    return torch.stack(both, dim=-1).flatten(-2)  # (B, H, L, dk)


class Rotary(MultiHeadAttention):
    def forward(self, query, key, value, mask=None):
        query = turned(self.split_heads(self.query(query)))  # (B, H, T, dk)
        key = turned(self.split_heads(self.key(key)))  # (B, H, S, dk)
        value = self.split_heads(self.value(value))  # (B, H, S, dk)
        weights = attention_weights(query, key, mask)  # (B, H, T, S)
        heads = self.dropout(weights) @ value  # (B, H, T, dk)
        joined = heads.transpose(-3, -2).flatten(-2)  # (B, T, D)
        return self.projection(joined)


class RotaryGrouped(Rotary, Grouped):
    """Both: the `forward` of the one, the rest of the other."""


CHANGES = ("rotary", "RMSNorm", "SwiGLU", "grouped")


def replace(model, kind, make, only=""):
    """Put `make(part)` in the place of each part of a kind whose name contains `only`."""
    for module in list(model.modules()):
        for name, part in list(module.named_children()):
            if type(part) is kind and only in name:
                setattr(module, name, make(part))
    return model


def change(model, changes):
    """`model` with these changes; nothing else of it is touched."""

    def attention(kind):
        return lambda old: kind(old.query.in_features, old.n_heads, old.dropout.p)

    def gated(old):
        return SwiGLU(old.widen.in_features, 2 * old.widen.out_features // 3, old.dropout.p)

    if "RMSNorm" in changes:
        replace(model, nn.LayerNorm, lambda old: RMSNorm(*old.normalized_shape))
    if "SwiGLU" in changes:
        replace(model, FeedForward, gated)
    if "rotary" in changes:
        replace(model, PositionalEncoding, lambda old: old.dropout)
        kind = RotaryGrouped if "grouped" in changes else Rotary
        replace(model, MultiHeadAttention, attention(kind), only="self_attention")
    if "grouped" in changes:
        replace(model, MultiHeadAttention, attention(Grouped))
    return model


ROWS = {"2017": (), **{name: (name,) for name in CHANGES}, "all four": CHANGES}


# The tasks of the scoreboard: one layer, the row "07 positions" of the board `encoder` with these changes.


def one_layer(changes):
    return change(nn.Sequential(PositionalEncoding(D), EncoderLayer(D, H, F, 0.0)), changes)


def on_tasks(changes, seed):
    return measure_tasks(lambda: one_layer(changes), seed, tasks=("odd", "reverse", "hop"))


# Rotary positions and a landmark: two layers on hop.


class Behind(nn.Module):
    """Puts a mark, one trained vector, before the sentence and takes it off again behind the body."""

    def __init__(self, body):
        super().__init__()
        self.mark, self.body = nn.Parameter(torch.randn(1, 1, D)), body

    def forward(self, x):
        return self.body(torch.cat([self.mark.expand(len(x), 1, D), x], dim=1))[:, 1:]  # (B, S, D)


def two_layers():
    return change(nn.Sequential(PositionalEncoding(D), Encoder(D, H, F, 2, 0.0)), ("rotary",))


def on_hop(wrap, seed):
    return measure_tasks(lambda: wrap(two_layers()), seed, tasks=("hop",))


MARK = {"rotary": nn.Sequential, "rotary, behind a mark": Behind}


# Places never trained: the symbol before, one layer, trained as in `reach` of study 07b on 16 places.


def train_before(changes, seed):
    """One layer with these changes, after 400 steps of the symbol before on 16 places."""
    torch.manual_seed(seed)
    model, generator = SymbolModel(one_layer(changes)), torch.Generator().manual_seed(seed)

    def learn_from(step):
        x, y = BEFORE.draw(128, generator, length=16)
        return label_loss(model(x), y)

    return fit(model, learn_from)


def right_at(model, length):
    """The share of 1,000 new sentences in which the symbol before is right, for each place."""
    x, y = BEFORE.draw(1000, torch.Generator().manual_seed(-1), length=length, held_out=True)
    with eval_mode(model):
        return (model(x).argmax(dim=-1) == y).float().mean(dim=0).tolist()  # (S,)


def at_places(changes, seed):
    """Each place of 24, and the first ones and the others in sentences of up to 64 words."""
    model, scores = train_before(changes, seed), {}
    for n in (24, 48, 62, 63, 64):
        right = right_at(model, n)
        if n == 24:
            scores |= {f"place {place}": score for place, score in enumerate(right)}
        scores |= {f"{n} words, place 0": right[0], f"{n} words, place 1": right[1]}
        scores |= {f"{n} words, the others": mean(right[2:])}
    return scores


PLACES = {"sinusoids": (), "rotary": ("rotary",)}


# The grammar, as in lesson 16: each word is an id, and no German sentence of the training has more than 9.
LONGEST = 9


@cache
def sentences():
    """The size of the vocabulary, encoded pairs to train on, and new ones, shorter and longer."""
    train_side, unseen = grammar_corpus(n_train=14_000, n_test=1_000, seed=0)
    known = sorted({word for pair in train_side for word in words(pair.german) + words(pair.english)})
    number = {word: i for i, word in enumerate(known, start=UNK_ID + 1)}
    old, new = (
        [
            tuple([number[word] for word in words(side)] for side in (pair.german, pair.english))
            for pair in some
        ]
        for some in (train_side, unseen)
    )
    shorter, longer = ([p for p in new if (len(p[0]) > LONGEST) == is_long] for is_long in (False, True))
    return UNK_ID + 1 + len(known), [p for p in old if len(p[0]) <= LONGEST], shorter, longer


def translator(changes, n_vocab):
    """The Transformer of lesson 16, with eight heads and with these changes."""
    model = Transformer(n_vocab, n_vocab, D, H, F, 1, dropout=0.0, norm_first=True, joint_vocabulary=True)
    change(model, changes).initialise(D)
    return model


def exactly_right(model, pairs):
    """The share of translations in which every word is right."""
    found = greedy_decode(model, make_batch(pairs).src, max_len=20)
    return sum(row == list(right) for row, (_, right) in zip(found, pairs, strict=True)) / len(pairs)


def on_grammar(changes, seed):
    """Loss and exact translations, on new sentences as long as those of the training, and on longer ones."""
    n_vocab, old, shorter, longer = sentences()
    torch.manual_seed(seed)
    model = translator(changes, n_vocab)
    train(model, old, TrainingConfig(5, 700, 5e-3, 100, label_smoothing=0.0, seed=seed))
    return {
        "loss": evaluate(model, bucketed_batches(shorter, 3000)),
        "exact": exactly_right(model, shorter),
        "exact, longer": exactly_right(model, longer[:200]),
    }


def on_grammar_wider(changes, seed):
    """The same, with 328 units instead of 256: as many parameters as the layer of 2017, to half a percent."""
    n_vocab, old, shorter, _ = sentences()
    torch.manual_seed(seed)
    model = Transformer(n_vocab, n_vocab, D, H, 328, 1, dropout=0.0, norm_first=True, joint_vocabulary=True)
    change(model, changes).initialise(D)
    train(model, old, TrainingConfig(5, 700, 5e-3, 100, label_smoothing=0.0, seed=seed))
    loss = evaluate(model, bucketed_batches(shorter, 3000))
    return {"loss": loss, "exact": exactly_right(model, shorter)}


WIDER = {"grouped, wider": ("grouped",), "all four, wider": CHANGES}


BOARDS = {
    "since_2017": Board({row: changes for row, changes in ROWS.items() if changes}, on_tasks),
    "since_2017_mark": Board(MARK, on_hop),
    "since_2017_places": Board(PLACES, at_places),
    "since_2017_grammar": Board(ROWS, on_grammar),
    "since_2017_wider": Board(WIDER, on_grammar_wider),
}
