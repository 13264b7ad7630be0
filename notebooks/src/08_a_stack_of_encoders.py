# %% [raw] tags=["card"]
# built: the finished encoder
# questions: What do stacks add, and how are the layers different?

# %% [markdown]
# # 08 - A stack of encoders
#
# {{badge}}
#
# The paper's encoder has six layers, all built alike, and you have one that works: it adds, norms, and
# knows its places. **What does a second layer do?**
#
# - **You need**: the encoder layer of [06](06_add_and_norm.ipynb), the positions of
#   [07](07_embeddings_and_positions.ipynb), and the query, key and value of [02](02_one_word.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, *Into the whole model*, exercises 2 to 4
#   and the project can be left for home.
#
# **From two lessons back.** In 06, suppose that the sub-layer of an add & norm has nothing to say and returns
# zeros. The word is `[3, 3, 7, 7]`. What does the box hand on, and what do the next five boxes make of it if
# they have nothing to say either?
#
# <details><summary>Answer</summary>
#
# The sum is the word itself, and its norm is `[-1, -1, 1, 1]`: mean 0, standard deviation 1. The next five
# change nothing any more.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from helpers.model import AddAndNorm, EncoderLayer, PositionalEncoding, attention_weights  # built in 03 to 07
from lessons import pictures, scoreboard
from lessons.boards.a_stack_of_encoders import probe, used_twice, wide
from lessons.exercises import a_stack_of_encoders as check
from lessons.outline import TransformerOutline  # built in 01

# %%
built = ["encoder_self_attention", "encoder_feed_forward", "encoder_add_norm", "source_embedding",
         "source_positions", "encoder_stack", "decoder_stack"]  # fmt: skip
plots.show(plots.close_up(built=built, today=["encoder_stack"], title="08: the finished encoder"))

# %% [markdown]
# Everything inside the frame is in colour, and what is left is the "× 6" beside it.
#
# ## Stage 21 - A second layer
#
# *Ein Mann wirft einen Ball, und sein Hund fängt ihn.* In 02 *ihn* wrote its note alone, and its search
# ended in a tie between man and ball. Here are those words and matrices again.

# %%
names = ["Mann", "Ball", "fängt", "ihn"]
words = torch.tensor(  # (S, D): masculine, person, catching, pronoun
    [[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 2]])
W_Q = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 0]])  # (D, dk)
W_K = torch.tensor([[1.0, 0], [0, 0], [0, 1], [-0.5, 0]])  # (D, dk)
scores = (words @ W_K) @ (words[3] @ W_Q)  # (S,)
print(dict(zip(names, scores.tolist(), strict=True)))

# %% [markdown]
# You helped by hand then, and added *fängt* to *ihn*. An attention layer *before* this one can do the same.
# In ours only pronouns ask, and they ask for what is not masculine, which among these four words is the
# verb. It hands over its *catching*, which is added to the pronoun, as in 06. Which note will *ihn* write
# after that?

# %%
ask = torch.tensor([[0.0], [0], [0], [9]])  # (D, 1): pronouns; 9 leaves the softmax no doubt
found_by = torch.tensor([[-1.0], [0], [0], [0]])  # (D, 1): not masculine
hand_over = torch.diag(torch.tensor([0.0, 0, 1, 0]))  # (D, D): catching, and nothing else
verb = 1.0  # yours: 1 catches, -1 greets

words[2, 2] = verb
told = words + attention_weights(words @ ask, words @ found_by) @ (words @ hand_over)  # (S, D), layer 1
note = told[3] @ W_Q  # (dk,), layer 2
print("the note:", note.tolist())
print(dict(zip(names, (told @ W_K @ note).tolist(), strict=True)))

# %% [markdown]
# The note is `[1, 1]`, and the ball wins. (Man, ball and verb asked for nothing, so they took home the mean
# of all four *catching*s, 0, 1, 1 and 0.) Now let the dog greet *ihn*, by setting `verb` to -1. Which of
# the two nouns is it? The verb and *ihn* itself will tie with it, because these small keys do not say what
# a noun is.
#
# Layer 2 asked a question that no word could have asked by itself. But the numbers were written by hand.
# Does a stack that is *trained* divide its work like this? Since in German nobody can say what the words
# should hold halfway, take a task where it can be said.
#
# ### Two hops
#
# Every word is the number of a place. Hop to the place that your word names, hop on to the place that is
# named there, and the word you find is the answer. From place 0 below, the word 2 leads to place 2, where 3
# stands, and at place 3 stands 1, the answer. Do place 1 yourself before you look.

