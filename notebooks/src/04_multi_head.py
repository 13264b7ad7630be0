# %% [raw] tags=["card"]
# built: multi-head attention, the self-attention of the encoder
# questions: Why eight heads? Are several heads better than one of the same width?
# What does the projection do? How do 64 numbers become 512 again?

# %% [markdown]
# # 04 - Multi-head attention
#
# {{badge}}
#
# The head of 03 lets every word ask the whole sentence one question, and the paper gives each word eight such
# heads. **Why eight?** You build them, bring their answers together, and measure what more heads buy.
#
# - **You need**: the layer `SelfAttention` and the function `attention_weights` of
#   [03 - Many words](03_many_words.ipynb).
# - **It runs** in {{time}} on a laptop with two cores. In class, *Put it into the whole model*, the
#   scoreboard and the last two exercises can be left for home.
#
# **From two lessons back.** In 02, softmax turned the scores of four words into shares. Choose any scores you
# like: how many of the four can get a share of more than a half?
#
# <details><summary>Answer</summary>
#
# One at most, since the shares of one softmax sum to 1. What a word gives to one, it takes from the others.
#
# </details>

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from helpers.arguments import check_heads
from helpers.data import EOS_ID
from helpers.model import attention_weights, eval_mode, record_attention  # the first: built in 03
from helpers.translate import load_translator
from lessons import pictures, scoreboard
from lessons.exercises import multi_head as check
from lessons.outline import SelfAttention, TransformerOutline  # built in 03 and 01

# %%
built, today = ["encoder_stack", "decoder_stack"], ["encoder_self_attention"]
plots.show(plots.close_up(built, today, title="04: self-attention with eight heads"))

# %% [markdown]
# The box with the thick frame is today's. It is still hatched, because 03 has built only one head of it.
#
# ## Stage 12 - Eight heads in the encoder
#
# *Ein Mann wirft einen Ball, und sein Hund fängt ihn.* Who throws, what flies, who catches: *ihn* has more
# than one question, and with one softmax it must divide a single attention among them all.
#
# The translator of 00 has three encoder layers, with eight heads in each of them. Run it on the sentence and
# on its twin, *Eine Frau ... ihr Hund*, and keep all attention weights. (`</s>` marks the end of a sentence.)

# %%
model, tokenizer = load_translator()
twins = {"Mann": "Ein Mann wirft einen Ball, und sein Hund fängt ihn.",
         "Frau": "Eine Frau wirft einen Ball, und ihr Hund fängt ihn."}  # fmt: skip
looks, pieces = {}, {}
for name, german in twins.items():
    ids = [*tokenizer.encode(german).ids, EOS_ID]
    pieces[name] = [tokenizer.id_to_token(i).strip("▁") for i in ids]
    with eval_mode(model), record_attention(model) as maps:
        model.encode(torch.tensor([ids]))  # (1, S)
    own = [maps[f"encoder.layers.{n}.self_attention"][0] for n in range(3)]  # (H, S, S) each
    looks[name] = torch.stack(own)  # (3, H, S, S)
print("layers, heads, words that ask, words that answer:", tuple(looks["Mann"].shape))

# %% [markdown]
# Here is what *ihn* gives to each word in the middle layer, one row of bars for each head. Before you look,
# which word will get most: *Ball*, *Hund*, *fängt*, or *ihn* itself?

# %%
# alt: Eight rows of bars over the words, for both sentences. Head 1 gives most to wirft, head 5 to fängt,
#   head 6 to ihn itself, head 7 to und, head 8 to sein or ihr. The two sentences differ little.
layer = 2  # yours: 1, 2 or 3
columns = [a if a == b else f"{a}/\n{b}" for a, b in zip(*pieces.values(), strict=True)]
ihn = pieces["Mann"].index("ihn")
rows = {name: weights[layer - 1, :, ihn] for name, weights in looks.items()}  # (H, S) each
plots.show(pictures.heads_of_word(rows, columns, title=f"Where ihn looks, layer {layer}"))

