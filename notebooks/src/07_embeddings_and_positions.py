# %% [raw] tags=["card"]
# built: word embeddings and positional encoding, in front of the encoder
# questions: Are embeddings needed for any kind of data? Why multiply by the root of d_model?
# Why sine and cosine? Why add positions and not concatenate?

# %% [markdown]
# # 07 - Embeddings and positions
#
# {{badge}}
#
# "Dog bites man" is no news, and "Man bites dog" is. Your encoder of 06 is about to read both, word for
# word the same words, and somebody has to tell it: **where is a word?**
#
# - **You need**: the encoder layer of [06 - Add and norm](06_add_and_norm.ipynb), and sine and cosine.
# - **It runs** in {{time}} on a laptop with two cores. A class leaves *What the sum keeps*, the cell with
#   `lstsq`, the scoreboard, and exercises 2 to 4 for home.
#
# **From two lessons back.** In 05 every word goes through the feed-forward layer alone: 512 numbers become
# 2,048, a ReLU, and 512 again. Suppose that somebody saves time and leaves out the ReLU. What is such a layer
# worth?
#
# <details><summary>Answer</summary>
#
# As much as one matrix of 512 by 512 and a bias, since two linear layers in a row are one linear layer.
# Everything that the wide middle could do, it did through the ReLU.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import plots
from helpers.arguments import check_even, check_length
from helpers.model import EncoderLayer  # built in 06
from lessons import pictures, scoreboard
from lessons.boards.bodies import AddTable  # adds row p of a table to word p
from lessons.exercises import embeddings_and_positions as check

# %%
inside = ["encoder_self_attention", "encoder_feed_forward", "encoder_add_norm"]
today = ["source_embedding", "source_positions"]
fig = plots.close_up([*inside, "encoder_stack", "decoder_stack"], today, "07: which word, and where")
plots.show(fig)

# %% [markdown]
# The tower is built, and two boxes below it are not: so far you have made up the vectors of the words
# yourself.
#
# ## Stage 18 - Words become vectors
#
# Number the words, and keep a table with one row of numbers for each. The number of a word is its **id**,
# and its row is its **embedding**. Here is such a table, written by hand.

# %%
ids = {"dog": 0, "bites": 1, "man": 2}
table = torch.tensor([[1.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 1, 1]])  # (n_vocab, D)

words = ["man", "bites", "dog"]  # yours: any order, any length
sentence = torch.tensor([ids[word] for word in words])  # (S,)
print(table[sentence])  # (S, D)

# %% [markdown]
# Each word has fetched its row. A matrix product can do that too, if you write an id as a **one-hot**
# vector, 1 at its own place and 0 elsewhere.

# %%
one_hot = nn.functional.one_hot(sentence, num_classes=3).float()  # (S, n_vocab)
print(one_hot)
layer = nn.Embedding.from_pretrained(table)
assert torch.equal(one_hot @ table, table[sentence]) and torch.equal(layer(sentence), table[sentence])

# %% [markdown]
# So an embedding is a linear layer whose input is one-hot, and the lookup skips the multiplications by 0.
# `nn.Embedding` holds the table as a parameter, so that training sets the rows.
#
# ### Are embeddings needed for any kind of data?
#
# A temperature of 1 degree lies halfway between 0 and 2. Is *bites*, with its 1, halfway between *dog* and
# *man*? Send numbers through a linear layer, and words through a table, and try some other seeds. What
# stays the same in all of the pictures?

# %%
# alt: Left, the numbers 0 to 3 as equally spaced points on a straight line. Right, four words as points
#   anywhere in the plane.
torch.manual_seed(0)  # yours
numbers, names = nn.Linear(1, 2), nn.Embedding(4, 2)
with torch.no_grad():
    points = {k: numbers(torch.tensor([float(k)])) for k in range(4)}  # (2,) each
    rows = dict(zip(["dog", "bites", "man", "cat"], names.weight, strict=True))  # (2,) each
