# %% [raw] tags=["card"]
# questions: Does it help to learn the languages first, and then to translate?

# %% [markdown]
# # 16b - First the language, then the task
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# Pairs of sentences are rare, and single sentences lie around everywhere. BERT, GPT and T5 all make use of
# that: they learn from plain text first and get to their task later, with few examples of it. In words of
# the trade, **pretraining** comes first and **fine-tuning** second. Here a small translator has 500 pairs.
# Bet first: of 100 new sentences, how many more will it translate without a mistake if it has first learned
# German from German sentences and English from English ones, never seeing which belong together?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import random
from statistics import mean

from helpers import plots
from lessons import pictures, scoreboard
from lessons.boards import first_the_language as boards

# %% [markdown]
# ## Two kinds of questions
#
# As in the lesson, sentences come from the grammar, have at most nine German words, and every word is one
# id. For the first part there are 3,500 German sentences and 3,500 English ones, all from different
# pairs. Three in ten of their words are hidden, anew each time that they are read. The encoder reads
# what is left, and the decoder writes the whole sentence, which is called **denoising**. A mark in front says
# in what language to write. The second part has pairs, with the German sentence behind the mark `en`.

# %%
vocabulary, _, _ = boards.corpus()
data, chance = boards.drawn(seed=0), random.Random(0)


def show(pairs):
    for read, write in pairs:
        print(*(" ".join(vocabulary[i] for i in ids) for ids in (read, write)), sep="  ->  ")


show(boards.hidden(boards.DE, data.german[:2], chance) + boards.hidden(boards.EN, data.english[:2], chance))
show(boards.asked(data.pairs[:2]))

# %% [markdown]
# What can a gap teach about a language? Whoever fills the one in `Der <mask> schläft .` must know which nouns
# are masculine, and no pair is needed for that.
#
# ## Three rivals
#
# To compare fairly, let rivals learn from the same pairs. The first takes the 500 pairs alone, for 500 steps,
# as many as the other gets on pairs. The second may also use the 1,000 steps that the other has spent on
# single sentences. Dropout on pairs is 0.2 for everybody, which suited the first rival best in trials that
# are not recorded. Without dropout it did far worse, and the gain would have looked larger than it is.
#
# The third asks whether it is the language at all. A model that has denoised anything has learned to look
# from the decoder into the encoder and to copy what stands there. So the words of all sentences are shuffled
# and dealt out anew, first German, then English: the same words as often as before, in sentences as long as
# before, and no language.

# %%
show(boards.hidden(boards.EN, boards.shuffled(data.english, chance)[:3], chance))

# %% [markdown]
# The model has one layer in each tower, 64 wide. Each training keeps the step at which 200 other pairs have
# their lowest loss, so nobody is punished for learning too long. Then it translates 377 new sentences with
# combinations that no training has seen, and a translation counts if every word is right. In which order
# will the four rows come?

# %%
# alt: Four rows of three dots, the share of sentences translated word for word. Pairs alone lie from .33 to
#   .35, with three times the steps from .35 to .42, first shuffled words from .32 to .34, and first the
#   languages from .38 to .54.
board = scoreboard.recorded("first_the_language")
scores = {row.removesuffix(", 500 pairs").replace(", ", ",\n"): found for row, found in board.items()}
dots = {row: found["translated"] for row, found in scores.items()}
for row, found in scores.items():
    means = f"{mean(found['translated']):.2f} on average, loss {mean(found['loss']):.2f}"
    print(f"{means}:", row.replace("\n", " "))
plots.show(pictures.seed_dots(dots, scale="translated word for word", title="500 pairs, and what came first"))

# %% [markdown]
# Whoever has learned the languages first translates, with every seed, more sentences than each rival with
# the same pairs, and its loss is lower with every seed too. With one of the three the lead is only 13 of
# the 377 sentences, which could be chance, and with the two others it is 41 or more. Patience alone does
# not do it, since with three times the steps on the pairs a model gains a little and still stays behind.
# And it is the language, because shuffled words bring no more translations and hardly a lower loss,
# although that model too has learned to look and to copy.
#
# ## What it has not learned
#
# Some of the new sentences hold a word that stands in none of the 500 pairs. The first part has shown it to
# the model, in its own language. Will the model translate such a sentence?

# %%
share = mean(scores["pairs alone"]["share with a new word"])
print(f"{share:.2f} of the new sentences hold a word that is in no pair")
for row, found in scores.items():
    known, new = mean(found["known words"]), mean(found["a new word"])
    print(f"known words {known:.2f}, a new word {new:.2f}:", row.replace("\n", " "))

# %% [markdown]
# It will not. Nothing in single sentences says that *Hund* is *dog*, so the word is known on both sides and
# the bridge is missing. What the model has gained lies in sentences whose words it has seen in pairs.
#
# ## The answer
#
# **Does it help to learn the languages first, and then to translate? Yes: with 500 pairs a translator that
# has first filled gaps in single sentences translates nearly half of the new ones, and with more steps on
# the pairs alone less than four in ten.** Gaps in shuffled words bring no more translations. What it does
# not bring along is which words belong together.
#
# ## What this does not say
#
# One amount of pairs was measured, in one grammar whose sentences are much alike, with one size of model and
# three seeds, which lie far apart. Shuffling took away the order of the words and also their company, and
# which of the two the model needs is open, as are other amounts of pairs and next words in place of gaps.
#
# ## An open exercise
#
# A large pretrained model is often left as it is, and only small matrices beside it are trained. A **low-rank
# adapter** (LoRA) adds a product `B A` to a matrix W of `(D, D)`, with A `(r, D)` drawn at random and B
# `(D, r)` of zeros, where r is the **rank**. Build it for the queries and values of all attentions, so that
# nothing else trains (`torch.nn.utils.parametrize` can put a sum in the place of a weight). The check builds
# a small model for it. How near does an adapted model come to the last row of the board, and if it falls
# short, what else must train?


# %%
def adapt(model, rank):
    """The model with adapters, and nothing else in it that trains."""
    return ...  # yours


boards.adapters(adapt)

# %% [markdown]
# To train it, load `boards.pretrained("languages", seed)` into `boards.new_model()`, adapt it, and give it
# to `boards.fit` with `lambda _: boards.asked(boards.drawn(seed).pairs[:500])`, 500 steps and the seed.
#
# <details><summary>What a good answer contains</summary>
#
# The number of parameters that train, worked out before it is counted: `2 r D` for each adapted matrix, and
# there are six. Then the share translated for at least two ranks and three seeds, beside the row of this
# page, with the best step chosen on `valid`. Expect it to fall short: in one trial, with rank 8 and the
# settings of this page, not one sentence came out right. So more steps, another rate or a larger rank are
# worth a try, and after them the part that an adapter leaves alone, such as the embedding, one at a time.
#
# </details>
#
# ## References
#
# - J. Devlin and others, [*BERT*](https://arxiv.org/abs/1810.04805), 2018: hidden words first, the task
#   second.
# - M. Lewis and others, [*BART: Denoising Sequence-to-Sequence
#   Pre-training*](https://arxiv.org/abs/1910.13461), 2019, and Y. Liu and others, [*Multilingual Denoising
#   Pre-training for Neural Machine Translation*](https://arxiv.org/abs/2001.08210), 2020: what this page
#   does, large.
# - E. Hu and others, [*LoRA: Low-Rank Adaptation of Large Language
#   Models*](https://arxiv.org/abs/2106.09685), 2021.
#
# Back to {{lesson}}.