# %% [markdown]
# Nobody told the eight heads what to look for, and they divide the attention in eight ways. In layer 2, heads
# 3, 4 and 6 give most to *ihn* itself, while head 1 looks at *wirft*, head 5 at *fängt*, head 7 at *und* and
# head 8 at *sein* or *ihr*; in head 2, *ihn* and *fängt* are level.
# What about the ball, in all three layers?

# %%
for name, weights in looks.items():
    for word in (name, "Hund", "Ball"):
        most = weights[:, :, ihn, pieces[name].index(word)].max().item()
        print(f"{name}: the most that any of the 24 heads gives to {word:4} is {most:.2f}")

# %% [markdown]
# An eighth at most, in all layers and both sentences, while one head of another layer gives *Frau* .39,
# though no woman is an *ihn*. You might think that this is why the translator writes *him*. It may be, but
# weights show where a head looks and not what becomes of it, which is a question for 13. And by layer 2 the
# word *fängt* may carry something of the ball already, as 08 will show.
#
# ### Eight at once
#
# Each head is a `SelfAttention` of 03, with three matrices. So that a word keeps its width of 512, each of
# the `H` = 8 heads returns `dk` = 512 / 8 = 64 numbers, which are then written side by side: the heads are
# **concatenated**.


# %%
class HeadsV1(nn.Module):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__()
        d_k = d_model // n_heads
        self.heads = [SelfAttention(d_model, d_k, d_k)] * n_heads

    def forward(self, words):
        return torch.cat([head(words) for head in self.heads], dim=-1)  # (S, D)


torch.manual_seed(0)
sentence = torch.randn(3, 512)  # (S, D)
heads_v1 = HeadsV1()
print(tuple(sentence.shape), "->", tuple(heads_v1(sentence).shape))

# %% [markdown]
# Three words of 512 numbers come in, and three go out. To see what the heads have said, cut the output apart
# again: `unflatten(-1, (8, 64))` makes `(S, 8, 64)` of `(S, 512)`. How many different answers do you expect?


# %%
def look_inside(module):
    answers = module(sentence).unflatten(-1, (8, 64)).transpose(0, 1)  # (H, S, dk)
    print("different answers of eight heads:", len(answers.flatten(1).unique(dim=0)))
    print("parameters to train:             ", sum(p.numel() for p in module.parameters()))


look_inside(heads_v1)

# %% [markdown]
# One answer, and no parameters: the two bugs of 01 in a single line. `[head] * 8` is the same head written
# down eight times, and PyTorch does not look into a Python list. As there, the fix is to make eight layers
# one by one and to keep them in an `nn.ModuleList`.


# %%
class HeadsV2(HeadsV1):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__(d_model, n_heads)
        d_k = d_model // n_heads
        self.heads = nn.ModuleList([SelfAttention(d_model, d_k, d_k) for _ in range(n_heads)])  # changed


torch.manual_seed(0)
heads_v2 = HeadsV2()
look_inside(heads_v2)
print("one head of 512 numbers:         ", sum(p.numel() for p in SelfAttention(512, 512, 512).parameters()))

# %% [markdown]
# Eight answers now, from as many parameters as one head of 512 numbers has, because the heads share the
# width.
#
# ## Stage 13 - Projection
#
# So far head 1 fills the first 64 numbers of every word and nothing else, so that whoever reads the word next
# finds eight separate reports. The paper sends them through one more matrix, `W_O`: the **projection**.


# %%
class HeadsV3(HeadsV2):
    def __init__(self, d_model=512, n_heads=8):
        super().__init__(d_model, n_heads)
        self.W_O = nn.Parameter(torch.randn(d_model, d_model) / d_model**0.5)  # (D, D), new

    def forward(self, words):
        return super().forward(words) @ self.W_O  # (S, D), changed


torch.manual_seed(0)
heads_v3 = HeadsV3()

# %% [markdown]
# The shape is the same as before, so it cannot say what has changed. Silence head 1 by setting its 64 numbers
# to 0. How many of a word's 512 numbers will that move before `W_O`, and how many after?

