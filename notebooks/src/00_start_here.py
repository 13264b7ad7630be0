# %% [raw] tags=["card"]
# built: nothing yet; you use the finished translator
# questions: Where does the series lead? Which notebook builds what? What must I know?

# %% [markdown]
# # 00 - Start here
#
# {{badge}}
#
# In this series you build a **Transformer**, the network of the paper "Attention Is All You Need": it reads a
# German sentence and writes an English one. You begin with an outline in which nothing works, and replace one
# part after the other until it translates.
#
# Today you use the finished translator, watch it write, look over its shoulder, and meet the sentence of
# the series.
#
# - **You need**: some Python and some linear algebra, vectors, matrices and their product. In class, the
#   sections from *The road* to *What you must know* are for the evening before, and exercise 4 is for home.
# - **It runs** in {{time}} on a laptop with two cores. Run cell by cell with **Shift + Enter**, and when the
#   text asks you something, answer before you run the next cell.
#
# The first cell is the same in every notebook and folded away; it finds the rest of the course.

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch
from torch import nn

from helpers import plots
from helpers.data import BOS_ID, EOS_ID
from helpers.decoding import greedy_decode
from helpers.model import record_attention
from helpers.translate import load_translator
from lessons.exercises import start_here as check

# %% [markdown]
# ## It translates
#
# The translator that comes with the course consists of the parts that you are going to write. It has learned
# from captions, the short descriptions that people write below photographs. Load it, and give it three
# captions that it has never seen.

# %%
translator = load_translator()
captions = [
    "Zwei Hunde spielen im Schnee.",
    "Eine Frau liest ein Buch auf einer Bank.",
    "Drei Kinder bauen eine Sandburg am Strand.",
]
for german, english in zip(captions, translator.translate(captions), strict=True):
    print(f"{german:45} {english}")

# %% [markdown]
# Nobody wrote a grammar or a dictionary for this. All of it is a few million numbers, adjusted until the
# right English became likely.
#
# ### Your sentence
#
# Turn the man into a woman (*eine Frau*), the city into a forest (*den Wald*) or the bike into a boat
# (*Boot*), and see which words of the translation follow. Stay in the world of captions: people, animals,
# what they do, and where.

# %%
my_sentence = "Ein Mann fährt mit dem Fahrrad durch die Stadt."
print(translator.translate([my_sentence])[0])

# %% [markdown]
# ## How it reads
#
# A network computes with numbers, so a tokeniser cuts the text into **tokens**, pieces from a fixed list, and
# each token has a number in that list, its **id**.

# %%
model, tokenizer = translator.model, translator.tokenizer
encoded = tokenizer.encode("Ein Mädchen füttert die Enten.")
print(*encoded.tokens)
print(*encoded.ids)

# %% [markdown]
# The mark `▁` is the space before a word. A frequent word is one token; a rare one is put together from
# several, so that hardly any word is unknown. For each id the model looks up a vector, its **embedding**,
# and from there on the sentence is a matrix with one row for each token. (In the comments, `S` counts the
# tokens of the source, `T` those of the target, `D` the numbers for each.)

# %%
ids = torch.tensor(encoded.ids)  # (S,)
vectors = model.src_embedding(ids)  # (S, D)
print("ids", tuple(ids.shape), "  vectors", tuple(vectors.shape))

# %% [markdown]
# ## How it writes
#
# The left half of the model, the **encoder**, reads all German rows at once. The right half, the
# **decoder**, writes English one token at a time: it proposes the likeliest next token (hence *greedy*),
# gets it back as input, and proposes again, until it proposes the end mark `</s>`. Watch it write.

# %%
sentence = "Zwei Hunde spielen im Schnee."
src = torch.tensor([[*tokenizer.encode(sentence).ids, EOS_ID]])  # (1, S)
written = greedy_decode(model, src)[0]
for length in range(1, len(written) + 1):
    print(tokenizer.decode(written[:length]))

# %% [markdown]
# ## Where it looks
#
# While it writes *snow*, it must find *Schnee*. It can, because for every token that it predicts,
# **attention** spreads a weight of 1 over the tokens of the German sentence, the *source*. From the English
# side this is called **cross-attention**, and `record_attention` notes its weights while the model runs.
#
# This time the decoder gets the whole translation at once, behind the start mark `<s>`. It still predicts
# each token from those before it alone, and 09 shows how.

# %%
tgt = torch.tensor([[BOS_ID, *written]])  # (1, T)
with torch.no_grad(), record_attention(model) as maps:
    model(src, tgt)
weights = maps["decoder.layers.2.cross_attention"]  # (B, H, T, S)
B, H, T, S = weights.shape
print(f"{B} sentence, {H} heads, {T} rows, {S} columns")

# %% [markdown]
# A **head** is one way of looking. Each has a table of its own, with one row for each token that is
# predicted and one column for each token of the source. Average the heads and draw the table, but say
# first: in which column will the row of *dogs* be dark?

