# %% [raw] tags=["card"]
# built: greedy decoding, sampling, beam search, and a cache for keys and values
# questions: How do probabilities become a sentence? Is the likeliest sentence the best one?
# Why do long answers need a length penalty? What does a KV cache keep, and what must stay as it was?

# %% [markdown]
# # 14 - Decoding
#
# {{badge}}
#
# A translator does not give you a sentence. At each step it gives you 6,000 probabilities, one for every
# subword, and somebody must choose. Today that is you. **Which sentence does the model mean?**
#
# - **You need**: the whole model of [10 - The Transformer](10_transformer.ipynb). The translator is the one
#   that comes with the series; nothing is trained here.
# - **It runs** in {{time}} on a laptop with two cores.
#
# **From two lessons back.** In 12, label smoothing asked for 0.9 on the right word, and shared out the
# other 0.1 among all words. Now let words be *drawn* from what such a model says. How often does one come
# out that nobody would want? And in a sentence of twelve?
#
# <details><summary>Answer</summary>
#
# A model that has learned just this draws one of the other words one time in ten. Twelve in a row without
# any have the probability 0.9¹² = 0.28, so seven sentences in ten have at least one.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import copy
import math

import torch
from torch import nn

from helpers import fast, plots
from helpers.arguments import check_beam, check_logits, check_sampling
from helpers.data import BOS_ID, EOS_ID, PAD_ID, pad
from helpers.decoding import cut, source_and_limits  # up to </s>; at most so many subwords
from helpers.model import Transformer, eval_mode, padding_mask  # built in 09 and 10
from helpers.translate import load_translator
from lessons import pictures
from lessons.exercises import decoding as check

# %% [markdown]
# ## Stage 36 - Greedy, one sentence
#
# The encoder reads the German once. The decoder then gets what is written so far and scores the next
# subword. The plainest choice is the likeliest, again and again until `</s>`: **greedy decoding**.

# %%
model, tokenizer = load_translator()
model.eval().requires_grad_(False)


def ids(*sentences):
    return pad([[*tokenizer.encode(s).ids, EOS_ID] for s in sentences])  # (B, S)


def text(row):
    return tokenizer.decode(cut(row))


# %%
def greedy_1(src, limit=60):
    memory, tgt = model.encode(src), src.new_full((1, 1), BOS_ID)  # (1, S, D), (1, 1)
    while tgt[0, -1] != EOS_ID and tgt.shape[1] <= limit:
        logits = model.decode(tgt, memory, None)[:, -1]  # (1, V), of the last place
        tgt = torch.cat([tgt, logits.argmax(-1, keepdim=True)], dim=1)  # (1, T + 1)
    return tgt[0, 1:].tolist()


german = ["Kinder spielen.", "Eine Frau lacht.", "Zwei Männer kochen in einer Küche.",
          "Ein Mann trägt eine Leiter.", "Zwei Kinder bauen eine Burg aus Sand am Strand.",
          "Drei Mädchen laufen über eine Wiese, während ein Hund hinter ihnen her rennt."]  # fmt: skip
alone = [text(greedy_1(ids(sentence))) for sentence in german]
print("\n".join(alone))

# %% [markdown]
# Good captions. The `None` is the source's mask: one sentence has no padding to hide.
#
# ## Stage 37 - Greedy, a batch
#
# Six sentences, six times through the model. Put them into one batch: `(1, ...)` becomes `(B, ...)`, and
# the loop goes on until every row says `</s>`.


# %%
def greedy_2(src, limit=60):
    memory, tgt = model.encode(src), src.new_full((len(src), 1), BOS_ID)  # (B, S, D), (B, 1)
    while (tgt[:, -1] != EOS_ID).any() and tgt.shape[1] <= limit:  # changed: any row
        logits = model.decode(tgt, memory, None)[:, -1]  # (B, V)
        tgt = torch.cat([tgt, logits.argmax(-1, keepdim=True)], dim=1)  # (B, T + 1)
    return tgt[:, 1:].tolist()


for row in greedy_2(ids(*german)):
    print(text(row))