# %%
with torch.no_grad():
    joined = HeadsV2.forward(heads_v3, sentence)  # (S, D), before the projection
    silenced = joined.clone()
    silenced[:, :64] = 0.0  # head 1
    for name, W in [("without W_O", torch.eye(512)), ("with W_O", heads_v3.W_O)]:
        print(f"{name:11} moves", (silenced @ W != joined @ W)[0].sum().item(), "of 512 numbers")

# %% [markdown]
# **The projection lets every head write into all numbers of a word, and mixes what the heads have found.**
#
# There is a second way to read this product: cut `W_O` into eight blocks of 64 rows, let every head be
# projected by its own block, and add up the eight results.

# %%
with torch.no_grad():
    blocks = heads_v3.W_O.unflatten(0, (8, 64))  # (H, dk, D)
    added = sum(head(sentence) @ block for head, block in zip(heads_v3.heads, blocks, strict=True))  # (S, D)
    print("project each and add = join and project:", torch.allclose(added, heads_v3(sentence), atol=1e-4))

# %% [markdown]
# **So 64 numbers become 512 again: each head has its own 64 x 512 block of `W_O`, and the eight results are
# added.**
#
# *Going deeper: [What does the projection buy?](studies/04b_what_does_the_projection_buy.ipynb)* No function
# where a linear layer follows, and still a quicker training, above all of narrow heads.
#
# ### One wide product
#
# Eight heads in a loop mean eight small products with `W_Q`. With the eight matrices side by side one product
# does it for all, and then the 512 numbers of each word must become eight heads of 64: from `(S, D)` to
# `(H, S, dk)`. PyTorch can reshape, so ask for that shape.

# %%
W_Q, W_K, W_V = (
    torch.cat([getattr(head, name).detach() for head in heads_v3.heads], dim=1)
    for name in ("W_Q", "W_K", "W_V")
)  # (D, D) each
W_O = heads_v3.W_O.detach()


def wide_v1(words):
    query, key, value = ((words @ W).reshape(8, -1, 64) for W in (W_Q, W_K, W_V))  # (H, S, dk) each
    heads = attention_weights(query, key) @ value  # (H, S, dk)
    return heads.transpose(0, 1).flatten(1) @ W_O  # (S, D)


print(tuple(sentence.shape), "->", tuple(wide_v1(sentence).shape))

# %% [markdown]
# It runs, and the shape is right. Two questions before you go on: does word 1 notice when word 3 changes,
# as 02 asked, and do the same matrices give what the loop gives?

# %%
edited = sentence.clone()
edited[2] += 1.0
print("word 1 notices word 3:", not torch.allclose(wide_v1(edited)[0], wide_v1(sentence)[0], atol=1e-4))
print("equal to the eight heads:", torch.allclose(wide_v1(sentence), heads_v3(sentence), atol=1e-4))

# %% [markdown]
# Word 1 notices, so the check of 02 is content, and yet the numbers are others. Take some that you can
# follow, such as 23 for the third number of word 2. Each of two heads should get two numbers of every word.
# What will a reshape give head 1 for word 2? On the right, each word is first cut into heads, and then
# words and heads are swapped.

# %%
labelled = torch.tensor([[11, 12, 13, 14], [21, 22, 23, 24], [31, 32, 33, 34]])  # (S, D)
ways = {
    "reshape": labelled.reshape(2, 3, 2),  # (H, S, dk)
    "unflatten, transpose": labelled.unflatten(-1, (2, 2)).transpose(0, 1),  # (H, S, dk)
}
plots.show(pictures.cut_into_heads(labelled, ways))

# %% [markdown]
# A reshape leaves all numbers in their order and cuts the row anew, so what head 1 takes for word 2 is the
# other half of word 1. The fix needs two lines, one that cuts and one that swaps.