# %% tags=["readme-attention_map"]
source_tokens = tokenizer.encode(sentence).tokens + ["</s>"]
predicted_tokens = [tokenizer.id_to_token(token) for token in written] + ["</s>"]
fig = plots.attention_map(
    weights[0].mean(dim=0),  # (T, S)
    predicted_tokens,
    source_tokens,
    title="Cross-attention, last layer, mean of its heads",
    query_label="token being predicted",
    key_label="token of the source",
)
plots.show(fig)

# %% [markdown]
# *Two*, *dogs*, *play* and *snow* are dark at the German words that they translate. Nobody told the model
# which word belongs to which; finding out helps to predict. Nothing forces it to look there, and other rows
# are less clear.
#
# ## Him or it?
#
# Here it is, with its twin.
#
# > Ein Mann wirft einen Ball, und sein Hund fängt ihn.
# >
# > Eine Frau wirft einen Ball, und ihr Hund fängt ihn.
#
# Somebody throws a ball, and the dog catches *ihn*. German says *ihn* for a masculine object, person or
# thing, and a ball is masculine. English has to choose *it* for the ball or *him* for a man. What should
# the last word of each translation be, and what will it be?

# %%
twins = [
    "Ein Mann wirft einen Ball, und sein Hund fängt ihn.",
    "Eine Frau wirft einen Ball, und ihr Hund fängt ihn.",
]
translations = translator.translate(twins)
print(*translations, sep="\n")

# %% [markdown]
# Read the second one again. It is fluent, and there is no *him* in that sentence. To see whether it was a
# close call, ask how likely the two words are there.

# %%
for german, english in zip(twins, translations, strict=True):
    source = torch.tensor([[*tokenizer.encode(german).ids, EOS_ID]])  # (1, S)
    before = tokenizer.encode(english.split(" him")[0]).ids
    with torch.no_grad():
        logits = model(source, torch.tensor([[BOS_ID, *before]]))  # (1, T, n_vocab)
    shares = logits[0, -1].softmax(dim=-1)  # (n_vocab,): the last row, as probabilities of the next token
    him, it = (shares[tokenizer.token_to_id(f"▁{word}")].item() for word in ("him", "it"))
    print(f"{german[:8]} ...  him is {him / it:.0f} times as likely as it")

# %% [markdown]
# It was not close. In the second sentence grammar is enough: only the ball and the dog are masculine, and
# *ihn* never means the subject of its own clause (that would be *sich*). In the first, *ihn* could be the
# man too, so a model must go back to what was thrown and know that balls get caught.
#
# **Where does the series lead? To a model whose words can look at each other, and to this question: how
# does *ihn* find the ball?** Today's translator is such a model and still writes *him*, so being able to
# look is not enough. You teach a word to ask in 02, and see where this model's heads look in 04 and what a
# second layer adds in 08. In 13 you count how often a model of your own writes the right pronoun, and ask
# whether it looks at the ball.
#
# How much hangs on the last word? Put *es* there, which cannot be a ball in German, and then try
# sentences of your own.

# %%
my_twin = "Eine Frau wirft einen Ball, und ihr Hund fängt es."
print(translator.translate([my_twin])[0])

# %% [markdown]
# The ball is the same and now it is *it*, so the pronoun decides most. The first half counts too: with a
# woman in it, 63 fell to 11, which was not enough.
#
# ## Where it fails
#
# The model has read captions and nothing else, so give it everyday speech, the news, and an animal it has
# never met.

# %%
outside = [
    "Ich habe meinen Schlüssel vergessen.",  # I have forgotten my key.
    "Die Zentralbank erhöht die Zinsen.",  # The central bank raises interest rates.
    "Ein Axolotl schwimmt im Aquarium.",  # An axolotl swims in the aquarium.
]
for german, english in zip(outside, translator.translate(outside), strict=True):
    print(f"{german:40} {english}")

# %% [markdown]
# It never says "I do not know", because it has learned to write captions, and that is no caption.
#
# ## You are here
#
# This is the whole model, and the picture that goes with you through the series. Read it from the bottom
# up. The arrow called *memory* is the only way from the German side to the English side.

# %%
plots.show(plots.block_diagram(title="You are here: the start"))

# %% [markdown]
# Every part is hatched: not there yet, or a **placeholder**, code that runs and does nothing useful. Once
# you have built a part, it gets its colour. The paper stacks six layers on each side; the translator of
# today has three.
#
# ## The road
#
# **Which notebook builds what? The table says it, lesson by lesson**; its studies settle one question each,
# and you may leave them out. Part I is 00 to 02, Part II the encoder (03 to 08), Part III the decoder and
# training (09 to 13), and Part IV the rest.
#
# {{map}}
#
# ## The house rules
#
# **Shape comments** such as `# (B, S, D)` stand behind lines that change a shape, with the same letters
# everywhere: `B` sentences in a batch, `S` tokens of the source, `T` tokens of the target, `D` numbers for
# each token (`d_model`; 512 in the paper). There are `H` heads (8) with `dk` and `dv` numbers each (64),
# and `n_vocab` tokens in the vocabulary.
#
# **Stages** have headings of their own, and each says what is missing, tries it, and looks. Some cells fail
# on purpose; go on below them.
#
# **Exercises**: replace `...` and run the cell. It says *Passed*, *Not done yet*, or names the likely
# mistake. The solutions are in `notebooks/solutions`.
#
# **When something is odd**, choose *Restart Kernel and Run All Cells* in the menu *Kernel*. To keep
# changes, save under another name.
#
# ## What you must know
#
# **What must you know? Three things of PyTorch: tensors and their shapes, broadcasting, and `nn.Module`.**
# If you know them, go on to the recap, and if not, take an hour for the tutorial at the end.
#
# A **tensor** is a table of numbers with any number of axes, and its **shape** lists how long they are.
# Summing over an axis removes it; `dim=-1` is the last one. What will the two lines print?

