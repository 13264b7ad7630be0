"""Where a translator looks: attention weights between words, and on what the largest of them falls."""

import torch

from helpers.data import encode_pairs, make_batch
from helpers.grammar import words
from helpers.model import eval_mode, record_attention

LOOKS = ("the noun that is meant", "the other noun", "the pronoun", "its verb", "sein or ihr", "another word")


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
        layers = [maps[name.format(i)] for i in range(len(model.encoder.layers))]  # (1, H, p, p) each
        first = [ids.tolist().index(word) for word in range(int(ids.max()) + 1)]
        found.append(torch.cat(layers)[..., first, : len(german)] @ joined)  # (layers, H, words, S)
    return found


def looked_at(model, tokenizer, pair):
    """What each head of cross-attention gives most to where the pronoun is predicted: names, layer by layer.

    `pair` has `refers` and a second clause like "..., und sein Hund fängt ihn", whose verb stands before the
    pronoun, as in `helpers.grammar.pronoun_pairs`.
    """
    german, (pronoun, meant) = words(pair.german), pair.refers
    ((_, *nouns),) = [row for row in pair.combinations if row[0] == "antecedents"]
    names = {german.index(noun): "the other noun" for noun in nouns} | {meant: "the noun that is meant"}
    names |= {pronoun: "the pronoun", pronoun - 1: "its verb", german.index("und") + 1: "sein or ihr"}
    predicted = max(j for j, word in enumerate(words(pair.english)) if word in ("it", "him", "her"))
    most = word_weights(model, tokenizer, pair)[1][:, :, predicted].argmax(-1)  # (layers, H)
    return [names.get(place, "another word") for place in most.flatten().tolist()]
