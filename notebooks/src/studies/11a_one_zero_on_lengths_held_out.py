# %% [raw] tags=["card"]
# questions: What makes 1 0 1 0 come out on lengths held out?

# %% [markdown]
# # 11a - 1 0 1 0 on lengths held out
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The source repeats a symbol n times, and the target alternates and has n symbols. In the lesson the right
# loop wrote the lengths 5, 9 and 14, which were never trained, without a mistake. Besides the right loop,
# any of three things may have done it: that it is run for 1,500 steps, that three lengths of twenty are
# few, or its **weight decay**. The last takes a share of each parameter away in every step, rate times
# decay, and its strength was 1.0, a hundred times PyTorch's default. Which of them would you bet on? And
# what would a model that fails get wrong, the symbols or the place to stop?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
from helpers import plots
from lessons import scoreboard
from lessons.boards import training_that_is_not_fooled as boards

# %% [markdown]
# ## What goes wrong
#
# Train the same model twice from one start, with the decay of 1.0 and with none, while 3, 10 and 16 are held
# out. Then let both write all lengths up to 20, and draw by how much each answer is too long.


# %%
# alt: Two lines over the wanted length, 1 to 20. With decay 1 the answer is 0 symbols too long everywhere.
#   Without decay the line leaves 0 at the three lengths held out, and nowhere else.
def too_long(**settings):
    model = boards.train_one_zero(held_out=boards.UNSEEN, seed=1, **settings)
    answers = boards.written(model, range(1, 21))[::2]  # of source 1
    return [len(answer) - len(wanted) for wanted, answer in answers]


wanted = list(range(1, 21))
lines = {"decay 1": (wanted, too_long()), "no decay": (wanted, too_long(decay=0.0))}
fig = plots.curves(lines, xlabel="length wanted", ylabel="symbols too many", title="Where they stop")
fig.axes[0].set_xticks([1, *boards.UNSEEN, 20])
for length in boards.UNSEEN:
    fig.axes[0].axvline(length, color="#8a8a8a", linestyle=":", linewidth=1.5)
plots.show(fig)
assert not any(lines["decay 1"][1]) and any(lines["no decay"][1])

# %% [markdown]
# Dotted lines are the lengths held out. Where an answer is wrong it has the wrong length. Are its symbols
# right?
#
# ## Which of the three
#
# Now three seeds for each of five settings (`python -m lessons.boards generalises`). In four of them 3, 10
# and 16 are held out, which were chosen before anybody had looked at them, and in the last every odd length.
# The answers of the lengths held out are scored whole and in two parts: do the symbols alternate rightly,
# and does the answer stop where it should?

# %%
# alt: Board of the settings and three columns. Alternation is right everywhere. With decay 1 all answers stop
#   where they should, and without decay only some of them do, with more steps as well.
board = scoreboard.recorded("generalises")
columns = {"right": "right", "alternates": "symbols right", "stops": "stops right"}
table = {row: {shown: found[f"held out, {what}"] for what, shown in columns.items()}
         for row, found in board.items()}  # fmt: skip
plots.show(plots.board(table, title="Lengths held out", scale="answers"))

# %% [markdown]
# No answer of any setting alternates wrongly: what is hard about this task is not 1 0 1 0, it is to stop.
# Without decay none to five of six answers do it rightly, depending on the seed, although every trained
# length is right. Twice as many steps, which could have shown that the model only needs time, give one to
# four of six, and dropout in the place of decay no more than three. With decay 1 all are right, with each
# seed. But the last row has that decay too, and gets next to nothing: that few lengths are missing is
# needed as well. Whether fewer than 1,500 steps would do is not in this table.
#
# A likely reason: 17 trained lengths can be learned as 17 separate rules for where to stop, and decay makes
# many separate rules expensive. Nothing here looks inside the model to see whether that is so.
#
# ## Were the lengths looked at?
#
# The settings were found by looking: rate, steps and decay were changed until 5 9 14 came out, then 6 7 8
# and 2 13 19, with two seeds of three. (The runs before are not kept. The lesson's table has half of this
# rate.) Those scores are therefore a little too good. Two triples were measured only after everything was
# settled, and those are the rows to believe.

# %%
loops = scoreboard.recorded("one_zero")
rows = {"5 9 14": "", "6 7 8": ", without 6 7 8", "2 13 19": ", without 2 13 19",
        "3 10 16, unseen": ", without 3 10 16", "4 11 17, unseen": ", without 4 11 17"}  # fmt: skip
for lengths, row in rows.items():
    print(f"{lengths:15} held out, three seeds:", *loops[f"shift and mask{row}"]["held out, free-running"])
print(f"{'21 to 24':15} never trained:         ", *loops["shift and mask"]["longer, free-running"])

# %% [markdown]
# All twelve answers of the two rows that nobody had looked at are right, with each seed. One seed in three
# misses some of 6 7 8 and of 2 13 19. Beyond 20 the right loop fails on most answers, and those places were
# never read in training, which is a likely reason.
#
# ## The answer
#
# **Weight decay makes 1 0 1 0 come out on lengths held out, as long as these are few: with it nearly every
# answer is right, and without it only some are, after twice the steps as well. The symbols are never wrong,
# only the place to stop.**
#
# ## What this does not say
#
# One small model, one task and three seeds, where with six answers a single one moves a score by .17.
# Between three lengths of twenty and ten nothing was measured.
#
# ## An open exercise
#
# How many may be missing? Hold out every fifth length, then every third, with decay 1. Then find something
# that does it without decay.
#
# <details><summary>What a good answer contains</summary>
#
# Three seeds of `boards.train_one_zero(held_out=...)`, scored by `boards.judged`; the same with `decay=0.0`
# and an idea of your own. The trained lengths beside the held out ones, and which part of the answers is
# wrong. Then one sentence on whether your settings were found by looking at the very lengths that you
# report.
#
# </details>
#
# Back to {{lesson}}.
