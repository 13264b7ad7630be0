"""Where a translator looks: attention weights between words, and how often they fall on the right one."""

import torch

from helpers.data import encode_pairs, make_batch
from helpers.grammar import words
from helpers.model import eval_mode, record_attention


@torch.no_grad()
def word_weights(model, tokenizer, pair):
    """Weights between words: of the encoder `(layers, H, S, S)`, of cross-attention `(layers, H, T, S)`.

    A German word collects the weights of its pieces; what goes to `</s>` is left out. A row belongs to the
    first piece of its word, an English one to the place where that piece is *predicted*.
    """
    batch = make_batch(encode_pairs([(pair.german, pair.english)], tokenizer))
    with eval_mode(model), record_attention(model) as maps:
        model(batch.src, batch.tgt_in)
    german, english = (torch.tensor(tokenizer.encode(text).word_ids) for text in (pair.german, pair.english))
    joined = torch.nn.functional.one_hot(german).float()  # (p, S), p pieces
    found = []
    places = {"encoder.layers.{}.self_attention": german, "decoder.layers.{}.cross_attention": english}
    for name, ids in places.items():
        layers = [
            maps[name.format(i)] for i in range(len(model.encoder.layers))
        ]  # (1, H, p, p) each
        first = [ids.tolist().index(word) for word in range(int(ids.max()) + 1)]
        found.append(torch.cat(layers)[..., first, : len(german)] @ joined)  # (layers, H, words, S)
    return found


def partners(pair):
    """For each English word the set of German words that it translates."""
    return [{i for i, k in pair.alignment if k == j} for j in range(len(words(pair.english)))]


def hit_rate(looks, golds):
    """Share of words whose look, the number of one German word, is a partner; words without any left out."""
    sentences = zip(looks, golds, strict=True)
    hits = [word in right for row in sentences for word, right in zip(*row, strict=True) if right]
    return sum(hits) / max(1, len(hits))


def looks_back(model, tokenizer, pair):
    """Whether each head gives what the pronoun means more than the other noun: `(2, layers, H)`.

    First the heads of the encoder, asked at the German pronoun, then those of cross-attention, asked where
    the English one is predicted. `pair` has `refers`, as in `helpers.grammar.pronoun_pairs`.
    """
    german, english = words(pair.german), words(pair.english)
    ((_, *nouns),) = [row for row in pair.combinations if row[0] == "antecedents"]
    pronoun, meant = pair.refers
    other = next(german.index(noun) for noun in nouns if german.index(noun) != meant)
    predicted = max(j for j, word in enumerate(english) if word in ("it", "him", "her"))
    encoder, cross = word_weights(model, tokenizer, pair)
    rows = torch.stack([encoder[:, :, pronoun], cross[:, :, predicted]])  # (2, layers, H, S)
    return rows[..., meant] > rows[..., other]
