"""From a trained model to sentences: greedy decoding, sampling and beam search (section 6.1 of the paper).

Every step here runs the decoder over the whole sentence so far, which is easy to read and slow. The same
functions in `helpers.fast` keep what was computed before.
"""

import torch

from helpers.arguments import (
    check_beam,
    check_counts,
    check_ids,
    check_logits,
    check_pad_id,
    check_sampling,
    check_texts,
    check_tokenizer,
)
from helpers.data import BOS_ID, EOS_ID, PAD_ID, pad
from helpers.model import eval_mode, padding_mask
from helpers.setup import progress


def source_and_limits(model, src, max_len=None):
    """The source `(B, S)` on the model's device, and how many tokens each answer may have, `(B,)`.

    That is `max_len`, or the source's own ids plus 50 (section 6.1), and never more than the model can read.
    """
    if max_len is not None:
        check_counts(max_len=max_len)
    check_ids(src, model.src_embedding.num_embeddings, model.max_len)
    src = src.to(next(model.parameters()).device)
    own = (src != model.pad_id).sum(dim=1) + 50  # (B,)
    limits = own if max_len is None else own.new_full(own.shape, min(max_len, model.max_len))
    return src, limits.clamp(max=model.max_len)


def cut(row):
    """The ids of a row up to its first `</s>`."""
    return row[: row.index(EOS_ID)] if EOS_ID in row else row


def decode_with(model, src, choose, max_len=None):
    """Extend every sentence by the token that `choose` finds in its logits, until `</s>` or the limit."""
    src, limits = source_and_limits(model, src, max_len)  # (B, S), (B,)
    tgt = src.new_full((len(src), 1), BOS_ID)  # (B, 1)
    done = torch.zeros_like(limits, dtype=torch.bool)  # (B,)
    with eval_mode(model):
        memory, src_mask = model.encode(src), padding_mask(src, model.pad_id)  # (B, S, D), (B, 1, 1, S)
        while not done.all():
            logits = model.decode(tgt, memory, src_mask)[:, -1]  # (B, V)
            check_logits(logits)
            token = choose(logits).masked_fill(done, EOS_ID)  # (B,)
            tgt = torch.cat([tgt, token[:, None]], dim=1)  # (B, T + 1)
            done |= (token == EOS_ID) | (tgt.shape[1] > limits)
    return [cut(row[1:]) for row in tgt.tolist()]


def most_likely(logits):
    """Logits `(B, V)` to the most likely ids `(B,)`."""
    return logits.argmax(dim=-1)  # (B,)


def greedy_decode(model, src, max_len=None):
    """Take the most likely next token again and again until `</s>`.

    Args:
        src: source ids `(B, S)`, each row ending in `</s>`, padded.
        max_len: at most so many tokens; each source's own ids plus 50 when not given (section 6.1).

    Returns:
        A list of B lists of target ids, without `<s>` and `</s>`.

    Raises:
        ValueError: the model's logits are not numbers, or a bad `max_len`.
    """
    return decode_with(model, src, most_likely, max_len)


