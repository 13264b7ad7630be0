"""The boards that the notebooks show, and the command that measures them.

    python -m lessons.boards                 # the boards, and what is recorded of each
    python -m lessons.boards encoder         # measure a board with all its seeds, beside the record
    python -m lessons.boards encoder --rows "03 one head" --record      # replace a row of the record

A module of this folder holds the boards of one notebook in a dictionary BOARDS, and is found by itself.
Results go to lessons/measured/, which git ignores, or to lessons/recorded/, which the notebooks show.
Measuring uses one thread, since more of them round otherwise; another processor may do so too. On one core
of a laptop the board `encoder` takes about ten minutes.
"""

import argparse
import pkgutil
from importlib import import_module

import torch

from lessons.scoreboard import RECORDED, measure_board, stale


def all_boards():
    """Every board of every module in this folder: {name: board}."""
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {name: board for module in modules for name, board in getattr(module, "BOARDS", {}).items()}


def main(arguments=None):
    boards = all_boards()
    parser = argparse.ArgumentParser(prog="python -m lessons.boards", description="Measure a board.")
    parser.add_argument("board", nargs="?", choices=boards, help="default: list the boards")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows (default: all)")
    parser.add_argument("--record", action="store_true", help="replace the record by what is measured")
    options = parser.parse_args(arguments)
    if not options.board:
        if options.rows or options.record:
            parser.error("name the board whose rows are to be measured.")
        for name, board in boards.items():
            state = "recorded" if (RECORDED / f"{name}.json").exists() else "not recorded"
            old = "".join(f"\n  changed since it was recorded: {row}" for row in stale(name, board))
            print(f"{name}: {len(board.rows)} rows, seeds {board.seeds}, {state}{old}")
        return
    torch.set_num_threads(1)
    try:
        measure_board(options.board, boards[options.board], options.rows, replace=options.record)
    except ValueError as error:
        parser.error(str(error))