# %% [markdown]
# Six captions, all of them English. Compare them with those above. Should it matter to *Eine Frau lacht*
# which other sentences happen to stand in its batch?
#
# It should not, and the first three have changed; somebody cooks twice. The short rows were filled up with
# `<pad>`. The encoder hid that, and cross-attention looked at it. `None` was right for a batch of one and
# for nothing else. The mask goes in. And since "the likeliest" will not stay the only way to choose, the
# choice becomes an argument.


# %%
def extend(src, choose, limit=60):
    memory, tgt = model.encode(src), src.new_full((len(src), 1), BOS_ID)  # (B, S, D), (B, 1)
    src_mask = padding_mask(src, PAD_ID)  # (B, 1, 1, S), new
    while (tgt[:, -1] != EOS_ID).any() and tgt.shape[1] <= limit:
        token = choose(model.decode(tgt, memory, src_mask)[:, -1])  # (B,), changed
        tgt = torch.cat([tgt, token[:, None]], dim=1)  # (B, T + 1)
    return tgt[:, 1:].tolist()


together = extend(ids(*german), lambda logits: logits.argmax(-1))
print("alone = in a batch:", [text(row) for row in together] == alone)
assert [text(row) for row in together] == alone

# %% [markdown]
# ## Stage 38 - Drawing words
#
# A caption can be worded in many ways, and greedy always gives the same one. For variety, draw each subword
# at random with the model's probabilities: 24 times, for one sentence. Which rows would you expect to be
# odd?

# %% tags=["nbval-ignore-output"]
# not compared: random drawings differ between processors
torch.manual_seed(0)
rows = extend(ids(*[german[3]] * 24), lambda logits: torch.multinomial(logits.softmax(-1), 1)[:, 0], limit=40)
late = [row for row in rows if EOS_ID in row and set(row[row.index(EOS_ID) :]) != {EOS_ID}]
print(f"{len(rows[0])} steps; {len(late)} of 24 rows go on after their end")
for row in late[:2]:
    print(" ".join(tokenizer.id_to_token(i) for i in row).replace("▁", ""))
assert late, "other drawings: try another seed"

# %% [markdown]
# A row that has ended is asked for the next word all the same, and sooner or later it gives one. And the
# loop stops only in a step in which all rows say `</s>` at once. Nothing in the greedy batch prevents either.
#
# So each row must remember that it is done. This is the loop of `helpers.decoding`, with a limit for each
# row: the length of its source plus 50, as in section 6.1 of the paper.


# %% tags=["final"]
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
    """Take the most likely next token again and again until `</s>`."""
    return decode_with(model, src, most_likely, max_len)


# %% [markdown]
# And what is drawn *before* the end? Along the greedy sentence, count the probability that falls outside
# the five likeliest subwords of each step.

# %%
written = greedy_decode(model, ids(german[3]))[0]
logits = model(ids(german[3]), torch.tensor([[BOS_ID, *written]]))[0]  # (T, V)
five = logits.softmax(-1).topk(5).values.sum(-1)  # (T,)
print(f"outside the five likeliest: {1 - five.mean().item():.2f} of a step")
print(f"at least once in {len(five)} steps: {1 - five.prod().item():.2f}")

# %% [markdown]
# Each of the other 5,995 is unlikely, and together they turn up that often in this sentence. To keep
# them out, divide the logits by a **temperature** below 1, and what is likely becomes likelier. Or cut the
# tail off: keep the `top_k` likeliest (**top-k**), or as few as hold the share `top_p` together (**nucleus
# sampling**, top-p).


# %% tags=["final"]
def draw(logits, temperature=1.0, top_k=None, top_p=1.0, generator=None):
    """Logits `(B, V)` to ids `(B,)`, drawn at random: likely ones often, unlikely ones rarely."""
    check_sampling(temperature, top_k, top_p)
    shares, order = (logits / temperature).softmax(dim=-1).sort(dim=-1, descending=True)  # (B, V), (B, V)
    before = shares.cumsum(dim=-1) - shares  # (B, V), what the likelier ones hold
    shares = shares.masked_fill(before >= top_p, 0.0)
    place = torch.multinomial(shares[:, :top_k], 1, generator=generator)  # (B, 1)
    return order.gather(-1, place)[:, 0]  # (B,)


