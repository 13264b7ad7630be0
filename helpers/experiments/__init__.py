"""The boards that the notebooks show, and the command that measures them.

    python -m helpers.experiments                 # the boards, and what is recorded of each
    python -m helpers.experiments encoder         # measure a board with all its seeds, and record it
    python -m helpers.experiments encoder --rows "03 one head"

Results go to helpers/recorded/. On one core of a laptop the board `encoder` takes about ten minutes.
"""

import argparse

from helpers.experiments import (
    a_stack_of_encoders,
    add_and_norm,
    bodies,
    decoder,
    embeddings_and_positions,
    feed_forward,
    many_words,
    multi_head,
    training,
    training_that_generalises,
)
from helpers.scoreboard import RECORDED, record

MODULES = (
    bodies, many_words, multi_head, feed_forward, add_and_norm, embeddings_and_positions, a_stack_of_encoders,
    decoder, training, training_that_generalises,
)  # fmt: skip
BOARDS = {name: board for module in MODULES for name, board in module.BOARDS.items()}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m helpers.experiments", description="Measure a board.")
    parser.add_argument("board", nargs="?", choices=BOARDS, help="default: list the boards")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows (default: all)")
    options = parser.parse_args(arguments)
    if not options.board:
        for name, board in BOARDS.items():
            state = "recorded" if (RECORDED / f"{name}.json").exists() else "not recorded"
            print(f"{name}: {len(board.rows)} rows, seeds {board.seeds}, {state}")
        return
    board = BOARDS[options.board]
    try:
        record(options.board, board, options.rows)
    except ValueError as error:
        parser.error(str(error))
