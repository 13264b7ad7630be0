# %% [raw] tags=["card"]
# built: queries, keys and values, and attention for one word at a time
# questions: What are Q, K and V? How does one word find another?
# Why is attention over a single word pointless?

# %% [markdown]
# # 02 - One word
#
# {{badge}}
#
# In 01 every word of the source went its way alone, and today one of them looks round. **How does one word
# find another?**
#
# - **You need**: the outline from [01 - The outline](01_outline.ipynb), and the product of a vector with a
#   matrix.
# - **It runs** in {{time}} on a laptop with two cores. In class, stop before *Put it into the whole model*:
#   that part, the scoreboard, exercises 3 and 4 and the project are for home.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import math

import torch
from torch import nn

from helpers import plots
from lessons import pictures, scoreboard
from lessons.exercises import one_word as check
from lessons.outline import SelfAttention, TransformerOutline  # built in 03 and 01
from lessons.views import attention_view

# %%
built = ["encoder_stack", "decoder_stack"]
plots.show(plots.close_up(built=built, today=["encoder_self_attention"], title="02: inside self-attention"))

# %% [markdown]
# **From two lessons back.** The translator of 00 reads *Eine Frau wirft einen Ball, und ihr Hund fängt
# ihn*, and writes that her dog catches *him*. Which German words must it bring together to get this right?
#
# <details><summary>Answer</summary>
#
# *ihn* and *Ball*, which is all that *ihn* can mean in that sentence. They stand five words apart, and
# nothing in *ihn* alone says *it*.
#
# </details>
#
# ## Stage 04 - The triad: query, key, value
#
# *Ein Mann wirft einen Ball, und sein Hund fängt ihn.* What does the dog catch? At *ihn* you went back and
# found the ball, which our words cannot do: each is a row of numbers that has never met the others. Let
# *ihn* search in the obvious way, by its dot product with every word: multiply number by number, add up.
# Four words will do. (*Hund* is masculine too, but for itself German would say *sich*.) Say first which one
# *ihn* will find.

# %%
names = ["Mann", "Ball", "fängt", "ihn"]
words = torch.tensor(  # (S, D): masculine, person, to do with catching, pronoun
    [[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 2]])


def show(scores, names=names):
    print(dict(zip(names, scores.tolist(), strict=True)))


show(words @ words[3])

# %% [markdown]
# *ihn* found itself, and had to: against it, no vector of its length or shorter scores higher. What a word
# *is* and what it *looks for* are different things.
#
# Think of a library where every word is reader and book. The reader brings a note, the **query**, the spine
# shows what the book is found by, its **key**, and inside is what the reader takes home, the **value**.
# Gender belongs on the spine, because German finds the noun by it. Inside is what the translation needs,
# *him* or *it*.

# %%
keys = torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 0]])  # (S, dk): masculine noun, catching
values = torch.tensor([[1.0, 0], [0, 1], [0, 1], [0, 0]])  # (S, dv): him, it
query = torch.tensor([1.0, 0])  # (dk,): all that ihn knows by itself
show(keys @ query)

# %% [markdown]
# Man and ball fit equally well, so *ihn*, sharing between the two, takes home half *him*, half *it*. It
# wrote its note alone, and alone it does not know that anything is caught. *fängt* does, and had it told
# *ihn*, the note would be `[1, 1]`: man 1, ball 2.
#
# With *begrüßt* the dog greets *ihn*, and the note below lets the man win. Which other second numbers do,
# and which one makes a tie?

# %%
greeted = torch.tensor([1.0, -1])  # yours
assert keys[0] @ greeted > keys[1] @ greeted, "the ball still wins, or ties"
show(keys[:2] @ greeted, names=["Mann", "Ball"])

# %% [markdown]
# A positive number asks, a negative one turns away. (How *fängt* can speak first is a question for lesson
# 08. That the verb hands over *it*, too, is the price of only four properties: it shares the third one with
# the ball.)
#
# **Q, K and V are the queries, keys and values of all words: what each looks for, what it is found by, and
# what it hands over.** The dot product of a query and a key is a **score**.
#
# ## Stage 05 - One word, three matrices
#
# Those notes and spines were written by hand, and nobody does that for a whole language. They have to come
# from the word itself, by a rule that is the same for all words: `W_Q` writes the query, `W_K` the key,
# `W_V` the value. Each row says what one property contributes, so that *masculine*, the first, asks for
# gender, shows gender, and hands over nothing.