# %%
def wide_v2(words):
    cut = ((words @ W).unflatten(-1, (8, 64)) for W in (W_Q, W_K, W_V))  # (S, H, dk) each, changed
    query, key, value = (x.transpose(0, 1) for x in cut)  # (H, S, dk) each, new
    heads = attention_weights(query, key) @ value  # (H, S, dk)
    return heads.transpose(0, 1).flatten(1) @ W_O  # (S, D)


print("equal to the eight heads:", torch.allclose(wide_v2(sentence), heads_v3(sentence), atol=1e-4))

# %% [markdown]
# *Going deeper: [Four ways to the same attention](studies/04a_four_ways_to_the_same_attention.ipynb)* All
# give the same, gradients included. The wide layer beats the list for short sentences only, and for long
# ones PyTorch's own function was the fastest.
#
# The final form is the same layer with `nn.Linear` for the matrices, which adds a bias to each. Read only
# `forward`: cut, attend, join, project. You may ignore `mask` until 09, `dropout` until 12, and
# `check_heads`, which looks at the arguments. Its three inputs are the same words here, passed on by
# `AttendToItself`.


# %% tags=["final"]
class MultiHeadAttention(nn.Module):
    """Attention with several heads: query (B, T, D), key and value (B, S, D) to (B, T, D)."""

    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__()
        check_heads(d_model, n_heads)
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.projection = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def split_heads(self, x):
        """(B, L, D) to (B, H, L, dk)."""
        x = x.unflatten(-1, (self.n_heads, -1))  # (B, L, H, dk)
        return x.transpose(-3, -2)  # (B, H, L, dk)

    def forward(self, query, key, value, mask=None):
        query = self.split_heads(self.query(query))  # (B, H, T, dk)
        key = self.split_heads(self.key(key))  # (B, H, S, dk)
        value = self.split_heads(self.value(value))  # (B, H, S, dk)
        weights = attention_weights(query, key, mask)  # (B, H, T, S)
        heads = self.dropout(weights) @ value  # (B, H, T, dk)
        joined = heads.transpose(-3, -2).flatten(-2)  # (B, T, D)
        return self.projection(joined)


