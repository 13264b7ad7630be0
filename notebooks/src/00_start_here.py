# %% [raw] tags=["card"]
# built: nothing yet; you use the finished translator
# questions: Where does the series lead? Which notebook builds what? What must I know?

# %% [markdown]
# # 00 - Start here
#
# {{badge}}
#
# In this series you build a **Transformer**: the network of the paper "Attention Is All You Need" (Vaswani
# et al., 2017). It reads a German sentence and writes an English one. You start with an outline that
# computes nothing, and you replace one part at a time, until it translates.
#
# This notebook shows you where the road leads. You run the finished translator, you look inside it once,
# and you see where it fails. Then you check that you know what the series takes for granted.
#
# **What you build here:** nothing yet. **What you need:** Python, and some linear algebra: vectors,
# matrices, the matrix product. **How long it runs:** {{time}} on a CPU with two cores.
#
# A notebook is a page of text and code cells. Select **Run All Cells** in the menu **Run** (on Colab **Run
# all** in the menu **Runtime**), then read from top to bottom. The first code cell is the same in every
# notebook: it finds the `helpers` folder.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import sys

import torch
from torch import nn

from helpers import plots
from helpers.data import BOS_ID, EOS_ID
from helpers.decoding import greedy_decode
from helpers.model import record_attention
from helpers.translate import SHIPPED, load_translator
from lessons.exercises import start_here as check

# %% [markdown]
# ## Is everything here?
#
# The next cell looks for what the series needs. Every line must begin with `OK`.

# %%
needed = {
    "Python 3.11 or newer": sys.version_info >= (3, 11),
    "PyTorch 2.6 or newer": torch.__version__ >= (2, 6),
    "PyTorch computes": torch.ones(2, 3).sum().item() == 6,
    "the trained translator": (SHIPPED / "model.safetensors").is_file(),
}
for what, found in needed.items():
    print("OK     " if found else "MISSING", what)
assert all(needed.values()), "Install what is missing: see README.md, then restart the kernel."

# %% [markdown]
# ## You are here
#
# This is the whole model. You will see this picture at the top of every notebook.

# %%
plots.show(plots.block_diagram(title="You are here: the start"))

# %% [markdown]
# Read it from the bottom up. On the left the **encoder** takes in the German sentence. On the right the
# **decoder** takes in the English words that are already there, and proposes the next one. The arrow called
# *memory* is the only way from left to right.
#
# Every part is hatched: it is a **placeholder**, code that runs and does nothing useful. When you have
# built a part, it gets its colour. A thick outline marks the part of the day.
#
# ## The map of the series
#
# Read the notebooks in this order. Each one runs by itself, so in class you can also begin at a later one.
# The series is growing: the notebooks whose numbers are missing here are still to come.
#
# {{table}}

# %% [markdown]
# ## The destination
#
# The translator that you are heading for comes with the series. It is built from the parts in
# `helpers/model.py`, the same parts that you will write. It was trained on captions: one-sentence
# descriptions of photographs.
#
# You load it. The model is the network; the tokeniser cuts text into the pieces that the network knows.

# %%
translator = load_translator()
model, tokenizer = translator.model, translator.tokenizer
n_parameters = sum(parameter.numel() for parameter in model.parameters())
print(f"{n_parameters / 1e6:.1f} million parameters")
print(f"{len(model.encoder.layers)} encoder layers, {len(model.decoder.layers)} decoder layers")

# %% [markdown]
# **Parameters** are the numbers that training has set. The model of the paper has six layers on each side,
# as in the picture, and is many times as large. This one is small, so that you can run it on a laptop.
#
# Now give it some German. These captions are written for this notebook.

# %%
captions = {  # a German caption, and a word that must be in its translation
    "Zwei Hunde spielen im Schnee.": "dogs",
    "Eine Frau liest ein Buch auf einer Bank.": "book",
    "Drei Kinder bauen eine Sandburg am Strand.": "three",
    "Ein Mann repariert sein Fahrrad vor dem Haus.": "house",
    "Zwei Frauen kaufen Obst auf dem Markt.": "women",
}
translations = translator.translate(list(captions))
for german, english in zip(captions, translations, strict=True):
    print(f"{german}\n    {english}")

