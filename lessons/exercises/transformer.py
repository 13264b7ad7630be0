"""Checks for the exercises of notebook 10."""

import torch
from torch import nn

from lessons.exercises import exercise, likely_mistake, same, unusable


@exercise
def untied_parameters(answer):
    """one matrix serves three times, so two more of 37,000 times 512 are needed without tying."""
    matrix = 37_000 * 512
    likely = {
        "a shared matrix is counted once: without tying there are more.": 0,
        "two parts borrow the matrix of the target's embedding, not one.": matrix,
        "one of the three is there with tying as well: count what is added.": 3 * matrix,
        "the output layer has no bias, tied or not.": 2 * matrix + 37_000,
    }
    if answer != 2 * matrix:
        return likely_mistake(answer, likely) or (
            "how many matrices with one row of 512 numbers for each word are there, tied and not?"
        )


@exercise
def masks_from_pytorch(answer):
    """0 means may attend, blocked is turned round, and both must allow."""
    tgt_mask = torch.full((4, 4), -torch.inf).triu(1)
    key_padding = torch.tensor([[False] * 4, [False, False, True, True], [False, False, False, True]])
    result = answer(tgt_mask.clone(), key_padding.clone())
    if message := unusable(result):
        return message
    if result.dtype != torch.bool:
        return f"a mask here is boolean, yours holds {result.dtype}: compare the numbers with 0."
    allowed, real = tgt_mask == 0, ~key_padding[:, None, None, :]
    if result.shape == (3, 4, 4):
        return "the shape is (B, T, T): put an axis of size 1 for the heads in between."
    if result.shape != (3, 1, 4, 4):
        return f"the shape is {tuple(result.shape)}, expected (B, 1, T, T) = (3, 1, 4, 4)."
    likely = {
        "everything is turned round: True is to mean 'may attend'.": ~(allowed & real),
        "both masks are turned round: 0 and False (not blocked) mean may attend.": ~allowed & ~real,
        "the numbers are turned round: 0 is added where a word may attend.": ~allowed & real,
        "the padding is turned round: in key_padding True means blocked.": allowed & ~real,
        "a key must be allowed by both masks, so join them with &, not with |.": allowed | real,
        "you hide queries: key_padding belongs to the last axis.": allowed & real.transpose(-2, -1),
        "key_padding is not used.": allowed.expand(3, 1, 4, 4),
        "tgt_mask is not used.": real.expand(3, 1, 4, 4),
    }
    if not same(result, allowed & real):
        return likely_mistake(result, likely) or (
            "a place is True where tgt_mask adds 0 and the key is not padding."
        )
    window = tgt_mask.masked_fill(torch.ones(4, 4, dtype=torch.bool).tril(-2), -torch.inf)
    if not torch.equal(answer(window.double(), key_padding), (window == 0) & real):
        return "right for a causal mask only: read tgt_mask, it may block other places."


@exercise
def value_of_head(answer):
    """value is the last third, and head h has the h-th share of its rows."""
    for n_heads, d_model in ((4, 8), (2, 6), (1, 3)):
        d_k = d_model // n_heads
        weight = torch.arange(3.0 * d_model * d_model).reshape(3 * d_model, d_model)
        for head in range(n_heads):
            result = answer(weight.clone(), n_heads, head)
            if message := unusable(result):
                return message
            query, key, value = weight.chunk(3)
            pieces = weight.chunk(n_heads)[head].chunk(3)  # not a share of value: of all three together
            if tuple(result.shape) != (d_k, d_model):
                also = " Heads are rows here, not columns." if tuple(result.shape) == (d_model, d_k) else ""
                return f"the shape is {tuple(result.shape)}, expected (dk, D) = ({d_k}, {d_model}).{also}"
            mine = slice(head * d_k, (head + 1) * d_k)
            likely = {
                "first the thirds, then the heads: the query rows of all heads come first.": pieces[2],
                "a head has dk rows of the matrix, not columns.": value[:, mine].T,
                "this is the query matrix: value comes last of the three.": query[mine],
                "this is the key matrix: value comes last of the three.": key[mine],
                "the rows of a head stand together: head 0 has the first dk of them.": value[head::n_heads],
                "this is another head: count them from 0.": value[(head - 1) % n_heads * d_k :][:d_k],
            }
            if not same(result, value[mine]):
                return likely_mistake(result, likely) or (
                    "take the last third of the rows, and of these the share of the head."
                )


class Words(nn.Module):
    """An embedding and an output layer for 7 words of 4 numbers, not tied."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.output = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)


@exercise
def tie_weights(answer):
    """both names hold the same parameter, so a change of one is a change of the other."""
    model = Words()
    table, scores = model.embedding.weight.detach().clone(), model.output.weight.detach().clone()
    tied = answer(model)
    if not isinstance(tied, nn.Module) or not hasattr(tied, "output") or not hasattr(tied, "embedding"):
        return f"it returns a {type(tied).__name__}: return the model."
    if not isinstance(tied.output, nn.Linear):
        return "the output layer must stay a linear layer: tie its weight, not the whole module."
    if not isinstance(tied.embedding, nn.Embedding):
        return "the embedding must stay an embedding: tie its weight, not the whole module."
    first, second = tied.embedding.weight, tied.output.weight
    if first.shape != table.shape or second.shape != table.shape:
        return f"the shapes are now {tuple(first.shape)} and {tuple(second.shape)}: both stay (n_vocab, D)."
    if torch.equal(first, scores):
        return "the values of the embedding are lost: assign its weight to the output layer, not back."
    if not torch.equal(first, table):
        return "the values of the embedding changed: both should use them as they are."
    if not torch.equal(second, table):
        return "the output layer still has values of its own."
    if len(list(tied.parameters())) == 2:
        return "equal, but two parameters: training moves them apart. Assign the parameter, do not copy it."
    tied.output(tied.embedding(torch.tensor([1, 2]))).square().sum().backward()
    if first is not second or first.grad is None:
        return "training must reach the shared parameter: assign weight itself, without detach or data."


@exercise
def which_check_fails(answer):
    """padding gets into the mean, the sum reads the future, and unused positions do not matter."""
    if isinstance(answer, dict):
        answer = [answer[name] for name in sorted(answer, key=str)]
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    if isinstance(answer, set | frozenset):
        return "a list, in the order A, B, C: a set has no order."
    if not isinstance(answer, list | tuple):
        return "a list of three names, for A, B and C."
    answer = [str(name).strip().lower().removeprefix("assert_") for name in answer]
    short = {"padding_invariant": "padding", "source_matters": "source", "positions_matter": "positions",
             "position": "positions"}  # fmt: skip
    answer = [short.get(name, name) for name in answer]
    known = {"causal", "padding", "source", "positions"}
    if unknown := [name for name in answer if name not in known]:
        return f"{unknown[0]!r} is no check: choose from causal, padding, source and positions."
    if len(answer) != 3:
        return "three names, one for each model."
    hints = (
        ("padding", "LeakA: over which places does the mean run? The mask in decode comes too late."),
        ("causal", "LeakB: the sum runs over all words of the target. Which of them may word 0 not see?"),
        ("positions", "LeakC: what happens to the result of self.positions?"),
    )
    for given, (right, hint) in zip(answer, hints, strict=True):
        if given != right:
            return hint