def sample(model, src, temperature=1.0, top_k=None, top_p=1.0, max_len=None, generator=None):
    """Draw every next token at random, as `draw` does; else as `greedy_decode`."""
    return decode_with(model, src, lambda logits: draw(logits, temperature, top_k, top_p, generator), max_len)


# %% [markdown]
# (`multinomial` takes shares that no longer add up to 1.) Here is the word after *A man*. Which of the four
# settings would you trust with a whole sentence?

# %%
# alt: Four panels of bars with the shares of six subwords after "A man", and of all others together. At
#   temperature 0.5 "is" and "carries" hold nearly all. At 1 the others hold about .08, at 2 nearly all of it.
#   With top-p 0.9 the others hold nothing.
logits = logits[2]  # (V,), after "A man"
top = logits.topk(6).indices.tolist()
panels = {}
for name, t, p in [("temperature 0.5", 0.5, 1.0), ("temperature 1", 1.0, 1.0), ("temperature 2", 2.0, 1.0),
                   ("top-p 0.9", 1.0, 0.9)]:  # fmt: skip
    shares, order = (logits / t).softmax(-1).sort(descending=True)  # (V,), (V,)
    shares = shares.masked_fill(shares.cumsum(-1) - shares >= p, 0.0)  # as in draw
    found = dict(zip(order.tolist(), (shares / shares.sum()).tolist(), strict=True))
    panels[name] = {tokenizer.id_to_token(i).strip("▁"): found.pop(i) for i in top}
    panels[name]["all others"] = sum(found.values())
plots.show(plots.share_bars(panels, title="Ein Mann trägt eine Leiter.   A man ..."))

# %% [markdown]
# At temperature 2 the 5,994 others hold most of it: that is noise. At 0.5 and with top-p the tail is
# gone, and they differ in the head: top-p leaves the proportions as they were.

# %% tags=["nbval-ignore-output"]
# not compared: random drawings differ between processors
for settings in [dict(), dict(top_p=0.9), dict(temperature=0.5)]:
    generator = torch.Generator().manual_seed(0)
    print(settings)
    for row in sample(model, ids(*[german[4]] * 3), **settings, generator=generator):
        print("   ", text(row))

# %% [markdown]
# For a story you would draw. For a translation, variety is no virtue: you want the best sentence.
#
# ## Stage 39 - Beam search
#
# The best sentence should be the likeliest: the probability of a sentence is the product of those of its
# subwords, and its logarithm is their sum. Does greedy find it? With 6,000 subwords nobody can try all
# sentences. So take a tiny untrained model that knows five symbols and writes at most four: 341 sentences
# in all, of which 256 are cut off before they end. Which will be the likeliest?

# %%
torch.manual_seed(5)
tiny = Transformer(5, 5, d_model=8, n_heads=2, d_ff=16, n_layers=1, tie_weights=False).eval()
tiny_src, every = torch.tensor([[3, 4, EOS_ID]]), {}
tgt = torch.cartesian_prod(torch.tensor([BOS_ID]), *[torch.arange(5)] * 4)  # (625, 5)
steps = tiny(tiny_src.expand(625, -1), tgt[:, :-1]).log_softmax(-1)  # (625, 4, V)
steps = steps.gather(-1, tgt[:, 1:, None])[..., 0].tolist()  # (625, 4)
for row, scores in zip(tgt[:, 1:].tolist(), steps, strict=True):
    length = len(cut(row)) + (EOS_ID in row)
    every[tuple(row[:length])] = sum(scores[:length])

found = tuple(greedy_decode(tiny, tiny_src, max_len=4)[0])
print(f"{len(every)} sentences; greedy writes {found}, log probability {every[found]:.2f}")
for row in sorted(every, key=every.get, reverse=True)[:3]:
    print(f"{every[row]:.2f}  {row}")

# %% [markdown]
# Greedy comes third, and the winner is four times as likely: a first step that looks good can lead nowhere
# good. Remember that winner, `(2,)`. It is `</s>` and nothing else.
#
# Let several beginnings live, not one. Extend all of them, keep the best few: a **beam**.