# %%
W_Q = torch.tensor([[1.0, 0], [0, 0], [0, 1], [0, 0]])  # (D, dk)
W_K = torch.tensor([[1.0, 0], [0, 0], [0, 1], [-0.5, 0]])  # (D, dk)
W_V = torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 0]])  # (D, dv)
for name, word in zip(names, words, strict=True):
    query, key, value = word @ W_Q, word @ W_K, word @ W_V  # (dk,), (dk,), (dv,)
    print(f"{name:5}  query {query.tolist()}  key {key.tolist()}  value {value.tolist()}")
assert torch.equal(words @ W_K, keys) and torch.equal(words @ W_V, values), "the tables of stage 4"

# %% [markdown]
# These are the tables of stage 4, and you can follow one by hand: *ihn* is `[1, 0, 0, 2]`, so its key is the
# first row of `W_K` plus two times the last, `[0, 0]`, and a pronoun shows no noun on its spine.
#
# In a model the matrices are random numbers at first, and training sets them (lesson 03). In the paper they
# turn words of 512 numbers into queries, keys and values of 64.
#
# The rule also holds for words that you had not thought of. In the twin sentence a woman throws, and *Frau*
# is a person, but not masculine. Whom does *ihn* find now, asking by itself?

# %%
twin = words.clone()
twin[0] = torch.tensor([0.0, 1, 0, 0])  # Frau
show((twin @ W_K) @ (words[3] @ W_Q), names=["Frau", *names[1:]])

# %% [markdown]
# Among these four, gender breaks the tie, in the very sentence in which the translator of 00 says *him*.
#
# ## Stage 06 - Softmax
#
# Scores say who fits better, but to take something home you need shares: none negative, and together 1. The
# **softmax** makes shares of scores: take the exponential of each, and divide by the sum. Let *ihn* ask
# with the note that *fängt* would have given it, so that the ball's score is twice the man's. Will its share
# be twice as large?


# %%
def softmax_v1(scores):
    exponentials = torch.exp(scores)
    return exponentials / exponentials.sum()


told = words[3] + words[2]  # (D,): ihn, and what fängt knows
scores = (words @ W_K) @ (told @ W_Q)  # (S,)
print(scores.tolist(), [round(share, 2) for share in softmax_v1(scores).tolist()])

# %% [markdown]
# More than twice: one point of difference makes a factor of 2.7 in the shares, wherever the scores lie, and
# every word gets a share. These shares are called **attention weights**, elsewhere also "softmax scores",
# while here a score is always what goes *into* the softmax.
#
# Training can make scores grow. What should come out for a score of 1000 beside one of 0?

# %%
print(softmax_v1(torch.tensor([1000.0, 0])).tolist())

# %% [markdown]
# Not a number: the exponential of 1000 is too large to write and becomes infinity, and infinity divided by
# itself has no value. But only differences count, so subtract the largest score from all, and no
# exponential is above 1.


# %%
def softmax_v2(scores):
    exponentials = torch.exp(scores - scores.max())  # changed
    return exponentials / exponentials.sum()


print(softmax_v2(torch.tensor([1000.0, 0])).tolist())
assert torch.allclose(softmax_v2(scores), scores.softmax(dim=0)), "the same as PyTorch's"

# %% [markdown]
# ## Stage 07 - Attention for one word
#
# Now the last step: every value times its share, added up, is what a word takes home. Write it as a loop,
# so that each word of the sentence has its turn. One thing is added: from here on a score is the dot
# product divided by the root of $d_k$, the width of a query, here 2. Otherwise the spread of the scores
# tends to grow with that width, until one word gets nearly everything. *Going deeper: [Why divide by the
# root of d_k?](studies/03a_why_divide_by_the_root_of_dk.ipynb)*