# %%
x = torch.tensor([[1, 2, 3], [4, 5, 6]])  # (2, 3)
print(x.sum(dim=0))  # (3,)
print(x.sum(dim=-1))  # (2,)

# %% [markdown]
# The matrix product `@` works on the last two axes and carries along all others. Five words of four numbers
# become five words of three, each by itself; two sentences of five words are no different.

# %%
W = torch.rand(4, 3)  # (D, dk)
words, batch = torch.rand(5, 4), torch.rand(2, 5, 4)  # (S, D), (B, S, D)
print(tuple((words @ W).shape), tuple((batch @ W).shape))  # (S, dk), (B, S, dk)

# %% [markdown]
# **Broadcasting** lets you add tensors whose shapes differ. Write the shapes one above the other, aligned at
# the right: equal lengths fit, and a length of 1, or a missing axis, is stretched.

# %%
row, column = torch.tensor([10, 20, 30]), torch.tensor([[1], [2]])  # (3,), (2, 1)
print(row + column)  # (2, 3)

# %% [markdown]
# A shape that stretches by accident raises no error and gives wrong numbers.
#
# An **`nn.Module`** is a function that owns its parameters. `__init__` makes them, `forward` computes, and an
# optimiser asks for the list of them in order to train, so what is not on the list is not trained.


# %%
class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x):
        return self.linear(x).relu()  # (S, D)


for name, parameter in Layer(d_model=4).named_parameters():
    print(name, tuple(parameter.shape))

# %% [markdown]
# ## Recap
#
# 1. The series leads to a translator in which words look at each other. Text becomes tokens, tokens become
#    vectors, and a sentence is a matrix `(S, D)`.
# 2. The encoder reads everything at once; the decoder writes one token after the other, and looks back at the
#    source through cross-attention.
# 3. *A woman throws a ball and her dog catches him*: fluent, sure of itself, and wrong. Outside captions it
#    soon gets lost.
#
# ## Exercises
#
# **1. Warm-up.** The encoder gets 2 sentences of 7 tokens, the decoder 5 tokens of each, all marks counted.
# With `d_model` 512 and 8 heads, which shapes have the ids of the source, their vectors, and the
# cross-attention weights of one layer? Write three tuples.

# %% tags=["exercise"]
### BEGIN SOLUTION
ids_shape = (2, 7)
vectors_shape = (2, 7, 512)
weights_shape = (2, 8, 5, 7)
### END SOLUTION

check.sentence_shapes([ids_shape, vectors_shape, weights_shape])

# %% [markdown]
# **2. Core.** Write a module that multiplies each of the `D` numbers of a token by a scale of its own and
# then adds a shift of its own. Both are parameters of shape `(D,)`, made by `nn.Parameter(tensor)`, and at
# the start the module changes nothing. You will meet it again in 06.


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
# **3. Debug.** A colleague sums up a sentence by the average of its token vectors, with `x.mean(dim=0)`. It
# worked on single sentences `(S, D)`, but in a batch `(B, S, D)` sentences leak into each other, without
# any error. Write it so that it is right for both.


# %% tags=["exercise"]
def mean_over_words(x):
    ### BEGIN SOLUTION
    return x.mean(dim=-2)  # (B, D)
    ### END SOLUTION


check.mean_over_words(mean_over_words)

# %% [markdown]
# **4. Stretch.** Find a caption of your own that comes out wrong, and change *one* word so that it comes out
# right. Explain in two sentences what the model may have been missing. There is no check.
#
# <details><summary>What a good answer contains</summary>
#
# Both sentences with their translations, and a guess that the second sentence supports: a word that falls
# into many tokens, say, or one that needs another word far away to be understood. And one more sentence,
# tried out, that could have proved the guess wrong.
#
# </details>
#
# ## References
#
# - A. Vaswani and others, [Attention Is All You Need](https://arxiv.org/abs/1706.03762), 2017: the paper that
#   the series follows.
# - J. Alammar, [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/), 2018:
#   the same road in pictures.
# - 3Blue1Brown, [Neural networks](https://www.3blue1brown.com/topics/neural-networks), chapters on
#   Transformers: much of the same road as films.
# - PyTorch, [Learn the Basics](https://docs.pytorch.org/tutorials/beginner/basics/intro.html): tensors,
#   modules, training.
# - D. Elliott and others, [Multi30K](https://aclanthology.org/W16-3210/), 2016: the captions that the
#   translator was trained on.
#
# ## What is still a placeholder
#
# Everything. The next notebook draws the outline: six encoders, six decoders, and nothing inside.
#
# {{next}}
