"""The same results, faster: twins of `helpers.decoding` and of the training loss, without own parameters.

Generation keeps the keys and values of the words already written (the "KV cache") instead of making them
again for every new word. Training makes attention one head at a time, and the output layer with its loss a
few words at a time.
"""

import math
import os
import re
import time
from functools import cache
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from helpers.arguments import check_beam, check_logits
from helpers.data import BOS_ID, EOS_ID, PAD_ID
from helpers.decoding import cut, draw, most_likely, penalty, source_and_limits
from helpers.model import (
    Decoder,
    DecoderLayer,
    Encoder,
    EncoderLayer,
    MultiHeadAttention,
    Transformer,
    causal_mask,
    eval_mode,
    padding_mask,
)

# --- Generation ---------------------------------------------------------------------------------------------


def joined(*layers):
    """Several linear layers of one input as one: its bias `(n * D,)` and its matrix `(D, n * D)`."""
    weight = torch.cat([layer.weight for layer in layers]).t().contiguous()  # (D, n * D)
    return torch.cat([layer.bias for layer in layers]), weight


class Layer:
    """What a layer of the decoder needs for the next token: its matrices, the keys and values so far."""

    def __init__(self, layer, memory, real, longest, beams):
        own, cross, feed = layer.self_attention, layer.cross_attention, layer.feed_forward
        self.triad, self.own_out = joined(own.query, own.key, own.value), joined(own.projection)
        self.query, self.source_out = joined(cross.query), joined(cross.projection)
        self.widen, self.narrow = joined(feed.widen), joined(feed.narrow)
        self.wraps = layer.add_and_norm
        keys, values = (cross.split_heads(f(memory)) for f in (cross.key, cross.value))  # (B, H, S, dk)
        values = values.masked_fill(~real[:, None, :, None], 0.0)  # where all is padding the mix is 0
        self.source = [keys.contiguous(), values.contiguous()]
        shape = (len(memory) * beams, keys.shape[1], longest, keys.shape[-1])  # (R, H, longest, dk)
        self.own = [memory.new_zeros(shape) for _ in range(2)]

    def __call__(self, x, t, blank, blanks, unseen):
        """Vectors `(R, D)` of the tokens at place t to the vectors behind this layer."""
        for wrap, part in zip(
            self.wraps, (self.attend_to_own, self.attend_to_source, self.feed), strict=True
        ):
            y = part(wrap.norm(x) if wrap.norm_first else x, t, blank, blanks, unseen)  # (R, D)
            x = x + y if wrap.norm_first else wrap.norm(x + y)
        return x

    def attend_to_own(self, x, t, blank, blanks, unseen):
        keys, values = (kept[:, :, : t + 1] for kept in self.own)  # (R, H, T, dk)
        triad = torch.addmm(self.triad[0], x, self.triad[1])  # (R, 3 * D)
        query, keys[:, :, -1], value = triad.view(len(x), 3, keys.shape[1], -1).unbind(1)  # (R, H, dk)
        values[:, :, -1] = value if blanks is None else value.masked_fill(blank[:, None, None], 0.0)
        mix = F.scaled_dot_product_attention(query[:, :, None], keys, values, blanks)  # (R, H, 1, dk)
        return torch.addmm(self.own_out[0], mix.flatten(1), self.own_out[1])  # (R, D)

    def attend_to_source(self, x, t, blank, blanks, unseen):
        query = torch.addmm(self.query[0], x, self.query[1])  # (R, D)
        sentences, heads, _, size = self.source[0].shape
        query = query.view(sentences, -1, heads, size).transpose(1, 2)  # (B, H, beams, dk)
        mix = F.scaled_dot_product_attention(query, *self.source, unseen)  # (B, H, beams, dk)
        return torch.addmm(self.source_out[0], mix.transpose(1, 2).reshape(x.shape), self.source_out[1])

    def feed(self, x, *_):
        return torch.addmm(
            self.narrow[0], torch.addmm(self.widen[0], x, self.widen[1]).relu_(), self.narrow[1]
        )

    def keep(self, rows, sentences, t):
        """As `Steps.keep`, after t tokens."""
        for i, memory in enumerate(self.own):
            kept = memory[rows, :, :t]  # (R, H, T, dk), a copy
            self.own[i] = memory[: len(rows)]
            self.own[i][:, :, :t] = kept
        if sentences is not None:
            self.source = [kept[sentences] for kept in self.source]


