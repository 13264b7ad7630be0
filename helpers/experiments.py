"""The boards that the notebooks show, and the command that measures them.

    python -m helpers.experiments                 # the boards, and what is recorded of each
    python -m helpers.experiments encoder         # measure a board with all its seeds, and record it
    python -m helpers.experiments encoder --rows "03 one head"

Results go to helpers/recorded/. On one core of a laptop the board `encoder` takes about ten minutes.
"""

import argparse

from torch import nn

from helpers.model import Encoder, EncoderLayer, FeedForward, MultiHeadAttention, PositionalEncoding
from helpers.outline import AttendToItself, EncoderOutline, SelfAttention
from helpers.scoreboard import D_MODEL, RECORDED, Board, record

D, H, F = D_MODEL, 8, 4 * D_MODEL


def heads(n_heads=H):
    """Self-attention with several heads as a body."""
    return AttendToItself(MultiHeadAttention(D, n_heads))


def stack(n_layers, norm_first=False):
    """Positions and a stack of encoder layers, without dropout."""
    return nn.Sequential(PositionalEncoding(D), Encoder(D, H, F, n_layers, 0.0, norm_first))


# The scoreboard of Part II: the encoder as each notebook leaves it.
ENCODER = {
    "01 placeholders": lambda: EncoderOutline(D),
    "02 attention, not trained": lambda: SelfAttention(D, D, D).requires_grad_(False),
    "03 one head": lambda: SelfAttention(D, D, D),
    "04 eight heads": heads,
    "05 feed-forward": lambda: nn.Sequential(heads(), FeedForward(D, F)),
    "06 add and norm": lambda: EncoderLayer(D, H, F, 0.0),
    "07 positions": lambda: nn.Sequential(PositionalEncoding(D), EncoderLayer(D, H, F, 0.0)),
    "08 two layers": lambda: stack(2),
    "08 six layers": lambda: stack(6),
}

BOARDS = {
    "encoder": Board(ENCODER),
}


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


if __name__ == "__main__":
    main()