# %% [markdown]
# English comes out. Nobody wrote a grammar or a dictionary for it: all of it was learned from pairs of
# sentences.
#
# You can judge a translation by reading it. A check is better, because it runs again when something
# changes. This one asks for one word in each translation, and is content with four of the five.

# %%
expected = zip(captions.values(), translations, strict=True)
hits = [word in english.lower() for word, english in expected]
assert sum(hits) >= 4, f"only {sum(hits)} of {len(hits)} translations hold the expected word"
print("Checked: at least four of the five translations hold the expected word.")

# %% [markdown]
# ### Your sentence
#
# Change the sentence and run the cell again with **Shift + Enter**. Stay in the world of captions: people,
# animals, what they do, and where.

# %%
my_sentence = "Ein Mann fährt mit dem Fahrrad durch die Stadt."

print(translator.translate([my_sentence])[0])

# %% [markdown]
# Make small changes first. Turn the man into a woman, the city into a forest, one person into three. See
# which words of the translation follow.
#
# ## What the model reads
#
# A network computes with numbers, so text must become numbers. The tokeniser cuts a sentence into
# **tokens**: pieces of text from a fixed list, the vocabulary. Here a token is a word or a piece of a word.
# Each token has a number, its **id**.

# %%
sentence = "Ein Mädchen füttert die Enten."
encoded = tokenizer.encode(sentence)
for token, number in zip(encoded.tokens, encoded.ids, strict=True):
    print(f"{number:6d}  {token}")
print(f"vocabulary: {tokenizer.get_vocab_size()} tokens")

# %% [markdown]
# The mark `▁` stands for the space before a word. Frequent words are one token. A rare word is put together
# from several, so even a word that the model has never met gets its tokens.
#
# The model looks up a vector for each id. This vector is the token's **embedding**: a list of numbers,
# learned in training, that stands for the token.

# %%
ids = torch.tensor(encoded.ids)  # (S,)
vectors = model.src_embedding(ids)  # (S, D)
print("ids    ", tuple(ids.shape))
print("vectors", tuple(vectors.shape))
assert vectors.shape == (len(encoded.tokens), model.src_embedding.embedding_dim)

# %% [markdown]
# A sentence has become a matrix: one row for each token. Everything in this series happens to such
# matrices.
#
# ## One word after the other
#
# The decoder does not write the whole sentence at once. It proposes one token, gets it back as input, and
# proposes the next. `greedy_decode` repeats this, always with the most likely token, until the model
# proposes the end mark `</s>`. The source ends in the same mark.

# %%
sentence = "Zwei Hunde spielen im Schnee."
src = torch.tensor([[*tokenizer.encode(sentence).ids, EOS_ID]])  # (1, S)
written = greedy_decode(model, src)[0]
for length in range(1, len(written) + 1):
    print(tokenizer.decode(written[:length]))
assert tokenizer.decode(written) == translator.translate([sentence])[0]

# %% [markdown]
# Each line is one run of the decoder, and one more run proposed the end mark. The last line is the
# translation that you saw above, as the check confirms.
#
# ## Where the model looks
#
# **Attention** lets the model look back while it writes: for each token that it predicts, it spreads a
# weight of 1 over the tokens of the source. An **attention map** shows these weights as a table of shades,
# one row for each predicted token.
#
# `record_attention` notes the weights of every layer while the model runs. The decoder now gets all its
# tokens at once, after the start mark `<s>`: from `<s>` it predicts the first token, from the first the
# second, and so on.

# %%
tgt = torch.tensor([[BOS_ID, *written]])  # (1, T)
with torch.no_grad(), record_attention(model) as maps:
    model(src, tgt)
for name, weights in maps.items():
    if "cross_attention" in name:
        print(name, tuple(weights.shape))

# %% [markdown]
# Each shape is `(B, H, T, S)`: one sentence, several **heads**, and for each head a table of `T` rows and
# `S` columns. A head is one way of looking; each layer has several side by side.
#
# Take the last layer, and average its heads.

# %%
last = f"decoder.layers.{len(model.decoder.layers) - 1}.cross_attention"
weights = maps[last][0].mean(dim=0)  # (T, S)
print("weights", tuple(weights.shape))
assert torch.allclose(weights.sum(dim=-1), torch.ones(weights.shape[0]))

# %% [markdown]
# The map has one row for each token that the model predicted, from the first to the end mark, and one
# column for each token of the source.