class Steps:
    """The decoder of `model`, one token at a time, for `beams` hypotheses of each source in `src` `(B, S)`.

    Keys and values of self-attention go into memory laid out for `longest` tokens; those of the source are
    made once per sentence, whose beams ask as so many queries. R = B * beams rows, sentence by sentence.
    """

    def __init__(self, model, src, longest, beams=1):
        self.model, self.length, self.blanks = model, 0, None
        memory, real = model.encode(src), src != model.pad_id  # (B, S, D), (B, S)
        self.lowest = torch.finfo(memory.dtype).min  # added to the score of what must not be seen
        self.unseen = memory.new_zeros(real.shape).masked_fill(~real, self.lowest)[:, None, None]
        self.layers = [Layer(layer, memory, real, longest, beams) for layer in model.decoder.layers]
        self.output = model.output.weight.t().contiguous()  # (D, V)

    def __call__(self, token):
        """The newest ids `(R,)` to the logits of the next `(R, V)`."""
        model, t, blank = self.model, self.length, token == self.model.pad_id  # (R,)
        x = model.tgt_embedding(token) * model.scale + model.positions.table[t]  # (R, D)
        if self.blanks is None and blank.any():  # padding that the model has written itself
            self.blanks = x.new_zeros(len(x), 1, 1, self.layers[0].own[0].shape[2])
        if self.blanks is not None:
            self.blanks[:, 0, 0, t].masked_fill_(blank, self.lowest)
        self.length = t + 1
        blanks = None if self.blanks is None else self.blanks[..., : t + 1]  # (R, 1, 1, T)
        for layer in self.layers:
            x = layer(x, t, blank, blanks, self.unseen)
        return model.decoder.norm(x) @ self.output  # (R, V)

    def keep(self, rows, sentences=None):
        """Go on with these rows only, in this order, and with these sentences only."""
        self.blanks = None if self.blanks is None else self.blanks[rows]
        for layer in self.layers:
            layer.keep(rows, sentences, self.length)
        if sentences is not None:
            self.unseen = self.unseen[sentences]


@torch.inference_mode()
def decode_with(model, src, choose, max_len=None, drop=True):
    """Twin of `decoding.decode_with`. `drop`: go on without sentences that are finished."""
    src, limits = source_and_limits(model, src, max_len)  # (B, S), (B,)
    written = src.new_full((len(src), int(limits.max())), EOS_ID)  # (B, longest)
    going = torch.arange(len(src), device=src.device)  # (R,), the sentence of each row
    token, done = torch.full_like(going, BOS_ID), torch.zeros_like(going, dtype=torch.bool)  # (R,), (R,)
    with eval_mode(model):
        steps = Steps(model, src, written.shape[1])
        while not done.all():
            if drop and done.sum() > len(done) / 4:
                rows = (~done).nonzero()[:, 0]
                steps.keep(rows, rows)
                going, token, done = going[rows], token[rows], done[rows]
            logits = steps(token)  # (R, V)
            check_logits(logits)
            token = choose(logits).masked_fill(done, EOS_ID)  # (R,)
            written[going, steps.length - 1] = token
            done |= (token == EOS_ID) | (steps.length >= limits[going])
    return [cut(row[:limit]) for row, limit in zip(written.tolist(), limits.tolist(), strict=True)]


def greedy_decode(model, src, max_len=None):
    """Twin of `decoding.greedy_decode`."""
    return decode_with(model, src, most_likely, max_len)


def sample(model, src, temperature=1.0, top_k=None, top_p=1.0, max_len=None, generator=None):
    """Twin of `decoding.sample`; the same generator draws the same sentences."""
    return decode_with(
        model, src, lambda logits: draw(logits, temperature, top_k, top_p, generator), max_len, drop=False
    )


