"""Checks for the exercises of notebook 16."""

import torch

from lessons.exercises import exercise, likely_mistake, same


@exercise
def labels_on_paper(answer):
    """a share of the words, every word but the first of the line, and the English side with its end."""
    answer = list(answer)
    likely = {
        "the first kind: de, en and </s> are never hidden, so a fifth of the 20 words.": [4.6, 22, 12],
        "the second kind: nothing stands before de, so de is no label.": [4, 23, 12],
        "the second kind: </s> is a label too, or the model would not learn to stop.": [4, 21, 12],
        "the third kind: </s> is a label too, or the model would not learn to stop.": [4, 22, 11],
        "the third kind: the decoder reads en and is not asked for it.": [4, 22, 13],
        "the third kind asks for the English side only.": [4, 22, 22],
    }
    if not same(answer, [4, 22, 12]):
        return likely_mistake(answer, likely) or (
            "write the line down as places: de, 9 words, en, 11 words, </s>, which makes 23. Which are asked?"
        )


def corrupted(ids, spans, sentinels):
    """The right source and target, as lists."""
    source, target, last = [], [], 0
    for (start, end), sentinel in zip(spans, sentinels, strict=False):
        source += [*ids[last:start], sentinel]
        target += [sentinel, *ids[start:end]]
        last = end
    return source + ids[last:], [*target, sentinels[len(spans)]]


@exercise
def hide_spans(answer):
    """source and target together hold every word once, and each gap has a mark of its own."""
    cases = [
        ([10, 11, 12, 13, 14, 15], [(1, 3), (5, 6)], [97, 98, 99]),
        ([20, 21, 22, 23], [(0, 2)], [97, 98, 99]),
        ([30, 31, 32, 33, 34], [(1, 2), (2, 4)], [97, 98, 99]),
    ]
    for ids, spans, marks in cases:
        given = list(ids), list(spans), list(marks)
        source, target = answer(*given)
        if given != (ids, spans, marks):
            return "it changes the lists that it was given: build new ones."
        source, target = list(source), list(target)
        right_source, right_target = corrupted(ids, spans, marks)
        hidden = [word for start, end in spans for word in ids[start:end]]
        if same(source, right_source) and same(target, right_target):
            continue
        if same(source, right_target) and same(target, right_source):
            return "source and target are swapped: the encoder reads the sentence with gaps."
        if same(source, [mark for word in ids for mark in ([marks[0]] if word in hidden else [word])]):
            return "a span gets one mark, however many words it hides, and each span its own."
        if same(source, [word for word in ids if word not in hidden]):
            return "the source must show where words are missing: put the mark of each span in its place."
        if same(source, corrupted(ids, spans, [marks[0]] * 3)[0]) and len(spans) > 1:
            return "the spans all have the same mark: which gap does the decoder fill first?"
        if not same(source, right_source):
            return f"of {ids} with the spans {spans} the source should be {right_source}, not {source}."
        likely = {
            "after the last span comes one more mark, which says that nothing is missing any more.": (
                right_target[:-1]
            ),
            "before the words of each span its mark is missing.": hidden,
            "before the words of each span its mark is missing, only the last one is there.": [
                *hidden,
                right_target[-1],
            ],
            "the target is what was hidden, and not the whole sentence.": ids,
        }
        return likely_mistake(target, likely) or (
            f"of {ids} with the spans {spans} the target should be {right_target}, not {target}."
        )


@exercise
def mask_mended(answer):
    """put the labels back into the gaps, and the line is whole again."""
    ids = torch.tensor([[4, 50, 60, 70, 1, 80, 90, 2], [4, 55, 65, 1, 85, 2, 0, 0]])  # (B, L)
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    hidden[0, 2] = hidden[0, 6] = hidden[1, 1] = True
    given = ids.clone()
    inputs, labels = answer(given, hidden.clone())
    right_inputs, right_labels = ids.masked_fill(hidden, 3), ids.masked_fill(~hidden, 0)
    if not torch.equal(given, ids):
        return "it still writes into the ids that it was given, and the next epoch reads them: copy first."
    if same(labels, torch.where(hidden, right_inputs, 0)):
        return "the labels are marks: a model learns to say <mask> wherever it reads <mask>."
    if same(labels, ids):
        return "every word is a label, also those in full view, which need only be copied."
    if same(labels, ids.masked_fill(hidden, 0)):
        return "the labels are the words in full view, and those in the gaps are what to ask for."
    if same(inputs, ids):
        return "nothing is hidden in the inputs."
    if not same(labels, right_labels):
        return "the labels hold the hidden words at their places, and 0 everywhere else."
    if not same(inputs, right_inputs):
        return "the inputs hold 3 at the hidden places, and the ids everywhere else."
