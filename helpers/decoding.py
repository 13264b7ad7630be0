"""From a trained model to sentences: greedy decoding, one batch at a time."""

import torch

from helpers.arguments import check_counts, check_pad_id
from helpers.data import BOS_ID, EOS_ID, PAD_ID, pad
from helpers.model import eval_mode, padding_mask


def greedy_decode(model, src, max_len=None):
    """Take the most likely next token again and again until `</s>`.

    Args:
        src: source ids `(B, S)`, each row ending in `</s>`, padded.
        max_len: at most so many tokens; each source's own ids plus 50 when not given (section 6.1).

    Returns:
        A list of B lists of target ids, without `<s>` and `</s>`.

    Raises:
        ValueError: the model's logits are not numbers.
    """
    if max_len is not None:
        check_counts(max_len=max_len)
    src = src.to(next(model.parameters()).device)
    limit = (src != model.pad_id).sum(1) + 50 if max_len is None else torch.full_like(src[:, 0], max_len)
    limit = limit.clamp(max=model.max_len)  # (B,)
    tgt = torch.full((len(src), 1), BOS_ID, device=src.device)  # (B, 1)
    done = torch.zeros(len(src), dtype=torch.bool, device=src.device)  # (B,)
    with eval_mode(model):
        memory, src_mask = model.encode(src), padding_mask(src, model.pad_id)  # (B, S, D), (B, 1, 1, S)
        while not done.all():
            logits = model.decode(tgt, memory, src_mask)[:, -1]  # (B, V)
            if logits.isnan().any():
                raise ValueError("the model's logits are NaN: its weights are damaged. Load it again.")
            token = logits.argmax(-1).masked_fill(done, EOS_ID)  # (B,)
            tgt = torch.cat([tgt, token[:, None]], dim=1)  # (B, T + 1)
            done |= (token == EOS_ID) | (tgt.shape[1] > limit)
    rows = [row[1:] for row in tgt.tolist()]
    return [row[: row.index(EOS_ID)] if EOS_ID in row else row for row in rows]


def translate_batch(model, tokenizer, sentences, batch_size=64):
    """Translate a list of sentences; the answers come in the same order. An empty sentence stays empty.

    Raises:
        TypeError: a string instead of a list of strings.
        ValueError: a sentence of more tokens than the model has positions for, or a bad `batch_size`.
    """
    if isinstance(sentences, str):
        raise TypeError(f"{sentences[:40]!r} is one string, expected a list of sentences. Write [sentence].")
    check_counts(batch_size=batch_size)
    check_pad_id(model, PAD_ID)
    rows = [e.ids for e in tokenizer.encode_batch([s.strip() for s in sentences])]
    for sentence, row in zip(sentences, rows, strict=True):
        if len(row) + 1 > model.max_len:
            raise ValueError(
                f"a sentence of {len(row)} tokens is longer than the {model.max_len - 1} that the model can "
                f"read: {sentence[:40]!r}... Split it into sentences."
            )
    answers = [""] * len(rows)
    order = sorted((i for i in range(len(rows)) if rows[i]), key=lambda i: len(rows[i]))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        src = pad([[*rows[i], EOS_ID] for i in chosen])  # (B, S)
        for i, ids in zip(chosen, greedy_decode(model, src), strict=True):
            answers[i] = tokenizer.decode(ids)
    return answers