# %%
def beam_1(src, beam_size):
    memory, beam, ended, steps = model.encode(src), [([], 0.0)], [], []
    while beam:
        longer = []
        for row, score in beam:
            logits = model.decode(torch.tensor([[BOS_ID, *row]]), memory, None)[0, -1]  # (V,)
            best = logits.log_softmax(-1).topk(beam_size)  # (beam_size,)
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            longer += [([*row, token], score + more) for token, more in pairs]
        steps.append(sorted(longer, key=lambda pair: -pair[1])[: beam_size - len(ended)])
        ended += [pair for pair in steps[-1] if pair[0][-1] == EOS_ID]
        beam = [pair for pair in steps[-1] if pair[0][-1] != EOS_ID]
    return ended, steps


ended, steps = beam_1(ids(german[3]), beam_size=3)
print("greedy:", alone[3])
for row, score in sorted(ended, key=lambda pair: -pair[1]):
    print(f"{score:.2f}  {text(row)}")


# %%
def pieces(row):
    return [tokenizer.id_to_token(i).strip("▁") for i in row]


named = [[(pieces(row), score) for row, score in step] for step in steps]
plots.show(pictures.beam_tree(named, title="A beam of 3: beginnings in the order of their log probability"))

# %% [markdown]
# After two words the beam holds *A man* and two beginnings that come to nothing (dashed). At the third it
# divides. Greedy must decide there, takes *is*, and never comes back. The beam keeps *carries* as well, and
# that turns out to be the likelier sentence.
#
# ## Stage 40 - Length penalty
#
# Look at how narrowly it wins. *A man is carrying a ladder* has one subword more, every subword has a
# probability below 1, and so every subword costs, even the best. How far does that go? Here is a sentence
# far from any caption: "Yesterday we talked about the problem for a long time, but found no solution." The
# cell prints the score of the beam's answer, and of the answer that has no words at all. Which is higher?


# %%
def log_probability(german, english):
    tgt = torch.tensor([[BOS_ID, *tokenizer.encode(english).ids, EOS_ID]])  # (1, T + 1)
    return model(ids(german), tgt[:, :-1]).log_softmax(-1).gather(-1, tgt[:, 1:, None]).sum().item()


strange = "Gestern haben wir lange über das Problem gesprochen, aber keine Lösung gefunden."
answer, score = max(beam_1(ids(strange), beam_size=3)[0], key=lambda pair: pair[1])
print(f"{score:.1f}  {text(answer)}\n{log_probability(strange, ''):.1f}  (nothing)")

# %% [markdown]
# To say nothing is far likelier, as it was for the tiny model. The beam missed it, since `</s>` is not
# among the three best first words. **The likeliest sentence can be none at all**, in large translators too
# (Stahlberg and Byrne, 2019).
#
# The usual fix divides the score by the length. That would be the mean; the paper takes a gentler divisor,
# with a power of 0.6.


# %% tags=["final"]
def penalty(length, length_penalty):
    """What the log probability of a hypothesis of `length` tokens is divided by (Wu et al. 2016, eq. 14)."""
    return ((5 + length) / 6) ** length_penalty


# %% [markdown]
# In the search of `helpers` all beginnings go through the decoder in one call. `beam_1` grew narrower with
# each sentence that ended; this one takes twice as many continuations as it is wide, so that it stays full,
# and stops when as many have ended. Read it at home. What must be true of it comes right after.


# %% tags=["final"]
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


# %% tags=["final"]
def beam_search(model, src, beam_size=4, length_penalty=0.6, max_len=None, n_best=None):
    """Keep the `beam_size` most likely beginnings and extend them all, until as many have ended."""
    check_beam(beam_size, length_penalty, n_best)
    src, limits = source_and_limits(model, src, max_len)  # (B, S), (B,)
    with eval_mode(model):
        found = [
            search(model, row[None], beam_size, length_penalty, limit)
            for row, limit in zip(src, limits.tolist(), strict=True)
        ]
    return [pairs[:n_best] if n_best else pairs[0][0] for pairs in found]


# %% [markdown]
# A beam of 1 must be greedy. And a beam of 341 leaves nothing out, so it must find what the list of all
# sentences has, score by score.