# %%
def self_attention_v1(words, W_Q, W_K, W_V):
    outputs = []
    for word in words:
        query, key, value = word @ W_Q, word @ W_K, word @ W_V  # (dk,), (dk,), (dv,)
        score = (query @ key).reshape(1) / math.sqrt(len(query))  # (1,)
        share = score.softmax(dim=0)  # (1,)
        outputs.append(share * value)  # (dv,)
    return torch.stack(outputs)  # (S, dv)


result = self_attention_v1(words, W_Q, W_K, W_V)  # (S, dv)
show(result)

# %% [markdown]
# Four words, four outputs: the man takes home *him*, the ball *it*, and only *ihn* comes home with nothing.
# Is that its fault, or the loop's?
#
# Now change the last word. Should the output of the first one notice?


# %%
def first_output_moves(attention, words, *matrices):
    """How far the output of the first word moves when the last word changes."""
    edited = words.clone()
    edited[-1] += 1.0
    return (attention(words, *matrices)[0] - attention(edited, *matrices)[0]).abs().max().item()


print(first_output_moves(self_attention_v1, words, W_Q, W_K, W_V))

# %% [markdown]
# It should, and does not. What will other matrices for queries and keys do to the outputs?

# %%
torch.manual_seed(0)
other_Q, other_K = torch.randn(4, 2), torch.randn(4, 2)  # (D, dk) each
print("the same outputs:", torch.equal(self_attention_v1(words, other_Q, other_K, W_V), result))

# %% [markdown]
# There is the bug: each word is scored against its own key only, so each softmax gets a single score, and a
# single score gets all there is. **Attention over a single word is pointless: the softmax of one score is
# exactly 1, so the word takes home its own value, whatever its query and its key are.**
#
# In the fix, one query goes to the keys of *all* words. These two definitions stay, and are in
# `lessons/outline.py`.

# %% tags=["final"]
def attend(query, keys, values):
    """Attention for one word: query (dk,), keys (S, dk), values (S, dv) to output (dv,) and weights (S,)."""
    scores = torch.stack([query @ key for key in keys]) / math.sqrt(len(query))  # (S,)
    weights = scores.softmax(dim=0)
    output = sum(weight * value for weight, value in zip(weights, values, strict=True))  # (dv,)
    return output, weights

# %% tags=["final"]
def self_attention_loop(words, W_Q, W_K, W_V):
    """Self-attention one word at a time: words (S, D) to outputs (S, dv)."""
    keys = [word @ W_K for word in words]
    values = [word @ W_V for word in words]
    outputs = [attend(word @ W_Q, keys, values)[0] for word in words]
    return torch.stack(outputs)  # (S, dv)

# %% [markdown]
# Now change the last word again.

# %%
moved = first_output_moves(self_attention_loop, words, W_Q, W_K, W_V)
print(f"{moved:.2f}")
assert moved > 0.1, "a word that looks at the others must notice a change"

# %% [markdown]
# The first output moves. Keep this check, because a wrong shape stops the program and a wrong
# attention does not.
#
# Here *ihn* asks once more, told by *fängt*, with all numbers in one picture.

# %%
plots.show(pictures.word_asks(told @ W_Q, keys, values, names, asker="ihn", value_names=["him", "it"]))

# %% [markdown]
# Read from the top, the note meets every spine, the scores become shares, and the contents come home in
# these shares: mostly *it*, a little *him*. (After the division the ball's .53 is .45.) **One word finds
# another by its query: the key that fits it best gets the largest share, and its value the largest part in
# the output.**
#
# The same is a view that you can move. Choose *ihn*, and man and ball tie, so that only the share of the verb
# makes it more *it* than *him*. Drag the dot, or move the sliders, until the ball has half of all shares,
# then until the man has. Can any note give one word everything?

# %%
attention_view(words @ W_Q, keys, values, names, value_names=["him", "it"])

# %% [markdown]
# No note can: an exponential is never 0, though a computer may round it to that. Where one key is ahead,
# longer notes come closer, since they widen the gaps between the scores.
#
# ### Put it into the whole model
#
# The first encoder of 01 has a linear layer where self-attention belongs, and today's loop takes its place.
# The next part expects words of 512 numbers, so this time `W_V` is 512 x 512. (How 64 numbers become 512
# again is a question for lesson 04.)


