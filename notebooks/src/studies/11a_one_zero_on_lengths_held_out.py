# %% [raw] tags=["card"]
# questions: What makes 1 0 1 0 come out on lengths held out?

# %% [markdown]
# # 11a - 1 0 1 0 on lengths held out
#
# {{badge}} · a study to {{lesson}} · {{time}} on a laptop with two cores
#
# The source repeats a symbol n times, and the target alternates and has n symbols. In the lesson the right
# loop wrote the lengths 5, 9 and 14, which were never trained, without a mistake. Any of four things may
# have done it: that the loop is right, that it is run for 1,500 steps, that three lengths of twenty are a
# small gap, or its **weight decay**. The last takes a share of each parameter away in every step, rate
# times decay, and its strength was 1.0, a hundred times PyTorch's default. Which of them would you bet on?
# And on what would a model that fails do wrong, on the symbols or on where it stops?

# %% tags=["setup"]
# SETUP

# %% tags=["imports"]
import torch

from helpers import plots
from lessons import scoreboard
from lessons.boards import training_that_is_not_fooled as boards

# %% [markdown]
# ## What goes wrong
#
# Train the same model twice, with the decay of 1.0 and with none, while 3, 10 and 16 are held out. Then let
# both write all lengths up to 20, and draw where they stop.


# %% tags=["nbval-ignore-output"]
# alt: Three lines over the wanted length. With decay 1 the written length is the wanted one everywhere. Without
#   decay it leaves that line at one or more of the lengths held out, and nowhere else.
# not compared: what models trained here write
def lengths_written(**settings):
    model = boards.train_one_zero(held_out=boards.UNSEEN, **settings)
    return [len(answer) for _, answer in boards.written(model, range(1, 21))[::2]]  # source 1


wanted = list(range(1, 21))
with_decay, without = lengths_written(), lengths_written(decay=0.0)
lines = {"wanted": (wanted, wanted), "decay 1": (wanted, with_decay), "no decay": (wanted, without)}
fig = plots.curves(lines, xlabel="length wanted", ylabel="length written", title="Where they stop")
for length in boards.UNSEEN:
    fig.axes[0].axvline(length, color="#8a8a8a", linestyle=":", linewidth=1.5)
plots.show(fig)

# %% [markdown]
# Dotted lines are the lengths held out. TODO
#
# ## Which of the four
#
# Now three seeds for each of five settings (`python -m lessons.boards generalises`). The lengths 3, 10 and
# 16 were chosen before anybody had looked at them. Each setting is scored on the six answers of those
# lengths, whole and in two parts: do the symbols alternate rightly, and does the answer stop where it
# should?

# %%
# alt: TODO
board = scoreboard.recorded("generalises")
columns = {"right": "right", "alternates": "symbols right", "stops": "stops right"}
table = {row: {shown: found[f"held out, {what}"] for what, shown in columns.items()}
         for row, found in board.items()}  # fmt: skip
plots.show(plots.board(table, title="Lengths held out", scale="answers"))

# %% [markdown]
# TODO
#
# ## Were the lengths looked at?
#
# The settings were found by looking. A first version had the same decay, half the rate and fewer than half
# of the steps, and it wrote 5, 9 and 14. It missed most of 6, 7 and 8 when those were held out, so rate and
# steps were raised until these came out, and 2, 13 and 19 as well, with two seeds of three. Their scores
# are therefore a little too good. Two triples were measured only after everything was settled, and those
# are the rows to believe.

# %%
loops = scoreboard.recorded("one_zero")
rows = {"5 9 14": "shift and mask", "6 7 8": "shift and mask, without 6 7 8",
        "2 13 19": "shift and mask, without 2 13 19", "3 10 16, not looked at": "shift and mask, without 3 10 16",
        "4 11 17, not looked at": "shift and mask, without 4 11 17"}  # fmt: skip
for lengths, row in rows.items():
    print(f"{lengths:23} held out, three seeds:", *loops[row]["held out, free-running"])
print(f"{'21 to 24':23} never trained:         ", *loops["shift and mask"]["longer, free-running"])
