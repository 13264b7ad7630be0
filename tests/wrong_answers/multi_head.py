"""Plausible wrong answers to the exercises of notebook 04, and what the reader is told."""


def join(heads):
    return heads.transpose(1, 2).flatten(2)


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
        ("hts,hsd->td", "one number of axes only"),
        ("bhts,bhsd->btd", "one number of axes only"),
        ("...hts,...hds->...td", "do not fit"),
        ("...ts,...sd->...td", "heads are still apart"),
        ("...hts,...hsd->...dt", "turned round"),
        ("...hts,...hsd->...ts", "should have shape"),
        ("...hts,...hsd", "an arrow"),
        ("...hts,...gsd->...td", "numbers are not"),
        ("...hts,...hud->...td", "numbers are not"),
    ],
}