# %%
class LoopAttention(nn.Module):
    def __init__(self, d_model, d_k):
        super().__init__()
        scale = 1 / math.sqrt(d_model)
        self.W_Q, self.W_K = (torch.randn(d_model, d_k) * scale for _ in range(2))  # (D, dk) each
        self.W_V = torch.randn(d_model, d_model) * scale  # (D, D)

    def forward(self, words):
        return self_attention_loop(words, self.W_Q, self.W_K, self.W_V)  # (S, D)


# %%
torch.manual_seed(0)
model, source = TransformerOutline(), torch.randn(3, 512)  # (S, D)
print("before:", first_output_moves(model.encode, source) > 1e-6)
model.encoders[0].self_attention = LoopAttention(512, 64)
print("after: ", first_output_moves(model.encode, source) > 1e-6)
print("parameters:", sum(p.numel() for p in model.encoders[0].self_attention.parameters()))

# %% [markdown]
# The memory of the first word notices the last one now. But the new part has no parameters: it holds three
# matrices, and PyTorch does not know that they are there to be trained, which lesson 03 fixes.
#
# ### The scoreboard
#
# What does it buy that words see each other, by matrices that stay as they were drawn? The loop is slow, so
# this cell borrows `SelfAttention` from lesson 03, which does the same for many sentences at once, and
# trains only what stands before and after it. A third task joins *copy* and *reverse*: in *count* each
# place must say how often its symbol occurs in the sentence. Where do you expect more than from the
# placeholders?

# %% tags=["nbval-ignore-output"]
# alt: Heat map of accuracies with four rows: the best guess, the placeholders of 01, attention that is not
#   trained, and the same trained just now. Count rises from .39 to .45 and reverse from .12 to .34. Copy is a
#   little below 1.00.
# not compared: accuracies of models trained here
tasks = ("copy", "count", "reverse")
live = scoreboard.measure_tasks(lambda: SelfAttention(64, 64, 64).requires_grad_(False), tasks=tasks)
chance = {name: scoreboard.chance(scoreboard.TASKS[name]) for name in tasks}
rows = scoreboard.recorded("encoder", last="02")
recorded = {row: {name: scores[name] for name in tasks} for row, scores in rows.items()}
plots.show(plots.board(recorded, live=live, chance=chance, means=True, repeats="02", title="After 02"))

# %% [markdown]
# *Count* rises a little, which fits that what is frequent weighs more in the mixture. *Copy* loses a
# little, and what a word takes home is a mixture indeed, of which the word itself is only part. Yet no word
# knows its place, so how can *reverse* rise a lot? The symbol asked for is among the *other* seven, and
# whoever names the most frequent of them is right just as often, .34.
#
# ## Recap
#
# 1. One word finds another by its query: it meets the keys of *all* words, and what fits best weighs most.
# 2. `W_Q`, `W_K` and `W_V` make query, key and value of each word, by the same rule for all.
# 3. The softmax makes shares of scores; for a single score the share is 1, and attention pointless.
# 4. A word that asks by itself can end in a tie: its note holds only what it knows itself.
# 5. A wrong attention runs without a complaint. A property finds the bug: if one word changes, another must
#    notice.
#
# ## Exercises
#
# Replace the `...` and run the cell, and the check answers at once.
#
# **1. Warm-up.** On paper, a word asks with the query `[1, 1]` and finds three words, whose keys are `[1,
# 2]`, `[2, 0]` and `[1, 1]`. Which attention weights do they get from `attend`? Two decimals are enough,
# and $e^{1/\sqrt{2}}$ is about 2.

# %% tags=["exercise"]
### BEGIN SOLUTION
three_weights = [0.50, 0.25, 0.25]
### END SOLUTION

check.weights_on_paper(three_weights)

# %% [markdown]
# **2. Core.** Write attention for one word: a query `(dk,)` meets keys `(S, dk)` with values `(S, dv)`, and
# only the output `(dv,)` comes back. Divide the scores by the root of the query's own width, do without a
# loop over the keys and without PyTorch's `softmax`, and survive a score of 1000.