# %%
src = ids(*german)
assert beam_search(model, src, beam_size=1) == greedy_decode(model, src)
print("beam of 1 = greedy")
for power in (0.0, 0.6):
    wide = beam_search(tiny, tiny_src, beam_size=341, length_penalty=power, max_len=4, n_best=341)[0]
    brute = sorted((score / penalty(len(row), power) for row, score in every.items()), reverse=True)
    assert torch.allclose(torch.tensor([score for _, score in wide]), torch.tensor(brute), atol=1e-5)
    print(f"penalty {power}: {len(wide)} scores, equal to the list; best {wide[0][0]}")
for power in (0.0, 0.6):
    print(f"penalty {power}:", text(beam_search(model, ids(german[3]), length_penalty=power)[0]))
silence = log_probability(strange, "")  # one token, divided by 1
print(f"the strange answer: {score / penalty(len(answer), 0.6):.1f}, nothing: {silence:.1f}")

# %% [markdown]
# With 0.6 the tiny model says something, and *is carrying* is back in front. But 0.6 is no cure: to
# say nothing still scores higher than the strange answer.
#
# ### What else could it have said?
#
# *Eine Frau wirft einen Ball, und ihr Hund fängt ihn.* The translator writes *him*, but *ihn* is the ball.
# Perhaps *it* stands right below, in second or third place. Place your bet, then look.

# %%
twins = {
    "Ein Mann wirft einen Ball, und sein Hund fängt ihn.": "A man throws a ball and his dog catches {}.",
    "Eine Frau wirft einen Ball, und ihr Hund fängt ihn.": "A woman throws a ball and her dog catches {}.",
}
for sentence, pairs in zip(twins, beam_search(model, ids(*twins), n_best=4), strict=True):
    print(sentence)
    for row, score in pairs:
        print(f"    {score:.2f}  {text(row)}")

# %% [markdown]
# All eight say *him*. The beam has spent its places on *throws* or *throwing*, *catches* or *catching*: the
# second best is the best in other clothes. How likely *it* is you learn only by asking for it.

# %%
for sentence, english in twins.items():
    him, it = (log_probability(sentence, english.format(word)) for word in ("him", "it"))
    print(f"him {him:.2f}, it {it:.2f}: him is {math.exp(him - it):.0f} times as likely")

# %% [markdown]
# With a woman the odds for *it* are several times better than with a man, so who threw the ball does reach
# this word. It does not reach far enough. **Search finds what a model believes, and does not correct
# it.**
#
# ## Stage 41 - A cache for keys and values
#
# All these loops send the whole beginning through the decoder for every new word. What is new about the old
# words? Under the causal mask of 09, nothing.

# %%
memory, src_mask = model.encode(src), padding_mask(src, PAD_ID)
tgt = torch.tensor([[BOS_ID, *written]] * len(src))  # (B, T)
longer, shorter = (model.decode(tgt[:, :n], memory, src_mask) for n in (6, 5))  # (B, n, V)
print("a sixth word leaves the first five as they were:", torch.allclose(longer[:, :5], shorter, atol=1e-4))

# %% [markdown]
# So only the newest word needs computing. It asks with its own query, and of the old words it needs keys
# and values, which can be kept: the **KV cache**. The layers of `key` and `value` are all that must
# remember.


# %%
class Remember(nn.Module):
    """A linear layer that is given only the newest word and answers for all so far."""

    def __init__(self, linear):
        super().__init__()
        self.linear, self.kept = linear, None

    def forward(self, x):  # (B, 1, D)
        new = self.linear(x)  # (B, 1, D)
        self.kept = new if self.kept is None else torch.cat([self.kept, new], dim=1)  # (B, T, D)
        return self.kept


def with_cache(step):
    """A copy of the model that remembers, for one batch, and decodes by `step`."""
    cached = copy.deepcopy(model)
    for layer in cached.decoder.layers:
        attention = layer.self_attention
        attention.key, attention.value = Remember(attention.key), Remember(attention.value)
    cached.decode = lambda *inputs: step(cached, *inputs)
    return cached


# %% [markdown]
# Now the step. The newest word is embedded as always, and the mask is the triangle as always, with one
# query and `T` keys.


# %%
def step_1(cached, tgt, memory, src_mask):
    x = cached.embed(tgt[:, -1:], cached.tgt_embedding)  # (B, 1, D), the newest only
    mask = torch.ones(1, tgt.shape[1], dtype=torch.bool).tril()  # (1, T)
    return cached.output(cached.decoder(x, memory, mask, src_mask))  # (B, 1, V)