def draw(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    """Logits `(B, V)` to ids `(B,)`, drawn at random: likely ones often, unlikely ones rarely.

    Args:
        temperature: the logits are divided by it; below 1 the likely become likelier.
        top_k: only the so many most likely ids.
        top_p: only the most likely ids that together reach this probability ("nucleus sampling").

    Raises:
        ValueError: a temperature that is not above 0, `top_k` below 1, `top_p` not above 0 and at most 1.
    """
    check_sampling(temperature, top_k, top_p)
    shares, order = (logits / temperature).softmax(dim=-1).sort(dim=-1, descending=True)  # (B, V), (B, V)
    before = shares.cumsum(dim=-1) - shares  # (B, V), what the likelier ones hold
    shares = shares.masked_fill(before >= top_p, 0.0)
    place = torch.multinomial(shares[:, :top_k], 1, generator=generator)  # (B, 1)
    return order.gather(-1, place)[:, 0]  # (B,)


def sample(model, src, temperature=1.0, top_k=None, top_p=1.0, max_len=None, generator=None):
    """Draw every next token at random, as `draw` does; else as `greedy_decode`."""
    return decode_with(model, src, lambda logits: draw(logits, temperature, top_k, top_p, generator), max_len)


def penalty(length, length_penalty):
    """What the log probability of a hypothesis of `length` tokens is divided by (Wu et al. 2016, eq. 14)."""
    return ((5 + length) / 6) ** length_penalty


def search(model, src, beam_size, length_penalty, limit):
    """The finished hypotheses for one source `(1, S)` as pairs (ids, score), best first."""
    memory, src_mask = model.encode(src), padding_mask(src, model.pad_id)  # (1, S, D), (1, 1, 1, S)
    beam, finished = [([BOS_ID], 0.0)], []
    while beam and len(finished) < beam_size:
        tgt = torch.tensor([ids for ids, _ in beam], device=src.device)  # (K, T)
        logits = model.decode(tgt, memory.expand(len(beam), -1, -1), src_mask)[:, -1]  # (K, V)
        check_logits(logits)
        before = logits.new_tensor([score for _, score in beam])[:, None]  # (K, 1)
        scores = before + logits.log_softmax(dim=-1)  # (K, V)
        best = scores.flatten().topk(min(2 * beam_size, scores.numel()))  # (2 * beam_size,)
        candidates = [
            ([*beam[place // scores.shape[1]][0], place % scores.shape[1]], score)
            for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
        beam = []
        for rank, (ids, score) in enumerate(candidates):
            if ids[-1] == EOS_ID or len(ids) > limit:
                if rank < beam_size:  # those behind are spare beginnings
                    finished.append((cut(ids[1:]), score / penalty(len(ids) - 1, length_penalty)))
            elif len(beam) < beam_size:
                beam.append((ids, score))
    return sorted(finished, key=lambda pair: -pair[1])


def beam_search(model, src, beam_size=4, length_penalty=0.6, max_len=None, n_best=None):
    """Keep the `beam_size` most likely beginnings and extend them all, until as many have ended.

    A hypothesis of n tokens, `</s>` included, scores its log probability (natural logarithm) divided by
    ((5 + n) / 6) ** length_penalty.

    Args:
        src: source ids `(B, S)`, each row ending in `</s>`, padded.
        max_len: at most so many tokens; each source's own ids plus 50 when not given (section 6.1).

    Returns:
        A list of B lists of target ids; with `n_best`, B lists of so many pairs (ids, score), best first, or
        fewer where fewer exist.

    Raises:
        ValueError: the model's logits are not numbers, or a bad argument.
    """
    check_beam(beam_size, length_penalty, n_best)
    src, limits = source_and_limits(model, src, max_len)  # (B, S), (B,)
    with eval_mode(model):
        found = [
            search(model, row[None], beam_size, length_penalty, limit)
            for row, limit in zip(src, limits.tolist(), strict=True)
        ]
    return [pairs[:n_best] if n_best else pairs[0][0] for pairs in found]


def translate_batch(model, tokenizer, sentences, batch_size=64, decode=greedy_decode):
    """Translate a list of sentences; the answers come in the same order. An empty sentence stays empty.

    Args:
        decode: called as `(model, src)`, one of the functions above or of `helpers.fast`. Where it gives
            pairs (ids, score), so does this: pairs (text, score).

    Raises:
        TypeError: a string instead of a list of strings.
        ValueError: a sentence of more tokens than the model has positions for, or a bad `batch_size`.
    """
    sentences = check_texts(sentences)
    check_counts(batch_size=batch_size)
    check_pad_id(model, PAD_ID)
    check_tokenizer(tokenizer, model.src_embedding.num_embeddings)
    rows = [e.ids for e in tokenizer.encode_batch([s.strip() for s in sentences])]
    for sentence, row in zip(sentences, rows, strict=True):
        if len(row) + 1 > model.max_len:
            raise ValueError(
                f"a sentence of {len(row)} tokens is longer than the {model.max_len - 1} that the model can "
                f"read: {sentence[:40]!r}... Split it into sentences."
            )
    answers = [""] * len(rows)
    order = sorted((i for i in range(len(rows)) if rows[i]), key=lambda i: len(rows[i]))
    for start in progress(range(0, len(order), batch_size), desc="translating", unit="batch", delay=1):
        chosen = order[start : start + batch_size]
        src = pad([[*rows[i], EOS_ID] for i in chosen])  # (B, S)
        for i, ids in zip(chosen, decode(model, src), strict=True):
            pairs = ids and isinstance(ids[0], tuple)
            answers[i] = (
                [(tokenizer.decode(row), score) for row, score in ids] if pairs else tokenizer.decode(ids)
            )
    return answers