@torch.inference_mode()
def beam_search(model, src, beam_size=4, length_penalty=0.6, max_len=None, n_best=None):
    """Twin of `decoding.beam_search`: all sentences and all their hypotheses at once."""
    check_beam(beam_size, length_penalty, n_best)
    src, limits = source_and_limits(model, src, max_len)  # (B, S), (B,)
    found = [[] for _ in src]
    with eval_mode(model):
        steps = Steps(model, src, int(limits.max()), beam_size)
        going = torch.arange(len(src), device=src.device)  # (B,), the sentences that are not finished
        scores = steps.unseen.new_full((len(src), beam_size), -math.inf)  # (B, K)
        scores[:, 0] = 0.0  # (B, K): one beginning, not K equal ones
        written = src.new_full((len(src), beam_size, 1), BOS_ID)  # (B, K, 1)
        while len(going):
            logits = steps(written[..., -1].flatten())  # (B * K, V)
            check_logits(logits)
            total = scores[..., None] + logits.log_softmax(-1).unflatten(0, scores.shape)  # (B, K, V)
            best, place = total.flatten(1).topk(min(2 * beam_size, total[0].numel()))  # (B, 2 * K)
            parent, token = place // total.shape[-1], place % total.shape[-1]
            ends = (token == EOS_ID) | (steps.length >= limits[going])[:, None]  # (B, 2 * K)
            ended = ends & (best > -math.inf)
            ended[:, beam_size:] = False
            for b, rank in ended.nonzero().tolist():
                ids = [*written[b, parent[b, rank], 1:].tolist(), token[b, rank].item()]
                score = best[b, rank].item() / penalty(len(ids), length_penalty)
                found[going[b]].append((cut(ids), score))
            scores, slot = best.masked_fill(ends, -math.inf).topk(beam_size)  # (B, K)
            parent, token = parent.gather(1, slot), token.gather(1, slot)  # (B, K), (B, K)
            written = written.gather(1, parent[..., None].expand_as(written))  # (B, K, T)
            written = torch.cat([written, token[..., None]], dim=-1)  # (B, K, T + 1)
            on = torch.tensor([len(found[i]) < beam_size for i in going.tolist()], device=src.device)
            on = (on & (scores[:, 0] > -math.inf)).nonzero()[:, 0]  # (B,), those that are not finished
            rows = torch.arange(len(going), device=src.device)[:, None] * beam_size + parent  # (B, K)
            steps.keep(rows[on].flatten(), on)
            going, scores, written = going[on], scores[on], written[on]
    found = [sorted(pairs, key=lambda pair: -pair[1]) for pairs in found]
    return [pairs[:n_best] if n_best else pairs[0][0] for pairs in found]


# --- Training -----------------------------------------------------------------------------------------------


class OutputLoss(torch.autograd.Function):
    """Smoothed cross-entropy of the logits `hidden @ weight^T`, which are never there all at once.

    Called with hidden `(N, D)`, weight `(V, D)`, labels `(N,)` and the smoothing; gives the mean loss in nats
    and how many labels have the largest logit. The gradient of a logit is (softmax - target) / N, where the
    smoothed target is 1 - smoothing for the label and smoothing / V for every word.
    """

    @staticmethod
    def forward(ctx, hidden, weight, labels, smoothing, rows=512):
        dtype = hidden.dtype
        if torch.is_autocast_enabled(hidden.device.type):
            dtype = torch.get_autocast_dtype(hidden.device.type)
        matrix, all_words, own = weight.to(dtype), weight.sum(0), weight[labels]  # (V, D), (D,), (N, D)
        target = own * (1 - smoothing) + all_words * (smoothing / len(weight))  # (N, D)
        loss, right = -(hidden * target).sum(), 0
        hidden_grad, weight_grad = torch.empty_like(hidden), torch.zeros_like(weight)
        for some in torch.arange(len(labels), device=labels.device).split(rows):
            x = hidden[some]  # (n, D)
            shares = (x.to(dtype) @ matrix.t()).to(hidden.dtype)  # (n, V), logits so far
            most, best = shares.max(dim=-1, keepdim=True)  # (n, 1), (n, 1)
            right = right + (best[:, 0] == labels[some]).sum()
            total = shares.sub_(most).exp_().sum(dim=-1, keepdim=True)  # (n, 1)
            loss = loss + (total.log() + most).sum()
            hidden_grad[some] = (shares.to(dtype) @ matrix) / total - target[some]
            if dtype == weight.dtype:
                weight_grad.addmm_(shares.t(), x / total)
            else:
                weight_grad += shares.to(dtype).t() @ (x / total).to(dtype)
        weight_grad.index_add_(0, labels, hidden, alpha=smoothing - 1)
        weight_grad -= hidden.sum(0) * (smoothing / len(weight))
        ctx.save_for_backward(hidden_grad / len(labels), weight_grad / len(labels))
        ctx.mark_non_differentiable(right)
        return loss / len(labels), right

    @staticmethod
    def backward(ctx, grad, _):
        hidden_grad, weight_grad = ctx.saved_tensors
        return grad * hidden_grad, grad * weight_grad, None, None, None


