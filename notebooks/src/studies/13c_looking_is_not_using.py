# %% [raw] tags=["card"]
# questions: Does a model use what its heads look at? What happens when an attention head is switched off?

# %% [markdown]
# # 13c - Looking is not using
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# English writes *a* before *ball* and *an* before *umbrella*, and a decoder has to choose before it has
# written the noun. German says *einen* for both, so the article alone does not tell: the choice needs the
# noun, which stands one word further on in the German. A map of attention shows at once which heads look
# there. Are those the ones that decide? Place two bets on the translator of 00, whose decoder has three
# layers of eight heads over the German: how many of the 24 look at *Regenschirm* while *an* is predicted,
# and how many of them can be switched off before it writes *a umbrella*?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import copy
from statistics import mean

import torch

from helpers.model import Transformer
from helpers.plots import show
from helpers.translate import load_translator
from lessons import pictures
from lessons.alignment import word_weights
from lessons.boards.translation import WITH_A, WITH_AN, share_of_an, with_articles

# %%
translator = load_translator()
model, tokenizer = translator.model, translator.tokenizer
for german in ("Ein Mann hält einen Regenschirm.", "Ein Mann hält einen Ball."):  # yours
    print(f"{german:35} {translator.translate([german])[0]}")

# %% [markdown]
# ## Who looks?
#
# Here are the eight heads of the last layer at the place where *an* or *a* is predicted, in the two
# sentences side by side. Nothing has told the decoder yet that an umbrella comes, except its looking.

# %%
# alt: Eight rows of bars over the words Ein, Mann, hält, einen, Regenschirm or Ball, and the full stop. Three
#   heads give nearly all to einen; the other five give most to Regenschirm, one of them everything.
with_an, with_a = with_articles(WITH_AN), with_articles(WITH_A)
looks = {}
for name, (pair, place, _) in {"an umbrella": with_an[0], "a ball": with_a[0]}.items():
    looks[name] = word_weights(model, tokenizer, pair)[1][-1][:, place]  # (H, S)
columns = ["Ein", "Mann", "hält", "einen", "Regenschirm/\nBall", "."]
show(pictures.heads_of_word(looks, columns, title="Last layer, while it predicts the second article"))

# %% [markdown]
# Three heads look at *einen*, the word that becomes *a* or *an*. Five look past it at the umbrella, and
# two of these at the ball as well. Ten sentences with *an* and ten like them with *a*, all written for
# this page, tell whether that is a habit. (In some of them an adjective decides: *an old man*.) How often
# does the largest weight of each head fall on the deciding word? Beside it stands a model of the same
# size that has learned nothing.


# %%
def on_the_deciding_word(some_model):
    hits = []
    for pair, place, deciding in with_an + with_a:
        most = word_weights(some_model, tokenizer, pair)[1][:, :, place].argmax(dim=-1)  # (layers, H)
        hits.append((most == deciding).float())
    return torch.stack(hits).mean(dim=0)  # (layers, H)


# %%
torch.manual_seed(0)
untrained = Transformer(6000, 6000, d_model=256, n_heads=8, d_ff=512, n_layers=3)
looking = on_the_deciding_word(model)
for layer, rates in enumerate(looking, 1):
    print(f"layer {layer}:", *[f"{rate:.2f}" for rate in rates.tolist()])
print(f"untrained, mean of all heads: {on_the_deciding_word(untrained).mean().item():.2f}")

# %%
places = [(layer, head) for layer in range(3) for head in range(8)]
last = [p for p in places if looking[p] >= 0.5 and p[0] == 2]
earlier = [p for p in places if looking[p] >= 0.5 and p[0] < 2]
elsewhere = [p for p in places if looking[p] < 0.5]
for name, heads in {"last layer": last, "earlier layers": earlier, "look elsewhere": elsewhere}.items():
    print(f"{name:15} {len(heads):2} heads, mean {mean(looking[place].item() for place in heads):.2f}")

# %% [markdown]
# Ten heads of 24 look at the word that decides in at least half of the sentences, five of them in the
# last layer and five in the two before, and nearly as often there. By the maps alone, which of the ten
# matter?
#
# ## Who is used?
#
# A head hands on its `dk` numbers through its own columns of the last matrix, the projection of 04. Set
# these columns to 0, and the head may look where it likes: nothing of it arrives. Measure how likely *an*
# is, as a share of *a* and *an* together, first with one head off at a time. The lowest of the 24 is
# printed.


# %%
def without(heads):
    changed = copy.deepcopy(model)
    for layer, head in heads:
        projection = changed.decoder.layers[layer].cross_attention.projection
        projection.weight.data[:, 32 * head : 32 * head + 32] = 0  # (D, D), the columns of one head
    return changed


def an(some_model, sentences=with_an):
    return share_of_an(some_model, tokenizer, [pair for pair, _, _ in sentences])