# %%
sentence = [2, 0, 3, 1]
plots.show(pictures.hop_arrows(sentence))

# %% [markdown]
# The first arrow leads above the words, the second below. In code, `x.gather(-1, places)` fetches from `x`
# the words at these places, all at once.
#
# Now write a sentence of your own. None of its six words names its own place, and two hops bring every word
# to the number of the place that it started from.

# %%
def two_hops(x):  # (..., S) to same
    hop = x.gather(-1, x)  # (..., S): the word at the place that each word names
    return x.gather(-1, hop)  # (..., S)


mine, places = torch.tensor([1, 2, 3, 4, 5, 0]), torch.arange(6)  # yours: other numbers, each once
print("two hops in the picture:", two_hops(torch.tensor(sentence)).tolist())
print("in yours:", two_hops(mine).tolist(), "  home:", (two_hops(mine) == places).sum().item(), "of 6")

# %% [markdown]
# (Stuck? A third arrow must lead back to the start, so draw circles of three.)
#
# Train a stack of one layer and a stack of two, for at most 400 steps, on sentences of eight words in which
# each number stands once. What will they score? The best guess from one word alone is to repeat it, which
# is right for a quarter of them.

# %% tags=["nbval-ignore-output"]
# not compared: accuracies of models trained here
def stack(n_layers):
    layers = [EncoderLayer(64, 8, 256, dropout=0.0) for _ in range(n_layers)]
    return nn.Sequential(PositionalEncoding(64), *layers)


task = scoreboard.TASKS["two hops"]
one = scoreboard.train_on(task, lambda: stack(1))
two = scoreboard.train_on(task, lambda: stack(2))
for name, model in {"one layer": one, "two layers": two}.items():
    print(f"{name:10}  two hops: {scoreboard.accuracy(model, task):.2f}")

# %% [markdown]
# Two layers solve it, and one does not come near. But two layers have twice the parameters, and perhaps
# that is all. So here are two rivals of one layer, one with wider words and one that is passed through
# twice. Which of them would settle the matter?

# %%
for name, body in {"wider words": wide(), "used twice": used_twice(), "two layers": stack(2)}.items():
    print(f"{name:12} {sum(parameter.numel() for parameter in body.parameters()):7,} parameters")

# %%
# alt: Board of two hops with mean and range over three seeds. In 400 steps one layer gets about .40, one with
#   wider words about .74; one layer used twice and two layers solve it.
depth = scoreboard.recorded("depth")
rows = ["one layer", "one layer, wider words", "one layer, used twice", "two layers"]
table = {row: {"two hops": depth[row]["two hops"]} for row in rows}
plots.show(plots.board(table, title="Two hops in 400 steps, three seeds"))

# %% [markdown]
# The wide layer has more parameters than two layers and is not done in 400 steps, while the layer used
# twice has *half* of them and solves it. What counts here is to be passed through a second time. (`python
# -m lessons.boards depth` measures it again.) With six times the steps one layer learns it too, wide or
# plain, with every seed. So depth makes two hops easy, and is not what makes them possible.
#
# ### What each layer holds
#
# If layer 1 makes the first hop, layer 2 can do as *ihn* did and ask with what layer 1 has brought. Does
# layer 1 make it? Take a **linear probe**, which is one linear layer, fitted to the words after some layer,
# that must say something about them while the model stays as it is. `probe` fits it by least squares and
# returns its accuracy on new sentences.

# %%
WAYS = {"own symbol": lambda x: x, "one hop": lambda x: x.gather(-1, x), "two hops": two_hops}
generator = torch.Generator().manual_seed(0)
old, _ = task.draw(2000, generator)  # (N, S), to fit
new, _ = task.draw(1000, generator, held_out=True)  # (M, S), to score


@torch.no_grad()
def readable(layers):
    """What a probe reads from the words after these layers: {what: accuracy}."""
    x, new_x = layers(old).flatten(0, 1), layers(new).flatten(0, 1)  # (N * S, D), (M * S, D): a row a word
    return {name: probe(x, way(old).flatten(), new_x, way(new).flatten()) for name, way in WAYS.items()}