class Attention(torch.autograd.Function):
    """`dropout(softmax(query key^T + unseen)) value`, one head at a time: its tables stay in the cache.

    Called with query `(B, H, T, dk)`, already divided by the root of dk, key and value `(B, H, S, dk)`, what
    is added to the scores of every head, `(B, 1, S)` or `(B, T, S)`, and the share p that is dropped; gives
    `(B, H, T, dk)`. With weights P, of which dropout leaves D, the gradient of the scores is D * G - P * r.
    G is the gradient of the output times value^T, and r, one number a query, the output times its gradient.
    """

    @staticmethod
    def forward(ctx, query, key, value, unseen, p):
        mix, tables = torch.empty_like(query), []  # (B, H, T, dk)
        bits = random_bits((*query.shape[:3], key.shape[2])) if p else None  # as the lessons' model draws
        for h in range(query.shape[1]):
            weights = torch.baddbmm(unseen, query[:, h], key[:, h].mT)  # (B, T, S), scores so far
            torch.softmax(weights, dim=-1, out=weights)
            left = factors(bits[:, h], p, weights.dtype).mul_(weights) if p else weights  # (B, T, S)
            mix[:, h] = left @ value[:, h]
            tables += [weights, left]
        ctx.save_for_backward(query, key, value, mix, *tables)
        return mix

    @staticmethod
    def backward(ctx, grad):
        query, key, value, mix, *tables = ctx.saved_tensors
        grads, sums = [torch.empty_like(x) for x in (query, key, value)], (grad * mix).sum(-1)  # (B, H, T)
        for h, (weights, left) in enumerate(zip(tables[::2], tables[1::2], strict=True)):
            scores = grad[:, h] @ value[:, h].mT  # (B, T, S), G, and after the next line their gradient
            scores.mul_(left).addcmul_(weights, sums[:, h, :, None], value=-1)
            grads[0][:, h] = scores @ key[:, h]
            grads[1][:, h] = scores.mT @ query[:, h]
            grads[2][:, h] = left.mT @ grad[:, h]
        return *grads, None, None


def attention(query, key, value, unseen, p):
    """`F.scaled_dot_product_attention` with a mask `(B, 1, 1, S)` or `(B, 1, T, S)` of numbers to add."""
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, unseen, p)
    return Attention.apply(query / math.sqrt(query.shape[-1]), key, value, unseen[:, 0], p)


def attend(module, x, source, unseen, blank):
    """Twin of a `MultiHeadAttention`, called as `(x, source, source, mask)`."""
    query = module.split_heads(module.query(x))  # (B, H, T, dk)
    key, value = (module.split_heads(f(source)) for f in (module.key, module.value))  # (B, H, S, dk)
    p = module.dropout.p if module.dropout.training else 0.0
    mix = F.scaled_dot_product_attention(query, key, value, unseen, p)  # (B, H, T, dk)
    mix = mix if blank is None else mix.masked_fill(blank, 0.0)
    return module.projection(mix.transpose(1, 2).flatten(2))  # (B, T, D)


def through(stack, x, mask, memory=None, memory_mask=None):
    """Twin of an `Encoder` or a `Decoder`."""
    if F.scaled_dot_product_attention not in choice():
        return stack(x, mask) if memory is None else stack(x, memory, mask, memory_mask)
    mask, memory_mask = (m if m is None else added(m, x.dtype) for m in (mask, memory_mask))
    for layer in stack.layers:
        wraps = iter(layer.add_and_norm)
        x = next(wraps)(x, lambda y, part=layer.self_attention: attend(part, y, y, *mask))
        if memory is not None:
            x = next(wraps)(x, lambda y, part=layer.cross_attention: attend(part, y, memory, *memory_mask))
        x = next(wraps)(x, layer.feed_forward)
    return stack.norm(x)