panels = {"numbers, linear layer": points, "words, embedding": rows}
plots.show(pictures.named_points(panels, lined=["numbers, linear layer"]))

# %% [markdown]
# Whatever its parameters, a linear layer puts numbers on a straight line, in their order. For temperatures
# that is knowledge, while for ids it would be nonsense that no training of this layer could take back.
# **Are embeddings needed for any kind of data? No, they are for names. What is a number already, and means
# its size, goes through a linear layer.**
#
# *Going deeper: [Are embeddings needed for any kind of data?](studies/07a_are_embeddings_needed.ipynb)* For
# a noisy sine curve a linear layer beats cutting it into bins with an embedding each, and for counting
# symbols it is the other way round.
#
# ## Stage 19 - Numbers for places
#
# Now the news. Let one encoder layer read the three words in both orders, and look at the dog, which bites
# in one and is bitten in the other. In which of its four numbers will that show?

# %%
torch.manual_seed(0)
encode = EncoderLayer(4, 2, 16, dropout=0.0).requires_grad_(False)
dog_bites_man, man_bites_dog = table, table.flip(0)  # (S, D) each
print("dog bites man, the dog:", encode(dog_bites_man)[0])
print("man bites dog, the dog:", encode(man_bites_dog)[2])
assert torch.allclose(encode(dog_bites_man)[0], encode(man_bites_dog)[2], atol=1e-5)

# %% [markdown]
# In none. Attention compares each word with all others and does not ask where they stand, and feed-forward
# and norm see one word at a time. For this encoder a sentence is a bag of words, so the place has to get
# into the vector of the word.
#
# The plainest way is to number the places and to add the number. *dog* is `[1, 0, 0, 1]` and *man* is `[0,
# 0, 1, 1]`. How different will the two look at place 50?


# %%
def by_index(n, d):
    return torch.arange(n).float()[:, None].expand(n, d)  # (S, D)


dog, man = table[0], table[2]  # (D,) each
for place in (0, 1, 10, 50):
    row = by_index(51, 4)[place]  # (D,)
    alike = torch.cosine_similarity(dog + row, man + row, dim=0)
    print(f"place {place:2}  {(dog + row).tolist()}  {(man + row).tolist()}  similarity {alike:.4f}")

# %% [markdown]
# (Similarity is the cosine of the angle between two vectors: 1 is the same direction.) At place 50 the
# words have drowned. If you divide by the last place, no number is above 1, but then the next word is half
# a unit away among three words and an eighth among nine. The numbers must neither grow nor depend on the
# length, so use several columns, as an odometer does. In the digits of base 2 the first column changes at
# every place, the next at every second, the next at every fourth.


