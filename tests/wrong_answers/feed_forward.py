"""Plausible wrong answers to the exercises of notebook 05, and what the reader is told."""

W = 2 * 256 * 1024


def bend(x, W_1, b_1, W_2, b_2):
    return (x @ W_1 + b_1).relu() @ W_2 + b_2


WRONG = {
    "feed_forward_parameters": [
        (W, "also have a bias"),
        (W // 2 + 1024, "first layer only"),
        (W + 2 * 1024, "1024 numbers, then 256"),
        (2 * (256 * 256 + 256), "256 x 1024 and 1024 x 256"),
        (1280, "count two layers"),
        ([256 * 1024 + 1024, 1024 * 256 + 256], "one number"),
    ],
    "feed_forward_on_paper": [
        ([3, -6], "left out the ReLU"),
        ([7, 0], "does not drop their sign"),
        ([5, 0], "may be negative"),
        ([2, 0, 0, 3], "two numbers"),
        ([2, 1], "first the four units"),
    ],
    "word_by_word": [
        (lambda x, W_1, b_1, W_2, b_2: (x @ W_1 + b_1) @ W_2 + b_2, "no function"),
        (lambda *args: bend(*args).relu(), "between the layers only"),
        (lambda x, W_1, b_1, W_2, b_2: ((x @ W_1 + b_1) @ W_2 + b_2).relu(), "not behind the second"),
        (lambda x, W_1, b_1, W_2, b_2: ((x @ W_1).relu() + b_1) @ W_2 + b_2, "inside the ReLU"),
        (lambda x, W_1, b_1, W_2, b_2: (x @ W_1).relu() @ W_2 + b_2, "first bias is missing"),
        (lambda x, W_1, b_1, W_2, b_2: (x @ W_1 + b_1).relu() @ W_2, "second bias"),
        (lambda x, W_1, b_1, W_2, b_2: (x @ W_1 + b_1).relu(), "same shape"),
        (lambda x, W_1, b_1, W_2, b_2: (x @ W_1 + b_1).sigmoid() @ W_2 + b_2, "equation 2"),
    ],
    "tent_by_hand": [
        ([1, -1, 1], "at 3"),
        ([2, -4, 2], "at 2"),
        ([1, -2, 0], "at 4"),
        ([1, -2], "three numbers"),
    ],
    "share_that_is_on": [
        (lambda hidden: (hidden >= 0).float().mean(), "exactly 0"),
        (lambda hidden: (hidden != 0).float().mean(), "negative units"),
        (lambda hidden: (hidden > 0).sum(), "divide by"),
        (lambda hidden: hidden.relu().mean(), "mean of the units"),
        (lambda hidden: (hidden > 0).float().mean(dim=0), "one number"),
    ],
}
