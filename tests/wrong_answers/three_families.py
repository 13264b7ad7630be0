"""Plausible wrong answers to the exercises of notebook 16, and what the reader is told."""

import torch


def spans(*, marks=None, end=True, mark_in_target=True, per_word=False, in_source=True):
    """Span corruption with one step changed."""

    def answer(ids, spans, sentinels):
        use = marks(sentinels) if marks else sentinels
        source, target, last = [], [], 0
        for (start, stop), mark in zip(spans, use, strict=False):
            source += ids[last:start] + [mark] * (((stop - start) if per_word else 1) * in_source)
            target += [mark] * mark_in_target + ids[start:stop]
            last = stop
        return source + ids[last:], target + [use[len(spans)]] * end

    return answer


def first_only(sentinels):
    return [sentinels[0]] * len(sentinels)


def backwards(sentinels):
    return sentinels[::-1]


def whole_target(ids, spans_, sentinels):
    return spans()(ids, spans_, sentinels)[0], ids


def swapped(ids, spans_, sentinels):
    return spans()(ids, spans_, sentinels)[::-1]


def eats(ids, spans_, sentinels):
    result = spans()(ids, spans_, sentinels)
    ids.clear()
    return result


def one_mark_per_word(ids, spans_, sentinels):
    hidden = [word for start, stop in spans_ for word in ids[start:stop]]
    return [sentinels[0] if word in hidden else word for word in ids], hidden


def mask(*, inputs=None, labels=None):
    """Masked data with one of the two changed."""

    def answer(ids, hidden):
        return (
            inputs(ids, hidden) if inputs else ids.masked_fill(hidden, 3),
            labels(ids, hidden) if labels else ids.masked_fill(~hidden, 0),
        )

    return answer


def handed_over(ids, hidden):
    """The broken function of the exercise, on a copy, as a hasty fix would leave it."""
    inputs = ids.clone()
    inputs[hidden] = 3
    return inputs, torch.where(hidden, inputs, 0)


def in_place(ids, hidden):
    labels = torch.where(hidden, ids, 0)
    ids[hidden] = 3
    return ids, labels


WRONG = {
    "labels_on_paper": [
        ([4.6, 22, 12], "never hidden"),
        ([4, 23, 12], "stands before de"),
        ([4, 21, 12], "second kind: </s>"),
        ([4, 22, 11], "third kind: </s>"),
        ([4, 22, 13], "not asked for it"),
        ([4, 22, 22], "English side only"),
        ([20, 20, 20], "write the line down"),
    ],
    "hide_spans": [
        (spans(end=False), "one more mark"),
        (spans(mark_in_target=False, end=False), "its mark is missing"),
        (spans(mark_in_target=False), "only the last one"),
        (spans(marks=first_only), "all have the same mark"),
        (spans(marks=backwards), "the source should be"),
        (spans(in_source=False), "show where words are missing"),
        (one_mark_per_word, "however many words"),
        (whole_target, "not the whole sentence"),
        (swapped, "swapped"),
        (eats, "changes the lists"),
        (lambda ids, s, marks: (spans()(ids, s, marks)[0], [7]), "the target should be"),
    ],
    "mask_mended": [
        (handed_over, "labels are marks"),
        (in_place, "writes into the ids"),
        (mask(labels=lambda ids, hidden: ids), "full view, which"),
        (mask(labels=lambda ids, hidden: ids.masked_fill(hidden, 0)), "words in full view"),
        (mask(inputs=lambda ids, hidden: ids), "nothing is hidden"),
        (mask(labels=lambda ids, hidden: ids.masked_fill(~hidden, 9)), "0 everywhere else"),
        (mask(inputs=lambda ids, hidden: ids.masked_fill(hidden, 5)), "hold 3"),
    ],
}