# %% tags=["readme-attention_map"]
source_tokens = tokenizer.encode(sentence).tokens + ["</s>"]
predicted_tokens = [tokenizer.id_to_token(token) for token in written] + ["</s>"]
fig = plots.attention_map(
    weights,
    predicted_tokens,
    source_tokens,
    title="Cross-attention, last layer, mean of its heads",
    query_label="token being predicted",
    key_label="token of the source",
)
plots.show(fig)

# %% [markdown]
# Read it row by row. Each row sums to 1, and a dark cell is a large weight. Most words that carry meaning
# are dark at the German word that they translate: look for the rows of *Two*, *dogs* and *snow*. The next
# cell compares these three, and is content with two.

# %%
darkest = [source_tokens[column] for column in weights.argmax(dim=-1).tolist()]
looks_at = dict(zip(predicted_tokens, darkest, strict=True))
translates = {"▁Two": "▁Zwei", "▁dogs": "▁Hunde", "▁snow": "▁Schnee"}
agree = sum(looks_at.get(english) == german for english, german in translates.items())
assert agree >= 2, f"only {agree} of 3; this check is for the sentence about the two dogs"
print("Checked: the darkest cell is at the German word for at least two of the three.")

# %% [markdown]
# Nobody told the model which word belongs to which; it found out because this helps to predict. Nothing
# forces it to look there either: other rows and other heads show other patterns. Attention maps are a look
# inside, not a proof.
#
# ## Where it fails
#
# The model has seen captions and nothing else. Give it everyday speech, news, and a caption about an animal
# that it has never met. Look at the tokens first: what the model does not know falls into pieces.

# %%
outside = [
    "Ich habe meinen Schlüssel vergessen.",  # I have forgotten my key.
    "Die Zentralbank erhöht die Zinsen.",  # The central bank raises interest rates.
    "Ein Axolotl schwimmt im Aquarium.",  # An axolotl swims in the aquarium.
]
for german, english in zip(outside, translator.translate(outside), strict=True):
    print(" ".join(tokenizer.encode(german).tokens), f"\n    {english}")

# %% [markdown]
# Compare each line with the English in the comment above. An answer may be a fluent caption about something
# else, or it may stumble over the pieces. No answer is "I do not know": the model has learned to say
# captions, and that is no caption.
#
# It does compute a probability for each token that it writes. Average them: how sure was the model of a
# whole sentence?

# %%
def certainty(german):
    src = torch.tensor([[*tokenizer.encode(german).ids, EOS_ID]])  # (1, S)
    written = greedy_decode(model, src)[0]
    tgt = torch.tensor([[BOS_ID, *written]])  # (1, T)
    with torch.no_grad():
        probabilities = model(src, tgt).softmax(dim=-1)  # (1, T, n_vocab)
    chosen = probabilities[0].max(dim=-1).values  # (T,)
    return chosen.mean().item()


inside = sum(certainty(german) for german in captions) / len(captions)
beyond = sum(certainty(german) for german in outside) / len(outside)
print(f"captions: {inside:.2f}, other sentences: {beyond:.2f}")
assert inside > beyond

# %% [markdown]
# The model is less sure outside its world. But this number stays inside: whoever gets only the sentence
# does not see it.
#
# ## What you must know
#
# The series takes three things for granted: tensors with their shapes, broadcasting, and `nn.Module`. Read
# the cells and say each result before you look at it. If they are new to you, take an hour for the PyTorch
# tutorials named at the end.
#
# ### Tensors and shapes
#
# A **tensor** is a table of numbers with any number of axes. Its **shape** lists their sizes. An operation
# over an axis removes that axis.

# %%
x = torch.tensor([[1, 2, 3], [4, 5, 6]])  # (2, 3)
print("shape       ", tuple(x.shape))
print("sum(dim=0)  ", x.sum(dim=0))  # (3,)
print("sum(dim=-1) ", x.sum(dim=-1))  # (2,)
assert x.sum(dim=-1).tolist() == [6, 15]

# %% [markdown]
# `dim=-1` counts from the right: the last axis. The series prefers it, because it stays right when an axis
# is added on the left.
#
# The matrix product `@` works on the last two axes. Here five words of four numbers each become five words
# of three numbers each.