for row in greedy_decode(with_cache(step_1), src, max_len=12):
    print(text(row))

# %% [markdown]
# It starts well and then it stammers. Which words does the newest one see?

# %%
print(torch.ones(1, 4, dtype=torch.bool).tril())

q, k, v = torch.randn(3, 1, 4, 8, generator=torch.Generator().manual_seed(0))  # (1, 4, 8) each
seen = nn.functional.scaled_dot_product_attention(q[:, -1:], k, v, is_causal=True)  # (1, 1, 8)
print("PyTorch's is_causal=True sees the first word only:", torch.allclose(seen, v[:, :1]))

# %% [markdown]
# A triangle starts at the upper left, so its only row belongs to the *first* word. The newest has the last
# row, which allows everything. PyTorch's `is_causal=True` means the same triangle, so it is wrong for one
# query over a cache too. One query needs no mask.


# %%
def step_2(cached, tgt, memory, src_mask):
    x = cached.embed(tgt[:, -1:], cached.tgt_embedding)  # (B, 1, D)
    return cached.output(cached.decoder(x, memory, None, src_mask))  # (B, 1, V), changed: no mask


for row in greedy_decode(with_cache(step_2), src):
    print(text(row))

# %% [markdown]
# Six fluent captions. Would you ship it? Compare with stage 36 before you read on.
#
# The castle is no longer made *of sand*. `embed` was given one word, so it added position 0, to every word.
# The model writes on all the same, and the bug shows in one sentence of six. Only the comparison finds it.


# %%
def step_3(cached, tgt, memory, src_mask):
    place = cached.positions.table[tgt.shape[1] - 1]  # (D,), new: where the newest word stands
    x = cached.tgt_embedding(tgt[:, -1:]) * cached.scale + place  # (B, 1, D)
    return cached.output(cached.decoder(x, memory, None, src_mask))  # (B, 1, V)


plain = greedy_decode(model, src)
print("cached = uncached:", greedy_decode(with_cache(step_3), src) == plain)
print("helpers.fast = uncached:", fast.greedy_decode(model, src) == plain)
assert greedy_decode(with_cache(step_3), src) == plain == fast.greedy_decode(model, src)
assert fast.beam_search(model, src) == beam_search(model, src)

# %% [markdown]
# `Remember` grows by `torch.cat`, which copies all that is kept, and still makes the keys of the memory
# anew in each step. The cache in `helpers.fast` lays the room out beforehand, makes those keys once, and
# lets a beam reorder its rows: `greedy_decode`, `sample` and `beam_search` under the same names.
#
# *Going deeper: [What does the cache cost, and what does it
# save?](studies/14a_what_the_cache_costs_and_saves.ipynb)* It saves nearly all multiplications of a long
# answer, and pays with memory that grows by each word.
#
# *Going deeper: [What made it fast?](studies/14c_what_made_it_fast.ipynb)* Several small things, each
# measured beside what chance does.
#
# ## Recap
#
# 1. Alone must equal in a batch: the source's mask, and rows that know they are done.
# 2. Drawing needs the tail cut off, by temperature, top-k or top-p.
# 3. Greedy cannot go back. A beam keeps several beginnings; a beam of 1 is greedy, one wide enough is a
#    full search.
# 4. The likeliest sentence can be none at all, so scores are divided by a power of their length.
# 5. A cache keeps keys and values of the words already written. The newest needs its own position and no
#    mask.
#
# ## Exercises
#
# **1. Warm-up.** On paper. First word: `a` with probability .5, `b` with .4, others .1. After `a` come three
# words with .4, .3 and .3, after `b` two with .9 and .1. Sentences have two words. What are the probabilities
# of the sentences that greedy and a beam of 2 write?

# %% tags=["exercise"]
### BEGIN SOLUTION
greedy_finds = 0.5 * 0.4
beam_finds = 0.4 * 0.9
### END SOLUTION

check.greedy_and_beam([greedy_finds, beam_finds])

# %% [markdown]
# **2. Core.** A search has finished `K` sentences for each of `B` sources. Given their log probabilities and
# lengths, both `(B, K)`, and the power of the length penalty, return the place of each best sentence, `(B,)`.