# %%
print(f"all heads: {mean(an(model)):.2f} where an is right, {mean(an(model, with_a)):.2f} where it is wrong")
one_off = {place: mean(an(without([place]))) for place in places}
layer, head = min(one_off, key=one_off.get)
print(f"at worst, without head {head + 1} of layer {layer + 1}: {one_off[layer, head]:.2f}")
assert min(one_off.values()) > 0.5, "one head decides alone"

# %% [markdown]
# No single head decides. Stopping here, one would report that attention heads do not matter, and be
# wrong. So switch off groups: the five lookers of the earlier layers, the five of the last layer, the
# fourteen that look elsewhere, and at the end all but five. One group is left on but **blinded**: its
# queries are set to 0, so that all scores are equal and it takes the mean of all words. In which rows
# does *an* survive?


# %%
def blinded(heads):
    changed = copy.deepcopy(model)
    for layer, head in heads:
        query = changed.decoder.layers[layer].cross_attention.query
        query.weight.data[32 * head : 32 * head + 32] = 0  # (D, D), the rows of one head
        query.bias.data[32 * head : 32 * head + 32] = 0
    return changed


# %%
# alt: Seven rows of ten dots, from 0 to 1. All heads, the earlier five off, the fourteen off, and only the
#   last five left lie between .7 and 1. The last five off, the last five blinded and only the earlier five
#   left lie below .35.
groups = {
    "all heads": model,
    "off: the 5 earlier lookers": without(earlier),
    "off: the 5 lookers of the last layer": without(last),
    "blinded: the 5 lookers of the last layer": blinded(last),
    "off: the 14 that look elsewhere": without(elsewhere),
    "only the 5 earlier lookers are left": without(last + elsewhere),
    "only the 5 of the last layer are left": without(earlier + elsewhere),
}
shares = {name: an(changed) for name, changed in groups.items()}
show(pictures.seed_dots(shares, marks={"a coin": 0.5}, scale="share of an, ten sentences where it is right"))

# %% [markdown]
# Five heads and five heads look at the same word. Without the earlier ones, the choice is nearly as safe
# as before; without those of the last layer it is gone, in all ten sentences. The other way round says
# the same: the five of the last layer alone are enough, and the earlier five are no spare copy, since
# alone they do not choose *an*. Being in the last layer is not enough, since its other three heads are
# among the fourteen that can go. Nor is it that any numbers arrive, since blinded heads hand on numbers
# too. It is the looking of these five.
#
# Is it only *an* that is gone, or the umbrella as well?

# %%
for name in list(groups)[:5]:
    changed = translator._replace(model=groups[name])
    print(f"{name:42} {changed.translate(['Ein Mann hält einen Regenschirm.'])[0]}")
print("an where a is right, at most:", round(max(max(an(m, with_a)) for m in groups.values()), 2))
assert max(shares["off: the 5 lookers of the last layer"]) < 0.5 < min(shares["off: the 5 earlier lookers"])

# %% [markdown]
# Each of them still knows the umbrella. What is lost without the five of the last layer is the look
# ahead, and the decoder writes the commoner article. The fourteen others are used as well, for something
# else: without them it says its umbrella twice.
#
# ## The answer
#
# **Looking is not using. While the article is predicted, ten heads look at the word that decides between
# *a* and *an*. The five of the last layer are needed as a group, and enough; the other five look there
# nearly as often, and all of them can be switched off. Which heads are used no map of attention tells, only
# switching them off, in groups.**
#
# ## What this does not say
#
# This is one model with one seed, twenty short sentences, and one choice. What the earlier five are good
# for was not found, only that it is not this. The groups come from a threshold of one half, no single one
# of the five is needed, whether fewer would do was not tried, and a head that is switched off leaves behind
# a sum that the rest of the model has never seen in training.
#
# ## An open exercise
#
# In 13 you trained a translator of the grammar, whose heads look at the pronoun and at *sein* while they
# predict *it* or *him*. Switch them off there, one by one, then in groups, and count the pairs of which
# both are right. Does what holds for *an* hold for *him*?
#
# <details><summary>What a good answer contains</summary>
#
# Three seeds, since a head has no number that survives a new start: groups are chosen by where heads
# look, never by their index. For each group of lookers a group of as many others. Both tests, off and
# alone, and the same with blinded heads. And what would have refuted you.
#
# </details>
#
# ## References
#
# - S. Jain and B. Wallace, *Attention is not Explanation*, 2019,
#   [arXiv:1902.10186](https://arxiv.org/abs/1902.10186), and the reply by S. Wiegreffe and Y. Pinter,
#   *Attention is not not Explanation*, 2019, [arXiv:1908.04626](https://arxiv.org/abs/1908.04626).
# - P. Michel, O. Levy and G. Neubig, *Are Sixteen Heads Really Better than One?*, 2019,
#   [arXiv:1905.10650](https://arxiv.org/abs/1905.10650).
# - E. Voita and others, *Analyzing Multi-Head Self-Attention*, 2019,
#   [arXiv:1905.09418](https://arxiv.org/abs/1905.09418).
#
# Back to {{lesson}}.