# %%
words = torch.rand(5, 4)  # (S, D)
W = torch.rand(4, 3)  # (D, dk)
projected = words @ W  # (S, dk)
print(tuple(projected.shape))
assert torch.allclose(projected[2], words[2] @ W)

# %% [markdown]
# The check says that each word is treated by itself: row 2 of the product comes from row 2 of `words`
# alone. Axes further left are carried along, so the same line serves a batch of sentences.

# %%
batch = torch.rand(2, 5, 4)  # (B, S, D)
projected = batch @ W  # (B, S, dk)
print(tuple(projected.shape))
assert torch.allclose(projected[1], batch[1] @ W)

# %% [markdown]
# ### Broadcasting
#
# Shapes need not be equal to be added. Align them at the right. Equal sizes fit; a size of 1 stretches to
# the other size; a missing axis counts as 1.

# %%
row = torch.tensor([10, 20, 30])  # (3,)
column = torch.tensor([[1], [2]])  # (2, 1)
print(row + column)  # (2, 3)
assert (row + column).tolist() == [[11, 21, 31], [12, 22, 32]]

# %% [markdown]
# The row was used twice and the column three times. Sizes that do not fit are an error; `try` catches it
# here and prints what it says.

# %%
try:
    x + torch.tensor([100, 200])  # (2, 3) + (2,)
except RuntimeError as error:
    print("RuntimeError:", error)

# %% [markdown]
# The 3 meets the 2, and neither is 1. Say which axis you mean: `unsqueeze` puts in an axis of size 1.

# %%
per_row = torch.tensor([100, 200]).unsqueeze(-1)  # (2, 1)
print(x + per_row)  # (2, 3)
assert (x + per_row).tolist() == [[101, 102, 103], [204, 205, 206]]

# %% [markdown]
# Broadcasting also hides mistakes. A shape that stretches by accident raises no error and gives wrong
# numbers. This is why every line that changes a shape carries a comment, and why the checks compare
# numbers.
#
# ### Modules
#
# An `nn.Module` is a function that owns its parameters. `__init__` creates them, `forward` computes. You
# call the module like a function.

# %%
class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.linear(x).relu()  # (S, D)


layer = Layer(d_model=4)
for name, parameter in layer.named_parameters():
    print(name, tuple(parameter.shape))
assert layer(words).shape == words.shape
assert sum(p.numel() for p in layer.parameters()) == 4 * 4 + 4

# %% [markdown]
# The module found the weight and the bias of its linear layer by itself. An optimiser will ask for this
# list in order to train them. What is not on the list is not trained.
#
# ## How to read the notebooks
#
# **Shape comments.** A comment such as `# (B, S, D)` gives the shape of what the line computes. The letters
# are the same everywhere:
#
# | letter | stands for | in the paper's base model |
# |---|---|---|
# | `B` | batch: how many sentences at once | |
# | `S` | source length, in tokens | |
# | `T` | target length, in tokens | |
# | `D` | `d_model`: how many numbers stand for a token | 512 |
# | `H` | heads | 8 |
# | `dk` | numbers for each head, D / H | 64 |
# | `F` | width of the feed-forward network | 2048 |
# | `n_vocab` | size of the vocabulary | about 37,000 |
#
# **Attention words.** Notebook 02 explains them. `Q`, `K` and `V` are always query, key and value. The
# **softmax** turns numbers into shares that add up to 1. The numbers before the softmax are `scores`; after
# it they are attention weights. A **mask** is a tensor of booleans, and `True` means "may attend", always.
# Here the third score is masked:

# %%
scores = torch.tensor([2.0, 1.0, 3.0])  # (S,)
mask = torch.tensor([True, True, False])  # (S,)
weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)  # (S,)
print([round(weight, 3) for weight in weights.tolist()])
assert weights[2] == 0 and torch.isclose(weights.sum(), torch.tensor(1.0))