# %% tags=["exercise"]
def choose(scores, lengths, power):
    ### BEGIN SOLUTION
    return (scores / ((5 + lengths) / 6) ** power).argmax(dim=-1)  # (B,)
    ### END SOLUTION


check.choose(choose)

# %% [markdown]
# **3. Core.** (A class may leave this one out.) A chat program sends `new` words at once to a decoder that
# keeps `kept` words. Return the boolean mask `(new, kept + new)` that each new word needs: all that is kept,
# the new ones before it, and itself.


# %% tags=["exercise"]
def mask_of_new(new, kept):
    ### BEGIN SOLUTION
    return torch.ones(new, kept + new, dtype=torch.bool).tril(diagonal=kept)  # (new, kept + new)
    ### END SOLUTION


check.mask_of_new(mask_of_new)

# %% [markdown]
# **4. Debug.** `nucleus` should keep the likeliest words, and only as many as are needed to hold `top_p`.
# For the second row below `multinomial` would stop with an error, and the first is not right either. Find the
# property that must hold for every row, and fix the line.


# %%
def nucleus(shares, top_p):  # (B, V), sorted, likeliest first
    return shares.masked_fill(shares.cumsum(dim=-1) > top_p, 0.0)


print(nucleus(torch.tensor([[0.5, 0.3, 0.1, 0.1], [0.96, 0.02, 0.01, 0.01]]), top_p=0.9))


# %% tags=["exercise"]
def nucleus_fixed(shares, top_p):
    ### BEGIN SOLUTION
    return shares.masked_fill(shares.cumsum(dim=-1) - shares >= top_p, 0.0)
    ### END SOLUTION


check.nucleus_fixed(nucleus_fixed)

# %% [markdown]
# **5. Stretch.** Perhaps the model means what most of its drawings agree on. Write `consensus(sentences)`:
# the sentence whose words overlap most with those of all the others. The overlap of two is the number of
# words that they share, divided by the number of words that occur in either (as sets). Then draw 30
# translations of each twin with `sample`: what does the consensus say, how often do single drawings say
# *it*, and does that agree with the probabilities above?


# %% tags=["exercise"]
def consensus(sentences):
    ### BEGIN SOLUTION
    sets = [set(sentence.split()) for sentence in sentences]
    overlaps = [sum(len(one & other) / len(one | other) for other in sets) for one in sets]
    return sentences[overlaps.index(max(overlaps))]
    ### END SOLUTION


check.consensus(consensus)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# The consensus of each twin, with the settings and the seed; the share of drawings with *it* for both, and
# that 30 drawings can hardly tell the two apart; the reason why it need not equal
# the number above, which was for *one* wording. The method is called minimum Bayes risk decoding.
#
# </details>
#
# ## Project of Part IV: fewer calls for the same answer
#
# The cache makes each call of the model cheap. Could there be fewer calls? Let something quick guess the next
# four words, such as a table of word pairs that you have counted in translations of this model. The model can
# check all four in one call, as a decoder does in training (11). Keep the guesses that greedy decoding would
# have chosen too, add the word that it says next, and guess again. This is **speculative decoding**.
#
# <details><summary>How to judge it</summary>
#
# | | is there | is well done |
# |---|---|---|
# | equality | the ids of `greedy_decode` here | a test that fails when a wrong guess is kept |
# | calls | how often the model is called for a sentence | beside a table that guesses at random |
# | time | a ratio, the median of several runs | with the cache, and a reason where it takes no less |
# | report | sentences on which it does not pay | what they have in common, and what would refute that |
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017, section 6.1: a beam of 4 and a penalty of 0.6.
# - Y. Wu and others, *Google's Neural Machine Translation System*, 2016, section 7: the length penalty.
# - A. Holtzman and others, *The Curious Case of Neural Text Degeneration*, 2020: nucleus sampling.
# - F. Stahlberg and B. Byrne, *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*, 2019.
# - Y. Leviathan, M. Kalman and Y. Matias, *Fast Inference from Transformers via Speculative Decoding*, 2023:
#   the project.
#
# ## What is still a placeholder
#
# Nothing. But every gradient so far came out of `loss.backward()`, unseen.
#
# {{next}}
