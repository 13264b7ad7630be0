"""Plausible wrong answers to the exercises of notebook 05, and what the reader is told."""

import torch


def centred(mean):
    def layer(x, widen, narrow):
        hidden = widen(x)
        return narrow((hidden - mean(hidden)).relu())

    return layer


def centred_late(x, widen, narrow):
    hidden = widen(x).relu()
    return narrow(hidden - hidden.mean(dim=-1, keepdim=True))


def one_switch(share, cuts):
    places = torch.arange(len(share))
    return torch.stack([share[(places < cut) == (places % 2 == 0)].sum() for cut in cuts])


def both(right):
    return torch.maximum(right, 1 - right).max()


WRONG = {
    "weights_of_bends": [
        (lambda wanted: wanted.diff(), "these are the slopes"),
        (lambda wanted: wanted.diff().diff(), "sets the first slope"),
        (lambda wanted: -wanted.diff(prepend=torch.zeros(1)).diff(), "the sign"),
        (lambda wanted: wanted[1:], "wanted numbers themselves"),
        (
            lambda wanted: wanted.diff(prepend=torch.zeros(1)).diff(prepend=torch.zeros(1)),
            "then each change of slope",
        ),
        (lambda wanted: torch.tensor([1.0, -2, 2, -2, 2]), "then each change of slope"),
    ],
    "tent_by_hand": [
        ([1, -1, 1], "at 3"),
        ([2, -4, 2], "at 2"),
        ([1, -2, 0], "at 4"),
        ([1, -2], "three numbers"),
    ],
    "centred_fixed": [
        (centred(lambda hidden: hidden.mean(dim=1, keepdim=True)), "axis of the words"),
        (centred(lambda hidden: hidden.mean(dim=0, keepdim=True)), "other sentences"),
        (centred(lambda hidden: 0), "still be subtracted"),
        (centred(lambda hidden: hidden.mean()), "one mean for all words"),
        (centred_late, "first, then the ReLU"),
        (lambda x, widen, narrow: widen(x), "same shape"),
        (lambda x, widen, narrow: x, "which axis"),
    ],
    "best_with_one_switch": [
        (lambda share: one_switch(share, range(9)).max(), "begin with even"),
        (lambda share: both(one_switch(share, [0])), "never switches"),
        (lambda share: share.max(), "try each place"),
    ],
}
