"""What lesson 09 and its studies say of recorded numbers, sentence by sentence."""

from statistics import mean

from lessons.scoreboard import recorded

MEMORY, VECTORS = recorded("memory"), recorded("vectors")
ALL, MEAN, LONGER = (MEMORY[row] for row in ("all of the memory", "mean of the memory", "mean, 900 steps"))


def said(scores):
    return f"{mean(scores):.2f}"


def test_the_mean_still_sorts():
    assert min(MEAN["sort 12"] + ALL["sort 12"]) > 0.98


def test_one_vector_was_good_for_85_of_4_symbols_and_none_of_12_where_all_of_the_memory_got_1():
    assert [said(MEAN["reverse 4"]), said(ALL["reverse 12"])] == ["0.85", "1.00"]
    assert max(MEAN["reverse 12"]) == 0.0


def test_with_three_times_the_steps_one_vector_gets_further():
    assert min(LONGER["reverse 8"]) > 0.5 > 0.1 > max(MEAN["reverse 8"])
    assert min(LONGER["reverse 12"]) > 0.05 > max(MEAN["reverse 12"])


def test_the_alternative_text_of_the_board():
    assert min(min(scores) for scores in ALL.values()) > 0.95
    assert [said(MEAN["reverse 8"]), said(LONGER["reverse 8"])] == ["0.05", "0.68"]


# Study 09b


def test_with_one_vector_either_way_more_symbols_are_more_trouble():
    for row in ("mean of the memory", "first word of it", "mean, 900 steps"):
        four, eight, twelve = (MEMORY[row][f"reverse {n}"] for n in (4, 8, 12))
        assert min(four) > max(eight) > max(twelve) and min(eight) > max(twelve)
    found = [said(MEMORY["first word of it"][f"reverse {n}"]) for n in (4, 8, 12)]
    assert found == ["0.94", "0.14", "0.00"]
    assert [said(LONGER[f"reverse {n}"]) for n in (4, 8, 12)] == ["0.97", "0.68", "0.11"]


def test_with_900_steps_half_to_three_quarters_of_8_symbols_and_a_tenth_of_12():
    assert 0.5 < min(LONGER["reverse 8"]) and max(LONGER["reverse 8"]) < 0.76
    assert said(LONGER["reverse 12"])[:3] == "0.1"


def test_one_vector_sorts_in_every_row_that_has_one():
    rows = ["mean of the memory", "first word of it", "mean, 900 steps", "mean, rate 0.0005"]
    assert min(min(MEMORY[row]["sort 12"]) for row in rows) > 0.9


def test_at_a_quarter_of_the_rate_the_gap_is_as_wide():
    slow_all, slow_mean = (MEMORY[f"{what}, rate 0.0005"] for what in ("all", "mean"))
    assert min(slow_all["reverse 8"]) > 0.95 > 0.1 > max(slow_mean["reverse 8"])


def test_with_none_of_the_memory_no_column_can_be_guessed():
    assert max(max(scores) for scores in MEMORY["none of it"].values()) == 0.0


def test_a_vector_of_twice_the_length_gains_some_hundredths_and_two_vectors_six_times_that():
    one, wide, two, four = (
        [*MEAN["reverse 8"]],
        *(VECTORS[row]["reverse 8"] for row in ("one mean of 128", "two means of 64", "four means of 64")),
    )
    assert 0.02 < mean(wide) - mean(one) < 0.1 and mean(two) - mean(one) > 6 * (mean(wide) - mean(one))
    assert [said(wide), said(two)] == ["0.11", "0.44"]
    assert max(one) < min(wide) and max(wide) < min(two) and max(two) < min(four)


def test_with_all_of_the_memory_the_wide_model_learns_as_well():
    assert min(VECTORS["all of it, 128 wide"]["reverse 8"]) > 0.98 < min(ALL["reverse 8"])


def test_what_the_alternative_text_says_of_the_dots():
    found = [(f"{min(scores):.2f}", f"{max(scores):.2f}") for scores in
             (VECTORS[row]["reverse 8"] for row in ("two means of 64", "four means of 64"))]  # fmt: skip
    assert found == [("0.33", "0.52"), ("0.76", "0.87")]