# %% [markdown]
# Take the two layers that you have just trained, and below them two that have learned nothing. Where do you
# expect one hop, and where two?

# %% tags=["nbval-ignore-output"]
# alt: Three panels of bars. Before layer 1 the probe reads only the word's own symbol, and a quarter of the
#   rest. After layer 1 it reads one hop as well, after layer 2 both one hop and two.
# not compared: what a probe reads from the model trained here
parts = [two.embedding, *two.body]  # embedding, positions, layer 1, layer 2
titles = {"before layer 1": 2, "after layer 1": 3, "after layer 2": 4}  # how many of the parts
panels = {title: readable(nn.Sequential(*parts[:n])) for title, n in titles.items()}
plots.show(plots.share_bars(panels, title="What a linear probe reads"))
torch.manual_seed(0)
untrained = scoreboard.SymbolModel(stack(2))
found = readable(nn.Sequential(untrained.embedding, *untrained.body))
print("untrained, after layer 2:", {name: round(score, 2) for name, score in found.items()})

# %% [markdown]
# After layer 1 one hop can mostly be read and two hops cannot, while after layer 2 both can. (Before layer
# 1 a quarter of the hops is a bet from word and place alone: that the hop leads back, or stays.) From what
# untrained attention mixes in, a third of one hop can be read, so training brings the rest.
#
# **What do stacks add, and how are the layers different? A second layer can ask with what the first has
# found: in the stack trained on two hops, one hop can be read after layer 1, and two hops only after layer
# 2.** They need not differ in their numbers, since one layer used twice solves the task too.
#
# With three seeds it is the same. But what a probe reads need not be what the next layer *uses*. It would
# fit as well if layer 2 asked with its own word and took home the hop that it finds there, as in exercise
# 1.
#
# ## Stage 22 - Where the norm stands, and the finished encoder
#
# The paper adds, then norms, which is called **post-norm**. Many large models since then norm first, then
# add: **pre-norm**. Take one word and a sub-layer that doubles it, and follow the numbers upwards. The
# thick box is the norm. On which line does it stand?

# %%
def double(x):
    return 2 * x


word, norm = torch.tensor([1.0, 0, 0, 1]), nn.LayerNorm(4)  # (D,)
post = [word, double(word), word + double(word), norm(word + double(word))]
pre = [word, norm(word), double(norm(word)), word + double(norm(word))]
plots.show(pictures.norm_orders(torch.stack(post), torch.stack(pre)))

# %% [markdown]
# In post-norm it stands on the line that every word must travel, and in pre-norm on the branch, so that the
# word itself passes untouched. `AddAndNorm` of 06 has the switch, `norm_first`.

# %%
for norm_first, rows in {False: post, True: pre}.items():
    same = torch.allclose(AddAndNorm(4, norm_first=norm_first)(word, double), rows[-1])
    print("norm_first =", norm_first, "  gives the top row of its figure:", same)


# %% [markdown]
# Now take six layers of each kind, and make the words that go in ten times as large. What standard
# deviation will a word have at the top, where the decoder will read it?


# %%
def deviation(x):
    return x.std(dim=-1, correction=0).mean().item()


def six(norm_first):
    torch.manual_seed(0)
    return nn.Sequential(*[EncoderLayer(64, 8, 256, 0.0, norm_first) for _ in range(6)])


x = torch.randn(32, 8, 64, generator=torch.Generator().manual_seed(0))  # (B, S, D)
for norm_first, name in {False: "post-norm", True: "pre-norm "}.items():
    encoder = six(norm_first)
    print(name, *[f"words times {factor}: {deviation(encoder(factor * x)):.2f}  " for factor in (1, 10)])

# %% [markdown]
# In pre-norm nobody norms the sum, so the decoder would get whatever training happens to produce. The fix
# is one more norm at the very end, where post-norm has one already and gets `nn.Identity`, which does
# nothing. The loop of 06 also hands on the `mask`, which 09 needs. This is the finished encoder.