# %% tags=["exercise"]
def my_attend(query, keys, values):
    ### BEGIN SOLUTION
    scores = keys @ query / math.sqrt(len(query))  # (S,)
    exponentials = torch.exp(scores - scores.max())  # (S,)
    return exponentials / exponentials.sum() @ values  # (dv,)
    ### END SOLUTION


check.one_word_attention(my_attend)

# %% [markdown]
# **3. Debug.** This loop makes keys and values on its way, and so goes through the words only once. Change
# the *first* word, and the last output moves. Find a change that shows the bug, say which
# of the four outputs is right already and why, and fix it.


# %%
def self_attention_once(words, W_Q, W_K, W_V):
    keys, values, outputs = [], [], []
    for word in words:
        keys.append(word @ W_K)
        values.append(word @ W_V)
        outputs.append(attend(word @ W_Q, keys, values)[0])
    return torch.stack(outputs)  # (S, dv)


print(self_attention_once(words, W_Q, W_K, W_V))


# %% tags=["exercise"]
def self_attention_fixed(words, W_Q, W_K, W_V):
    ### BEGIN SOLUTION
    keys, values = words @ W_K, words @ W_V  # (S, dk), (S, dv)
    scores = [keys @ (word @ W_Q) / math.sqrt(keys.shape[1]) for word in words]  # (S,) each
    return torch.stack([row.softmax(dim=0) @ values for row in scores])  # (S, dv)
    ### END SOLUTION


check.every_word_notices(self_attention_fixed)

# %% [markdown]
# **4. Stretch.** Change *one* entry of the `W_Q` of stage 5 so that *ihn* finds the ball by itself. Give
# the row, the column (both counted from 0) and the new number.
#
# Then the dog greets: *Ein Mann wirft einen Ball, und sein Hund begrüßt ihn.* What
# does your *ihn* find there, and could any entry of `W_Q` be right in both sentences? Explain it in two
# sentences to someone who stopped at 01. (The rows of *Mann*, *Ball* and *ihn* stay as they are.)

# %% tags=["exercise"]
### BEGIN SOLUTION
row, column, number = 3, 1, 1.0
### END SOLUTION

check.steer_attention([row, column, number])

# %% [markdown]
# <details><summary>What a good answer contains</summary>
#
# That *ihn* finds the ball here too: its row of numbers is the same in both, so its query is the same,
# whatever stands in `W_Q`. A matrix can tip the tie, but in both sentences alike. What decides, *fängt* or
# *begrüßt*, must reach the row of *ihn* before it asks. A very good answer says how it could: *ihn* first
# takes something home from the verb, and asks again.
#
# </details>
#
# ## Project of Part I: your own two words
#
# Choose a sentence of your own in which a pronoun finds a noun, at most six words, and a twin that differs
# in one word, so that the pronoun finds another noun. Give the words at most five properties, and write
# `W_Q`, `W_K` and `W_V` by hand. Show both sentences with `attention_view`. Then look for a third sentence
# in which it goes wrong.
#
# <details><summary>How to judge it</summary>
#
# | | is there | is well done |
# |---|---|---|
# | words | each has its properties | a property is a fact about the word, not the answer in disguise |
# | matrices | one `W_Q`, `W_K` and `W_V` for both sentences | each row can be explained in half a sentence |
# | result | in both the right noun wins | with more than half, and its value is the right pronoun |
# | limits | a third sentence that fails | which information was missing, and which word had it |
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762), 2017, section
#   3.2: equation 1, and in 3.2.2 the three matrices and the width of 64.
# - J. Alammar, [*The Illustrated Transformer*](https://jalammar.github.io/illustrated-transformer/): the
#   same steps in pictures.
# - 3Blue1Brown, [*Attention in transformers, step-by-step*](https://www.3blue1brown.com/lessons/attention):
#   a film in which nouns look for their adjectives.
#
# ## What is still a placeholder
#
# The attention of one encoder is a slow loop that cannot learn, and the five other encoders and all decoders
# still use linear layers.
#
# {{next}}