# %% tags=["final"]
class AttendToItself(nn.Module):
    """Lets `MultiHeadAttention` stand where a part gets the words alone: (B, S, D) to (B, S, D)."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, words):
        return self.attention(words, words, words)


# %% [markdown]
# Give it the four matrices, transposed, since `nn.Linear` keeps them so, and compare once more.

# %%
eight = MultiHeadAttention(512, 8)
layers = [eight.query, eight.key, eight.value, eight.projection]
with torch.no_grad():
    for layer, W in zip(layers, [W_Q, W_K, W_V, W_O], strict=True):
        layer.weight.copy_(W.T)  # (D, D)
        layer.bias.zero_()
    same = torch.allclose(AttendToItself(eight)(sentence), heads_v3(sentence), atol=1e-4)
print("MultiHeadAttention = eight heads in a list:", same)
assert same

# %% [markdown]
# ## Why eight?
#
# Whether *ihn* needs eight heads, weights cannot tell, but a task can. Eight heads have as many parameters as
# one of the same width, so let them compete in *count* of the scoreboard: how often does my symbol occur in
# the sentence? Since weights sum to 1, whatever the sentence, how can attention count at all?

# %%
symbols = torch.tensor([3, 5, 3, 1, 5, 3, 2, 5])  # (S,)
wanted = 3  # yours
weights = torch.full((8,), 1 / 8)  # (S,), a head that looks at all words evenly
value = (symbols == wanted).float()  # (S,), each word hands over: am I the wanted one?
print(f"share {weights @ value:.3f}, times the length {8 * weights @ value:.0f}")

# %% [markdown]
# It finds a share, and as all sentences of the task have eight words, a share times the length is a count.
#
# This head tells every word the same. With a longer value it could hand over all eight counts at once, and
# still no word would know which of them is its own, so how a head looks must hang on the word that asks. One
# head gets about half of the words right, a tenth above the best guess. Do more heads help? Bet on two, then
# train them.

# %% tags=["nbval-ignore-output"]
# not compared: the accuracy of a model trained here
n_heads = 2  # yours: 1, 2, 4, 8, 16
trained = scoreboard.measure_tasks(lambda: AttendToItself(MultiHeadAttention(64, n_heads)), tasks=["count"])
print(f"{n_heads} heads, {64 // n_heads} numbers each: count {trained['count']:.2f}")

# %% [markdown]
# This is what was measured, as means of three seeds each (`python -m lessons.boards heads`). All have the
# same number of parameters.

# %%
# alt: Bars of the share of words that are counted right: best guess .39, one head .49, with six times the
#   steps .50, two heads .85, four .95, eight .99, sixteen .98.
bars = {"best guess": scoreboard.chance(scoreboard.TASKS["count"])}
for row, scores in scoreboard.recorded("heads").items():
    if row != "1 head and feed-forward":  # that one is for 05
        bars[row.replace("six times the steps", "6 x steps")] = sum(scores["count"]) / len(scores["count"])
plots.show(plots.share_bars({"counted right": bars}))

# %% [markdown]
# **In *count* several heads are better than one of the same width, with only a linear layer behind them:
# one counts half of the words right, two .85, and eight .99.** Six times as many steps do not help the
# single head. **Why eight heads? Because two count worse here, four come close (.89 to .99), and sixteen no
# better, as far as three seeds can tell; it is a measurement and no law.** The paper tried 1, 4, 8, 16 and
# 32 heads on translation, where one was worst and 32 lost again (table 3, rows A). And of a trained
# translator many heads can be switched off, one at a time, with hardly a loss (Michel and others, 2019).
#
# ## Put it into the whole model
#
# In 01 the memory of word 1 knew nothing of word 3. What will it know when all six encoders have eight heads?

# %%
torch.manual_seed(0)
outline, source = TransformerOutline(), torch.randn(3, 512)  # (S, D)
for encoder in outline.encoders:
    encoder.self_attention = AttendToItself(MultiHeadAttention(512, 8))
edited = torch.cat([source[:2], source[2:] + 1.0])  # (S, D)
moved = (outline.encode(source)[0] - outline.encode(edited)[0]).abs().max().item()
print("the memory of word 1 notices word 3:", moved > 1e-6)

# %% [markdown]
# ## The scoreboard
#
# Three more tasks wait here for their part: *odd* asks whether my symbol occurs an odd number of times,
# *hop* takes my number as a place and asks what stands there, and *two hops* takes that number as a place
# again. The last row is trained while you wait, with one seed. Which columns will move?

# %% tags=["nbval-ignore-output"]
# alt: Scoreboard of best guess, 03 one head, 04 eight heads, and the live row. From 03 to 04 count rises from
#   .50 to .99 and odd from .55 to .70; copy is 1, and reverse, hop and two hops stay where they were.
# not compared: accuracies of models trained here
live = scoreboard.measure_tasks(lambda: AttendToItself(MultiHeadAttention(64, 8)))
chance = {name: scoreboard.chance(task) for name, task in scoreboard.TASKS.items()}
so_far = {row: scores for row, scores in scoreboard.recorded("encoder", last="04").items() if row > "03"}
plots.show(plots.board(so_far, live=live, chance=chance, means=True, repeats="04 eight heads, one seed"))

# %% [markdown]
# *Count* is as good as solved, and *odd* begins to move. *Reverse*, *hop* and *two hops* stay where they
# were, because they ask for places, and no number of heads knows where a word stands.
#
# ## Recap
#
# 1. One softmax divides one attention, while eight heads divide it eight times, with as many parameters as
#    one wide head. In the translator they divide the attention of *ihn* in eight ways, and hardly to the
#    ball.
# 2. `[head] * 8` is one head, and a Python list hides its layers, which `nn.ModuleList` shows.
# 3. Side by side, eight times 64 numbers are 512. Through `W_O` every head writes into all of them.
# 4. Cut each word into heads, then transpose, since a reshape alone scrambles the words without an error.
# 5. Why eight? One head counts half of the words right, two .85, four come close, eight get .99, sixteen no
#    more.
#
# ## Exercises
#
# Replace the `...` and run the cell. The check answers at once.
#
# **1. Warm-up.** On paper, for `MultiHeadAttention(256, 16)`: how many numbers has a head, and how many
# parameters has the layer, biases included?

# %% tags=["exercise"]
### BEGIN SOLUTION
head_width = 16
n_parameters = 4 * (256 * 256 + 256)
### END SOLUTION

check.heads_and_parameters([head_width, n_parameters])

# %% [markdown]
# **2. Core.** A library returns its heads in another order, `(H, B, S, dk)`: heads first. Bring them back
# to words and project them with `W_O` of `(H * dk, D)`, to `(B, S, D)`.


# %% tags=["exercise"]
def join_heads(heads, W_O):
    ### BEGIN SOLUTION
    return heads.permute(1, 2, 0, 3).flatten(2) @ W_O  # (B, S, D)
    ### END SOLUTION


check.join_heads(join_heads)

# %% [markdown]
# **3. Debug.** In this layer without matrices, queries, keys and values are the words themselves. It is
# right for one sentence, and a batch keeps its shape and goes wrong all the same. Find the property of this
# page, or of 03, that shows it, and then fix the layer.


# %%
def broken_heads(words, n_heads):
    x = words.unflatten(-1, (n_heads, -1)).transpose(0, 1)  # (H, S, dk)
    heads = attention_weights(x, x) @ x  # (H, S, dk)
    return heads.transpose(0, 1).flatten(-2)  # (S, D)


torch.manual_seed(0)
batch = torch.randn(2, 3, 8)  # (B, S, D)
print(tuple(broken_heads(batch[0], n_heads=2).shape), tuple(broken_heads(batch, n_heads=2).shape))


# %% tags=["exercise"]
def heads_fixed(words, n_heads):
    ### BEGIN SOLUTION
    x = words.unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (B, H, S, dk)
    heads = attention_weights(x, x) @ x  # (B, H, S, dk)
    return heads.transpose(-3, -2).flatten(-2)  # (B, S, D)
    ### END SOLUTION


check.heads_fixed(heads_fixed)

# %% [markdown]
# **4. Stretch.** The eight heads above have 16,640 parameters. Count with fewer than a third of them:
# return a module from `(B, S, 64)` to the same shape, with at most 5,000 parameters, that gets more than .8
# in *count*. The check trains it, for some seconds. `MultiHeadAttention` and `AttendToItself` may be in it.


# %% tags=["exercise"]
def small_body():
    ### BEGIN SOLUTION
    from helpers.model import MultiHeadAttention
    from lessons.outline import AttendToItself

    attention = AttendToItself(MultiHeadAttention(16, 8))
    return nn.Sequential(nn.Linear(64, 16), attention, nn.Linear(16, 64))
    ### END SOLUTION


check.small_and_counting(small_body)

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# The parameters beside the accuracy, for three seeds; what you gave up first (the width, the heads, the
# projection) and what it cost; and a guess why heads of very few numbers can do this task, with a task named
# in which you would not expect it.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, *Attention Is All You Need*, 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section 3.2.2, and table 3, rows A.
# - P. Michel, O. Levy and G. Neubig, *Are Sixteen Heads Really Better than One?*, 2019,
#   [arXiv:1905.10650](https://arxiv.org/abs/1905.10650).
# - Told another way: J. Alammar, [The Illustrated
#   Transformer](https://jalammar.github.io/illustrated-transformer/), in drawings; [The Annotated
#   Transformer](https://nlp.seas.harvard.edu/annotated-transformer/), line by line.
# - [`nn.ModuleList`](https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html) in the
#   PyTorch documentation.
#
# ## What is still a placeholder
#
# The encoder's feed-forward part is one linear layer. Embeddings, positions, add and norm, and the whole
# decoder are placeholders as well.
#
# {{next}}