# %% tags=["final"]
class Encoder(nn.Module):
    """Stacked encoder layers on (B, S, D); pre-norm ends in one normalisation, post-norm in none."""

    def __init__(self, d_model, n_heads, d_ff, n_layers, dropout=0.1, norm_first=False):
        super().__init__()
        layers = [EncoderLayer(d_model, n_heads, d_ff, dropout, norm_first) for _ in range(n_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if norm_first else nn.Identity()  # new

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)  # new


# %%
for norm_first, name in {False: "post-norm", True: "pre-norm "}.items():
    torch.manual_seed(0)
    encoder = Encoder(64, 8, 256, 6, 0.0, norm_first)
    print(name, *[f"words times {factor}: {deviation(encoder(factor * x)):.2f}  " for factor in (1, 10)])
    assert abs(deviation(encoder(10 * x)) - 1) < 0.02

# %% [markdown]
# ### Into the whole model
#
# In 01 the memory of a word knew neither its neighbours nor its place. Put positions and encoder where the
# six placeholders stood, and ask again whether word 1 notices another word 3, and whether the order
# matters.

# %%
torch.manual_seed(0)
model = TransformerOutline()
source = torch.randn(3, 512)  # (S, D)


def notices(model):
    edited, memory = source.clone(), model.encode(source)  # (S, D) each
    edited[2] += 1.0
    changes = model.encode(edited)[0] - memory[0], model.encode(source.flip(0)).flip(0) - memory
    return [change.abs().max().item() > 1e-4 for change in changes]


print("before:", notices(model))
model.encoders = nn.ModuleList([PositionalEncoding(512), Encoder(512, 8, 2048, 6, dropout=0.0)])
print("now:   ", notices(model))

# %% [markdown]
# ## The scoreboard
#
# On the last board of Part II, two layers are trained now on each task, for at most 400 steps. Before you
# look: does anything get *worse* with more layers?

# %% tags=["nbval-ignore-output"]
# alt: Board of four rows and six tasks. With two layers two hops is solved for the first time. With six
#   layers odd falls to the best guess, and count falls too.
# not compared: accuracies of a body trained here
live = scoreboard.measure_tasks(lambda: nn.Sequential(PositionalEncoding(64), Encoder(64, 8, 256, 2, 0.0)))
table = scoreboard.recorded("encoder")
rows = {row: table[row] for row in ["07 positions", "08 two layers", "08 six layers"]}
plots.show(plots.board(rows, live=live, repeats="08 two layers", title="The encoder, finished", means=True))

# %% [markdown]
# The last column of the board is unlocked. With two layers `odd` hangs on the seed, .73 to .94, and with
# six it has sunk to the best guess, .55, with all three seeds, and `count` fails with one; at a quarter of
# this learning rate six layers do learn `odd`. What layers three to six are for, these tasks do not show,
# because none of them needs more than two hops.
#
# *Going deeper: [Where does the norm belong?](studies/08a_where_does_the_norm_belong.ipynb)* Both places
# work at a fitting rate, and on the branch the rate may be higher.
#
# ## Recap
#
# 1. A second layer can ask with what the first has found, and so *ihn* can find what was caught.
# 2. Two layers learn two hops in 400 steps, and one layer does not, with wider words or without, until it
#    gets six times as many.
# 3. Post-norm stands on the line that every word travels, pre-norm on the branch, so pre-norm needs one
#    norm at the end.
# 4. The encoder is finished: embeddings, positions, and six layers of attention and feed-forward, each
#    added and normed.
#
# ## Exercises
#
# **1. Warm-up.** On paper, with the sentence `[3, 2, 0, 1]`: layer 1 has given every word its hop. In layer
# 2 each word looks at the place that *it names*, and takes home the hop of the word that stands there.
# Which four numbers do they take home?

# %% tags=["exercise"]
### BEGIN SOLUTION
taken_home = [2, 3, 1, 0]
### END SOLUTION

check.two_hops_on_paper(taken_home)

# %% [markdown]
# **2. Core: attention from a blank page.** Close all other pages, and write self-attention with several
# heads with nothing but tensors. `x` is `(B, S, D)`, the four matrices are `(D, D)`, and there are no
# biases. Head 0 gets the first `D / n_heads` numbers of each query, key and value, head 1 the next, and so
# on. Join the heads, and multiply by `W_O`. The result is compared with that of `MultiHeadAttention` in
# `helpers.model`.


# %% tags=["exercise"]
def self_attention(x, W_Q, W_K, W_V, W_O, n_heads):
    ### BEGIN SOLUTION
    def split(y):
        return y.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (B, H, S, dk)

    query, key, value = split(x @ W_Q), split(x @ W_K), split(x @ W_V)  # (B, H, S, dk) each
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # (B, H, S, S)
    heads = scores.softmax(dim=-1) @ value  # (B, H, S, dk)
    return heads.transpose(-3, -2).flatten(-2) @ W_O  # (B, S, D)
    ### END SOLUTION


check.blank_page(self_attention)

# %% [markdown]
# **3. Debug.** One function for both orders runs and trains, and with `norm_first=True` it is wrong. Find a
# sub-layer for which you know what must come out, show that it does not, and fix the function.


# %%
def broken_order(x, sublayer, norm, norm_first):
    if norm_first:
        x = norm(x)
    y = x + sublayer(x)
    return y if norm_first else norm(y)


example = torch.tensor([1.0, 0, 0, 1]), lambda y: 2 * y, nn.LayerNorm(4)
for norm_first in (False, True):
    print(broken_order(*example, norm_first).detach())


# %% tags=["exercise"]
def either_order(x, sublayer, norm, norm_first):
    ### BEGIN SOLUTION
    if norm_first:
        return x + sublayer(norm(x))
    return norm(x + sublayer(x))
    ### END SOLUTION


check.either_order(either_order)

# %% [markdown]
# **4. Stretch.** Write the target of three hops, then train stacks of two and of three layers on
# `scoreboard.Task("three hops", three_hops, True)`, as above. Two layers got .38, .51 and .38 in 400 steps:
# beat that. Before you run, could two layers do it at all?


# %% tags=["exercise"]
def three_hops(x):
    ### BEGIN SOLUTION
    hop = x.gather(-1, x)  # (B, S)
    return hop.gather(-1, hop)  # (B, S), a hop of hops: as far as three
    ### END SOLUTION


check.three_hops(three_hops)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# Three seeds of each stack, and a rival with the parameters of two layers that is deeper. Then the bet: two
# layers could be enough. After layer 1 each word holds its hop; if in layer 2 it goes to the place that its
# *hop* names, it stands two hops away, and the hop it takes home from there is the third. That two layers
# do not learn this in 400 steps does not say that they cannot, so give them 2400, and use the probe.
#
# </details>
#
# ## Project of Part II: beat the sinusoids at place 16
#
# You can now build every part of an encoder, and here is a place where the paper's choice is weak. One
# layer learns to name the word before it, in sentences of 16 words, and then gets longer ones. At place 16,
# the first that it has never seen, sinusoids get .32 to .44 right. Exercise 4 of 07 asks for a first step,
# and 07b shows two roads: random starts, and fewer columns. Leave both, and find positions of your own that
# reach places 16 to 23 and do as well at the trained places. `symbol_before(make_body, seed)` in
# `lessons.boards.embeddings_and_positions` measures both, and its table `POSITIONS` is where to start.
#
# <details><summary>How to judge it</summary>
#
# | | is there | is well done |
# |---|---|---|
# | idea | one change, and a reason | a prediction that could fail, written down first |
# | measurement | three seeds, sinusoids beside it | same steps and rate, parameters counted |
# | control | something that should *not* help | what it rules out |
# | report | every run, also the bad ones | where it fails: places 16 to 23, or another task |
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017, section
#   3.1: six layers, and the norm after the addition.
# - N. Elhage and others, [*A Mathematical Framework for Transformer
#   Circuits*](https://transformer-circuits.pub/2021/framework/index.html), 2021: how a second layer builds
#   on the first, in small models with attention alone.
# - A. Huang and others, after A. Rush, [*The Annotated
#   Transformer*](https://nlp.seas.harvard.edu/annotated-transformer/): the same encoder, with the norm
#   before.
# - G. Alain and Y. Bengio, [*Understanding intermediate layers using linear classifier
#   probes*](https://arxiv.org/abs/1610.01644), 2016.
#
# ## What is still a placeholder
#
# The encoder is finished and the decoder is not: its attention, its view of the memory and its feed-forward
# part are still linear layers.
#
# {{next}}
