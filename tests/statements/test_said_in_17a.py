"""What study 17a says of recorded numbers, sentence by sentence, with each of three seeds."""

import pytest

from lessons import several
from lessons.bill import ring
from lessons.scoreboard import recorded

SENT, MACHINES = recorded("bytes_sent"), recorded("two_machines")
COUNTS = {"1 process": 1, "2 processes": 2, "4 processes": 4}


def about(wanted, within=0.01):
    return pytest.approx([wanted] * 3, abs=within)


@pytest.mark.parametrize("row", COUNTS)
def test_what_is_sent_is_what_was_predicted(row):
    predicted = ring(COUNTS[row], 1)
    assert SENT[row]["copies, parameters only"] == about(predicted)
    assert SENT[row]["all-reduce"] == about(predicted)


def test_two_processes_send_a_twelfth_too_much_and_shares_nearly_twice_as_much():
    assert SENT["2 processes"]["copies"] == about(1 + 1 / 12)
    assert all(1.85 < sent < 2 for sent in SENT["2 processes"]["shares"])


@pytest.mark.parametrize("row", ["2 processes", "4 processes"])
def test_gathering_costs_half_of_an_all_reduce_and_gloo_scatters_for_the_price_of_a_whole_one(row):
    whole = ring(COUNTS[row], 1)
    assert SENT[row]["all-gather"] == about(whole / 2) and SENT[row]["reduce-scatter"] == about(whole)


@pytest.mark.parametrize("row", ["2 processes", "4 processes"])
def test_the_prediction_for_shares_fits(row):
    model = several.new_model()
    embeddings = model.output.weight.numel() / sum(p.numel() for p in model.parameters())
    whole = ring(COUNTS[row], 1)
    assert SENT[row]["shares"] == about((2 - embeddings) * whole / 2 + whole, within=0.05)


@pytest.mark.parametrize("row", COUNTS)
def test_shares_hold_a_part_and_lose_the_same(row):
    assert SENT[row]["shares: held"] == about(1 / COUNTS[row], within=1e-3)
    assert SENT[row]["copies: held"] == [1, 1, 1]
    for way in ("copies", "shares"):
        assert SENT[row][f"{way}: loss"] == pytest.approx(SENT["1 process"]["copies: loss"], abs=1e-3)


def test_one_process_two_addresses_and_two_networks_end_with_the_same_losses():
    first, *others = MACHINES.values()
    assert len(others) == 2 and all(row == first for row in others) and len(set(first["loss"])) == 3