# %%
def by_digits(n, d):
    return (torch.arange(n)[:, None] // 2 ** torch.arange(d) % 2).float()  # (S, D)


for place, row in enumerate(by_digits(9, 4).int().tolist()):
    print(place, row)

# %% [markdown]
# The digits are bounded, and the same in every sentence. But count what flips: from 6 to 7 one digit, from
# 7 to 8 all four. Why mind? A head that looks one word back has one `W_Q` and one `W_K` for all places, so
# its task is easy if "one further" is the same change everywhere, and here it is a different one each time.
#
# Keep the fast and the slow columns, and let them swing instead of flip. Section 3.5 of the paper has a
# formula for such waves, with one number for each pair of columns, from 1 up to nearly 10000: the larger it
# is, the slower the wave. Here it is called `pace`. A colleague writes it down from memory.


# %%
def by_waves(n, d):
    place = torch.arange(n).double()[:, None]  # (S, 1)
    pace = 10000 ** (torch.arange(0, d, 2).double() / d)  # (D / 2,)
    angle = place * pace  # (S, D / 2)
    return angle.sin().repeat_interleave(2, dim=1)  # (S, D), two columns for each pace


def in_front(positions):
    return nn.Sequential(AddTable(positions(8, 64).float()), EncoderLayer(64, 8, 256, 0.0))


waves = scoreboard.measure_tasks(lambda: in_front(by_waves), tasks=("reverse", "hop"))
print({task: f"{score:.2f}" for task, score in waves.items()})

# %% [markdown]
# Two tasks that ask for a place, and both are solved: *reverse*, and *hop*, where each word is the number
# of a place and must name the word that stands there. In 06 they stood at a third and at an eighth. Would
# you keep this table? Draw it first. Down each column there should be a wave, and each pair of columns
# should be slower than the pair before it.

# %%
# alt: Heat map of 50 places by 64 columns. Behind the first pair of columns mostly a jumble, with a few
#   pale or striped columns in it. Nothing leads from fast to slow.
fig = pictures.signed_map(by_waves(50, 64), row_axis="place", column_axis="column")
plots.show(fig)

# %% [markdown]
# Two columns of waves, and then mostly a jumble. Before you read on, which line is wrong?
#
# The paper *divides* the place by the pace: $\sin(p / pace)$. Multiplied, most waves swing many times
# between one place and the next, and end anywhere. Training did not mind, because eight different rows for
# eight places were enough. Fix the line, and measure how alike two places are, 1, 5 and 20 apart.


# %%
def angles(n, d):
    pace = 10000 ** (torch.arange(0, d, 2).double() / d)  # (D / 2,)
    return torch.arange(n).double()[:, None] / pace  # (S, D / 2), changed


def by_slow_waves(n, d):
    return angles(n, d).sin().repeat_interleave(2, dim=1)  # (S, D)


def similarity(positions, apart):
    rows = nn.functional.normalize(positions(50, 512), dim=1)  # (S, D)
    return (rows @ rows.T).diagonal(apart).mean()  # ()


for positions in (by_waves, by_slow_waves):
    print(f"{positions.__name__:13}", *[f"{similarity(positions, apart):6.2f}" for apart in (1, 5, 20)])
assert similarity(by_slow_waves, 1) > similarity(by_slow_waves, 5) > similarity(by_slow_waves, 20)

# %% [markdown]
# Near places are alike now, and far ones less. Accuracy on eight places did not show the bug, and a picture
# of the table did. (What it costs shows later: trained on 16 places and asked at the seventeenth, the
# jumble gets .16, these slow waves .22 to .26, and the table of the paper, still to come, .32 to .44.)
#
# Is the table good now? Each pace fills two columns with the same sine. Look at the fastest one, which has
# nearly the same height at places 0 and 3. Where does it go from there?

# %%
for place in (0, 3):
    here, after = math.sin(place), math.sin(place + 1)
    print(f"place {place}: height {here:.2f}, one place further {after:5.2f}")

# %% [markdown]
# Once up, once down. The height alone does not say whether the wave is rising or falling, so nobody can
# tell from it what comes next. The cosine says it. Give it the second column, and a place is no longer a
# height but a point on a circle.

# %%
# alt: Two circles with the places 0 to 6 as points. On the left a step of two places turns by 115 degrees,
#   from place 1 as from place 4. On the right, at pace 4, the same step turns by 29 degrees, from both.
fig = pictures.on_circles(paces=[1, 4], shift=2, starts=(1, 4))  # yours: another shift, another pace
plots.show(fig)

# %% [markdown]
# Two places further is the same turn, wherever you start. Each pace is a hand of a clock: the fast one
# tells neighbours apart, and the slow one still knows the region when the fast one has come round. **Why
# sine and cosine? Together they are a point on a circle, so $k$ places further is the same rotation from
# everywhere, one matrix in which the place does not occur.** This is the formula of the paper.


# %%
# alt: Heat map of 50 places by 64 columns. Read downwards, the left columns are fast waves and the right ones
#   hardly change; there columns near 0 and near 1 take turns.
def sinusoids(n, d):
    angle = angles(n, d)  # (S, D / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (S, D), changed


fig = pictures.signed_map(sinusoids(50, 64), row_axis="place", column_axis="column")
plots.show(fig)

# %% [markdown]
# Read it downwards: on the left fast waves, on the right hands that hardly move. (The stripes there are
# sines near 0 beside cosines near 1.)
#
# Is "$k$ further" really one change for all places? Then one matrix must take row $p$ to row $p + k$, for
# every $p$. Let least squares look for the best one, for 500 places of only 8 columns. How far off will it
# be, relative to the rows, for the sines alone and for the pairs?


# %%
def best_shift(positions, k):
    rows = positions(500, 8)  # (S, D)
    matrix = torch.linalg.lstsq(rows[:-k], rows[k:]).solution  # (D, D)
    return matrix, ((rows[:-k] @ matrix - rows[k:]).norm() / rows[k:].norm()).item()


def sines_alone(n, d):
    return angles(n, 2 * d).sin()  # (S, D), as many different paces as columns


for positions in (by_digits, sines_alone, sinusoids):
    print(f"{positions.__name__:12} off by:", *[f"{best_shift(positions, k)[1]:.2f}" for k in (1, 2, 5)])
print("the matrix for k = 1, fastest pair:", best_shift(sinusoids, 1)[0][:2, :2])
assert best_shift(sinusoids, 5)[1] < 1e-6

# %% [markdown]
# The pairs come out exactly, and what has been found is a rotation: .54 and .84 are the cosine and the sine
# of 1. The sine alone has no such matrix. The authors hoped that attention would learn to look by distance
# that way (section 3.5).
#
# ## Stage 20 - The empty place is filled
#
# A word's vector and a place's vector have to become one. The obvious way is to put them beside each other,
# to **concatenate**: 512 numbers for the word, 512 for the place, and nothing gets mixed up. The paper
# adds, which sounds reckless. Take the road by concatenation, with a linear layer at its end that leads
# back to the old width.

# %%
torch.manual_seed(0)
x, places = torch.randn(5, 8).double(), sinusoids(5, 8)  # (S, D) each
beside = torch.cat([x, places], dim=1)  # (S, 2 D)
matrix = torch.cat([torch.eye(8), torch.eye(8)]).double()  # (2 D, D)
print("beside each other, times this matrix = added:", torch.allclose(beside @ matrix, x + places))

# %% [markdown]
# **Why add positions and not concatenate? Adding is concatenation with a fixed matrix behind it: word and
# place both keep all columns, and it costs no parameters.** (07b compares the two at equal width.) But one
# setting of a layer can do less than all of them. What does it lose?
#
# ### What the sum keeps
#
# Put 1,000 words at 100 places, and from each sum find the word whose embedding fits best, and the place.
# In the model of 10 the same table also scores the next word, and for that its entries start small, at
# about $1 / \sqrt{512}$. On the way in they are multiplied by $\sqrt{512}$. Watch what happens without that
# factor.

# %%
torch.manual_seed(0)
small, where = torch.randn(1000, 512) / math.sqrt(512), sinusoids(100, 512).float()  # (n_vocab, D), (S, D)
chosen = torch.randint(1000, (50, 100))  # (B, S)
for factor in (1.0, math.sqrt(512)):
    added = small[chosen] * factor + where  # (B, S, D)
    words_found = ((added @ small.T).argmax(-1) == chosen).float().mean()
    places_found = ((added @ where.T).argmax(-1) == torch.arange(100)).float().mean()
    print(f"word {small[0].norm() * factor:4.1f} long, place {where[0].norm():.1f} long:", end="  ")
    print(f"words found {words_found:.2f}, places found {places_found:.2f}")

# %% [markdown]
# With it every word is found, and nearly every place. In 512 dimensions two random directions hardly meet,
# so there is room for both. **Why multiply by the root of d_model? It makes a word about as long as its
# place, which without it would drown the word in such a search.** The paper gives no reason, and a trained
# layer can do without: on our small tasks it learns as well from small words.
#
# ## The final form
#
# `register_buffer` keeps the table as a **buffer**, which moves with the model to another device or number
# type and which training leaves alone. `persistent=False` keeps it out of saved files, since it can be
# computed again. `dropout` belongs to 12.


# %% tags=["final"]
class PositionalEncoding(nn.Module):
    """Adds sinusoids to the embeddings, then dropout: (B, L, D) to same."""

    def __init__(self, d_model, dropout=0.0, max_len=512):
        super().__init__()
        check_even(d_model)
        position = torch.arange(max_len).unsqueeze(1)  # (max_len, 1)
        even = torch.arange(0, d_model, 2)  # (D / 2,)
        angle = position / 10000 ** (even / d_model)  # (max_len, D / 2)
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (max_len, D)
        self.register_buffer("table", table, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        check_length(x.shape[-2], len(self.table))
        return self.dropout(x + self.table[: x.shape[-2]])


# %%
encoding = PositionalEncoding(64)
print("parameters:", len(list(encoding.parameters())), " saved:", list(encoding.state_dict()))
assert torch.allclose(encoding.table.double(), sinusoids(512, 64), atol=1e-4)

# %% [markdown]
# Back to the news. From ids to the tower it is an embedding times its factor, and then, where stage 17 kept
# a place empty, the positions. Which dog is which?

# %%
located = nn.Sequential(PositionalEncoding(4), encode)
for news in (["dog", "bites", "man"], ["man", "bites", "dog"]):
    x = layer(torch.tensor([ids[word] for word in news])) * math.sqrt(4)  # (S, D)
    print(" ".join(news), "- the dog:", located(x)[news.index("dog")])

# %% [markdown]
# Two dogs. **Where is a word? Its vector says so: the row of its place has been added.**
#
# ## The scoreboard
#
# Here is the layer of 06 with positions in front, on all six tasks. Which columns ask for a place? (The
# recorded rows are means over three seeds, and the last row trains the one above it again.)

# %% tags=["nbval-ignore-output"]
# alt: Board of four rows, the best guess, 06, 07 and a live row, by six tasks. From 06 to 07 reverse and hop
#   rise to 1, and two hops rises above its best guess but stays below a half.
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: nn.Sequential(PositionalEncoding(64), EncoderLayer(64, 8, 256, 0.0)))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
recorded = scoreboard.recorded("encoder", last="07")
rows = {name: recorded[name] for name in ("06 add and norm", "07 positions")}
fig = plots.board(rows, live=live, chance=chance, means=True, repeats="07", title="With positions in front")
plots.show(fig)

# %% [markdown]
# `reverse` and `hop` jump to 1, since nothing before today could name a place. `two hops` rises and stops
# below a half, which is for 08, while `count` and `odd` need no places and gain nothing.
#
# Is a formula needed at all? One could let training find a row for each place, as exercise 3 does. *Going
# deeper: [Which positions, and how far do they reach?](studies/07b_which_positions.ipynb)* On places that
# were trained, sinusoids and learned rows both get 1.00, and beyond them neither holds; the study finds
# what does.
#
# ## Recap
#
# 1. An embedding is a lookup in a trained table, the same as one-hot times a matrix. It is for names; a
#    number that means its size goes through a linear layer.
# 2. Without positions an encoder reads a bag of words.
# 3. Why sine and cosine: a place is a point on a circle, and $k$ places further is the same turn from
#    everywhere.
# 4. Why add: it is concatenation with a fixed matrix behind it, costs nothing, and the sum has room for
#    both. The factor $\sqrt{d_{model}}$ makes a word about as long as its place.
# 5. A table that scores 1.00 can be a jumble, so draw it.
#
# ## Exercises
#
# **1. Warm-up.** On paper: which four numbers does `PositionalEncoding(4)` add to the word at place 0?

# %% tags=["exercise"]
### BEGIN SOLUTION
place_zero = [0.0, 1.0, 0.0, 1.0]
### END SOLUTION

check.first_place(place_zero)

# %% [markdown]
# **2. Core.** Some libraries lay the same numbers out in two halves. Write that table `(n, d)` without
# `angles`, from the formula alone: in row $p$, the first $d / 2$ columns are $\sin(p / 10000^{2i/d})$ for
# $i = 0, 1, 2, ...$, and the second half are the cosines of the same angles.


# %% tags=["exercise"]
def sinusoids_in_halves(n, d):
    ### BEGIN SOLUTION
    place = torch.arange(n).unsqueeze(1)  # (n, 1)
    angle = place / 10000 ** (torch.arange(0, d, 2) / d)  # (n, d / 2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (n, d)
    ### END SOLUTION


check.halves(sinusoids_in_halves)

# %% [markdown]
# **3. Debug.** With learned positions there is a trained row for each place, and no formula. This layer
# runs on a batch, and its parameters get gradients, and yet to an encoder behind it each sentence is a bag
# of words again. Find the property of this lesson that shows it, then fix the line.


# %%
class Learned(nn.Module):
    def __init__(self, d_model, max_len):
        super().__init__()
        self.table = nn.Parameter(torch.randn(max_len, d_model))  # (max_len, D)

    def forward(self, x):  # (B, S, D)
        return x + self.table[: len(x), None]


# %% tags=["exercise"]
class LearnedFixed(nn.Module):
    def __init__(self, d_model, max_len):
        super().__init__()
        self.table = nn.Parameter(torch.randn(max_len, d_model))  # (max_len, D)

    def forward(self, x):  # (B, S, D)
        ### BEGIN SOLUTION
        return x + self.table[: x.shape[-2]]  # (B, S, D)
        ### END SOLUTION


check.learned_positions(LearnedFixed)

# %% [markdown]
# **4. Stretch.** Learn *the symbol before* on 16 places, and ask for it at the seventeenth: a layer with
# sinusoids gets it right in .32 to .44 of the sentences (three seeds). Get more than half.
# `Farther(d_model)` puts something of yours into sentences `(B, S, D)` of up to 64 words; the check trains
# it in front of one encoder layer (some seconds) and tells you both scores. `self.training` is True during
# training.


# %% tags=["exercise"]
class Farther(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        ### BEGIN SOLUTION
        self.table = nn.Parameter(torch.randn(64, d_model))  # (64, D)
        ### END SOLUTION

    def forward(self, x):  # (B, S, D)
        ### BEGIN SOLUTION
        n = x.shape[-2]
        start = torch.randint(64 - n + 1, ()).item() if self.training else 0
        return x + self.table[start : start + n]  # (B, S, D)
        ### END SOLUTION


check.farther(Farther)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# Both scores, with more than one seed, and a reason. Two roads are known to lead there. Training can start
# a sentence at a random place, so that row 16 has been visited, and then learned rows reach as well as
# sinusoids. Or eight columns are kept free of the word for the place. Say which sentences yours would still
# get wrong, and how you would find out.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.4 for the embeddings and the factor,
#   section 3.5 for positions.
# - Amirhossein Kazemnejad, [Transformer Architecture: The Positional
#   Encoding](https://kazemnejad.com/blog/transformer_architecture_positional_encoding/): the same ladder,
#   told with binary digits and a proof of the rotation.
# - Jay Alammar, [The Illustrated Word2vec](https://jalammar.github.io/illustrated-word2vec/): what the rows
#   of a trained embedding come to mean.
# - [`nn.Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html) in the PyTorch
#   documentation.
#
# ## What is still a placeholder
#
# The encoder has all its parts. What a second layer does that one cannot is open, and so is the whole
# decoder.
#
# {{next}}
