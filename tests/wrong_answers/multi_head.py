"""Plausible wrong answers to the exercises of notebook 04, and what the reader is told."""


def join(heads):
    return heads.transpose(1, 2).flatten(2)


def without(heads, number):
    silent = heads.clone()
    silent[:, number] = 0.0
    return silent


def silences_in_place(heads, W_O, number):
    heads[:, number] = 0.0
    return join(heads) @ W_O


def silences_a_word(heads, W_O, number):
    silent = heads.clone()
    silent[:, :, number] = 0.0
    return join(silent) @ W_O


WRONG = {
    "heads_and_parameters": [
        ([16, 4 * 256 * 256], "also has a bias"),
        ([16, 3 * (256 * 256 + 256)], "a fourth layer"),
        ([16, 16 * 4 * (256 * 256 + 256)], "share the width"),
        ([256, 4 * (256 * 256 + 256)], "divide by the number of heads"),
        ([32, 4 * (256 * 256 + 256)], "16 heads share"),
        ([16, 1000], "count four layers"),
    ],
    "split_on_paper": [
        ([[5, 6], [7, 8]], "without a transpose"),
        ([[3, 9], [4, 10]], "each row should be a word"),
        ([[1, 2], [7, 8]], "another head"),
        ([[2, 5], [8, 11]], "side by side"),
        ([3, 4, 9, 10], "two rows of two"),
        ([[3, 4], [5, 6]], "three pairs"),
    ],
    "join_heads": [
        (lambda heads: heads.reshape(heads.shape[0], heads.shape[2], -1), "scrambled"),
        (lambda heads: heads.flatten(2), "heads of each word"),
        (lambda heads: heads.permute(0, 2, 3, 1).flatten(2), "side by side"),
        (lambda heads: heads.transpose(1, 2), "(2, 4, 6)"),
        (lambda heads: join(heads.flip(1)), "one axis of heads and dk"),
    ],
    "mix_by_einsum": [
        ("ts,sk->tk", "one sentence only"),
        ("...ts,...ks->...tk", "do not fit"),
        ("...ts,...sk->...kt", "turned round"),
        ("...ts,...sk->...tsk", "should have shape"),
        ("...td,...sd", "an arrow"),
        ("...ts,...uk->...tk", "numbers are not"),
    ],
    "silence_a_head": [
        (silences_in_place, "heads.clone()"),
        (lambda heads, W_O, number: join(heads) @ W_O, "no head is silent"),
        (lambda heads, W_O, number: join(heads - without(heads, number)) @ W_O, "only this head"),
        (lambda heads, W_O, number: without(heads, number).reshape(2, 4, 15) @ W_O, "scrambled"),
        (lambda heads, W_O, number: join(without(heads, number - 1)) @ W_O, "counted from 0"),
        (lambda heads, W_O, number: join(without(heads, number)), "projection is missing"),
        (silences_a_word, "word 1"),
        (lambda heads, W_O, number: join(heads[:, [0, 2]]) @ W_O[:10], "set the numbers of this head"),
    ],
}