# %% [markdown]
# The masked place gets the weight 0, although its score was the largest. The others share the weight of 1.
#
# **Stages.** Each notebook goes on in small stages. A stage says what is missing, tries it, shows the
# output, and ends with a check: an `assert` that fails when the claim is wrong.
#
# **Tags.** A cell can carry tags; JupyterLab shows them under *Property Inspector*, the gears on the right.
# `final` marks a definition that later notebooks import, most of them from `helpers/model.py`.
# `raises-exception` marks a cell that fails on purpose; where Run All stops at such a cell, go on with the
# one below. `nbval-ignore-output` marks a cell whose output differs from run to run. `exercise` marks your
# turn.
#
# **Studies.** A line that begins with *Going deeper* leads to a study: one question, settled with more
# evidence than a lesson has time for. The answer stands beside the link, so you need not leave the path. The
# exercise at the end of a study is open: it has no check, and says what a good answer contains.
#
# **Folded cells.** The first code cell of every notebook is the same and is folded away; run it all the same.
# A click on the blue bar beside a cell, or on its three dots, unfolds it.
#
# **Exercises.** Replace `...` by your answer and run the cell. It prints *Passed*, *Not done yet*, or the
# likely mistake. An exercise that you leave out stops nothing. Solutions are in `notebooks/solutions`.
#
# **When something is odd.** Cells share their variables, also in an order that you did not plan. **Restart
# Kernel and Run All Cells** in the menu **Kernel** gives you a clean start. To keep your changes, save the
# notebook under another name.
#
# ## Recap
#
# - The series ends in a model that translates German captions into English.
# - Text becomes tokens, tokens become vectors; a sentence is a matrix `(S, D)`.
# - The encoder reads the source once; the decoder writes one token after the other and looks back through
#   attention.
# - Outside the world of its training data the model still answers, and is rarely right.
# - Shape comments say what each line computes, and checks say whether it does.
#
# ## Exercises
#
# ### Exercise 1: predict a shape
#
# `a` has the shape `(2, 1, 4)`, `b` has the shape `(3, 4)`. Which shape has `a + b`? Answer with a tuple,
# before you try it.

# %% tags=["exercise"]
### BEGIN SOLUTION
shape = (2, 3, 4)
### END SOLUTION

check.broadcast_shape(shape)

# %% [markdown]
# ### Exercise 2: sentences as shapes
#
# You translate 2 sentences of 7 tokens each. Their translations have 5 tokens each so far. The model has
# `d_model` 512 and 8 heads. Write three shapes: the ids of the source, their vectors, and the
# cross-attention weights of one layer.

# %% tags=["exercise"]
### BEGIN SOLUTION
ids_shape = (2, 7)
vectors_shape = (2, 7, 512)
weights_shape = (2, 8, 5, 7)
### END SOLUTION

check.sentence_shapes([ids_shape, vectors_shape, weights_shape])

# %% [markdown]
# ### Exercise 3: average over the words
#
# The simplest summary of a sentence is the average of its word vectors. Write it so that it turns `(B, S,
# D)` into `(B, D)` and also a single sentence `(S, D)` into `(D,)`.

# %% tags=["exercise"]
def mean_over_words(x):
    ### BEGIN SOLUTION
    return x.mean(dim=-2)  # (B, D)
    ### END SOLUTION


check.mean_over_words(mean_over_words)

# %% [markdown]
# ### Exercise 4: a module with parameters of its own
#
# Write a module that scales and shifts each of the `D` numbers of a word: `x * scale + shift`. Both are
# parameters of shape `(D,)`; at the start the module must change nothing. A tensor becomes a parameter by
# `nn.Parameter(tensor)`. You meet this module again inside layer normalisation.

# %% tags=["exercise"]
class ScaleAndShift(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        ### BEGIN SOLUTION
        self.scale = nn.Parameter(torch.ones(d_model))
        self.shift = nn.Parameter(torch.zeros(d_model))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return x * self.scale + self.shift  # (B, S, D)
        ### END SOLUTION


check.scale_and_shift(ScaleAndShift)

# %% [markdown]
# ## References
#
# - Vaswani et al., [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017: the paper that the
#   series follows.
# - Elliott et al., [Multi30K: Multilingual English-German Image
#   Descriptions](https://aclanthology.org/W16-3210/), 2016: the captions that the translator was trained
#   on.
# - PyTorch, [Learn the Basics](https://docs.pytorch.org/tutorials/beginner/basics/intro.html): tensors,
#   modules, training.
#
# ## What is still a placeholder
#
# Everything. You have seen the destination and built no part of it. The next notebook draws the outline:
# six encoders, six decoders, and placeholders inside.
#
# {{next}}