def added(mask, dtype):
    """What is added to scores for a mask `(B, 1, T, S)`, and which queries see nothing, if there are any."""
    blank = ~mask.any(-1, keepdim=True)  # (B, 1, T, 1)
    lowest = torch.finfo(dtype).min / 2  # the half, since bfloat16 does not hold the whole
    return mask.new_zeros(mask.shape, dtype=dtype).masked_fill(~mask, lowest), blank if blank.any() else None


def dropout(x, p=0.5, training=True, inplace=False):
    """`F.dropout` from 16 random bits a number, which are cheaper than a random number each."""
    if not training or not 0 < round(p * 2**16) < 2**16 or x.device.type != "cpu":
        return F.dropout(x, p, training, inplace)
    return x * factors(random_bits(x.shape), p, x.dtype)


def factors(bits, p, dtype):
    """What dropout multiplies with: 0 for a share p of the random `bits`, and 1 / (1 - p) for the others."""
    dropped = min(round(p * 2**16), 2**16 - 1)  # of 65536 patterns
    kept = torch.ge(bits, dropped - 2**15, out=torch.empty(bits.shape, dtype=dtype))
    return kept.mul_(2**16 / (2**16 - dropped))


def random_bits(shape):
    """Random whole numbers from -2^15 to 2^15 - 1 in a tensor of int16."""
    fours = torch.empty((math.prod(shape) + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    return fours.view(torch.int16)[: math.prod(shape)].view(shape)


def linear(x, weight, bias=None):
    """`F.linear` as a convolution over single points: where oneDNN beats MKL, the way to it."""
    if x.numel() * len(weight) < 2**24:
        return F.linear(x, weight, bias)
    points = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # (1, D, N, 1), the numbers of a point last
    return F.conv2d(points, weight[:, :, None, None], bias).permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


class Kernels(TorchFunctionMode):
    """Inside this context every function of PyTorch that `choice` names is the one above."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return choice().get(function, function)(*args, **(kwargs or {}))


@cache
def choice():
    """Which function of PyTorch is replaced by which; measured once in a process."""
    if os.environ.get("TRANSFORMER_FAST") == "0":
        return {}
    always = {F.dropout: dropout, F.scaled_dot_product_attention: attention}
    return always | ({F.linear: linear} if gain_of_onednn() > 1.2 else {})


def gain_of_onednn():
    """How many times faster a linear layer is as a convolution here, forward and backward."""
    x, weight = (torch.ones(rows, 256, requires_grad=True) for rows in (2048, 512))  # nothing is drawn

    def seconds(function):
        started = time.perf_counter()
        function(x, weight).sum().backward()
        return time.perf_counter() - started

    rounds = [(seconds(F.linear), seconds(linear)) for _ in range(6)][1:]
    return median(plain / folded for plain, folded in rounds)


# What `token_loss` takes apart, by the names and kinds it has in `helpers.model`.
TAKEN_APART = r"((en|de)coder(\.layers\.\d+(\.(self|cross)_attention(\.dropout)?)?)?)?"
KINDS = {Transformer, Encoder, EncoderLayer, Decoder, DecoderLayer, MultiHeadAttention, nn.Dropout}


def suits(model):
    """Whether `token_loss` may be used in its training: for a `Transformer` as it is in `helpers.model`."""
    parts = [part for name, part in model.named_modules() if re.fullmatch(TAKEN_APART, name)]
    if type(model) is not Transformer or not choice() or not {type(part) for part in parts} <= KINDS:
        return False
    hooks = [hook for part in parts for hook in (*part._forward_hooks, *part._forward_pre_hooks)]
    return not hooks and not any(callable(value) for part in parts for value in vars(part).values())


def token_loss(model, src, tgt_in, labels, label_smoothing=0.0):
    """Twin of `training.token_loss` from the ids on; also how many labels have the largest logit."""
    src_mask = padding_mask(src, model.pad_id)  # (B, 1, 1, S)
    memory = through(model.encoder, model.embed(src, model.src_embedding), src_mask)  # (B, S, D)
    mask = causal_mask(tgt_in.shape[1]).to(tgt_in.device) & padding_mask(tgt_in, model.pad_id)
    x = model.embed(tgt_in, model.tgt_embedding)  # (B, T, D)
    hidden, real = through(model.decoder, x, mask, memory, src_mask), labels != PAD_ID  # (B, T, D), (B, T)
    return OutputLoss.apply(hidden[real], model.output.weight, labels[real], label_smoothing)
