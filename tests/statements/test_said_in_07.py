"""What lesson 07 and its studies say of recorded boards, sentence by sentence."""

from statistics import mean

from lessons.scoreboard import recorded

PLACES = [f"place {place}" for place in range(24)]


def spread(table, row, column):
    return round(min(table[row][column]), 2), round(max(table[row][column]), 2)


def averages(row, places):
    """For each seed, the mean over some places of the board `reach`."""
    scores = recorded("reach")[row]
    return [mean(run) for run in zip(*(scores[place] for place in places), strict=True)]


# 07


def test_the_scoreboard_of_07():
    table = recorded("encoder")
    before, after = table["06 add and norm"], table["07 positions"]
    # "in 06 they stood at a third and at an eighth"; "reverse and hop jump to 1"
    assert round(mean(before["reverse"]), 1) == 0.3 and abs(mean(before["hop"]) - 1 / 8) < 0.01
    assert min(after["reverse"]) > 0.995 and min(after["hop"]) > 0.995
    # "two hops rises and stops below a half"; "count and odd gain nothing"
    assert max(before["two hops"]) < min(after["two hops"]) and max(after["two hops"]) < 0.5
    assert all(mean(after[task]) < mean(before[task]) + 0.01 for task in ("count", "odd"))


def test_the_copied_formula_scores_1_on_eight_places():
    both = recorded("positions")["both faults"]
    assert min(both["reverse"]) > 0.995 and min(both["hop"]) > 0.995


def test_on_places_that_were_trained_every_table_gets_1():
    # "sinusoids and learned rows both get 1.00", and so do the other tables
    tables = dict(recorded("positions"))
    del tables["no positions"]
    assert all(
        min(scores[task]) > 0.995 for scores in tables.values() for task in ("reverse", "hop", "before")
    )


def test_the_row_to_beat_in_exercise_4():
    # "a layer with sinusoids gets it right in .32 to .44 of the sentences"
    assert spread(recorded("positions"), "sinusoids", "place 16") == (0.32, 0.44)


def test_why_add_in_one_sentence():
    # "with 64 added columns against 16 beside 48, it is learned sooner, ends no better and reaches less far"
    table = recorded("reach")
    added, beside = "sinusoids", "beside, 48 + 16"
    assert min(table[added]["early"]) > max(table[beside]["early"]) + 0.2
    assert min(averages(added, PLACES[:16])) > 0.99 and min(averages(beside, PLACES[:16])) > 0.99
    assert max(table[added]["place 16"]) < min(table[beside]["place 16"])
    assert mean(averages(added, PLACES[17:])) < mean(averages(beside, PLACES[17:]))


# 07a


def test_a_table_is_for_what_has_no_order():
    table = recorded("inputs")
    bins = [row for row in table if "bins" in row]
    rest = [row for row in table if row not in bins]
    assert rest == ["linear layer", "two linear layers, ReLU"] and len(bins) == 3
    # "every seed of both rows without a table is ahead of every seed of all bins"
    for column in ("sine", "larger sine"):
        assert min(min(table[r][column]) for r in rest) > max(max(table[b][column]) for b in bins)
    # "On count it is the other way round, again with every seed"
    assert max(max(table[row]["count"]) for row in rest) < min(min(table[row]["count"]) for row in bins)
    # ".79 ... .71, and on waves higher than in training .77 against .48"; ".59 ..., with a row each .99"
    averaged = {row: {column: round(mean(s), 2) for column, s in table[row].items()} for row in table}
    assert (averaged["linear layer"]["sine"], averaged["linear layer"]["larger sine"]) == (0.79, 0.77)
    assert max(averaged[row]["sine"] for row in bins) == 0.71
    assert max(averaged[row]["larger sine"] for row in bins) == 0.48
    assert averaged["linear layer"]["count"] == 0.59
    assert {averaged[row]["count"] for row in bins} == {0.99}
    # "through two with a ReLU .74 (.49 to .91, by seed)"
    assert averaged["two linear layers, ReLU"]["count"] == 0.74
    assert spread(table, "two linear layers, ReLU", "count") == (0.49, 0.91)


# 07b


def test_no_table_reaches_places_that_were_never_trained():
    table = recorded("reach")
    # "sinusoids got .28 to .45 and learned rows .15 to .20"
    assert spread(table, "sinusoids", "place 16") == (0.28, 0.45)
    assert spread(table, "learned", "place 16") == (0.15, 0.20)
    # "behind that both were on average worse than no positions"
    nothing = min(averages("no positions", PLACES[17:]))
    assert max(averages("sinusoids", PLACES[17:]) + averages("learned", PLACES[17:])) < nothing - 0.02
    # "as good as they can be, or nearly"; "the copied formula falls at place 16 like the learned rows"
    assert min(averages("sinusoids", PLACES[:16]) + averages("learned", PLACES[:16])) > 0.99
    assert max(table["as copied"]["place 16"]) < 0.2 and max(table["learned"]["place 16"]) < 0.2


def test_random_starts_reach_and_have_a_price():
    table = recorded("reach")
    for row in ("sinusoids, random start", "learned, random start"):
        # ".97 or more at every new place, with every seed"
        assert round(min(min(table[row][place]) for place in PLACES[16:]), 2) >= 0.97
        # "some of the first places are still missing"
        assert min(min(table[row][place]) for place in PLACES[:5]) < 0.9


def test_the_number_of_columns_matters_more_than_beside_or_added():
    table = recorded("reach")
    # "64 of them, added, are far ahead of 16, beside or added"
    sixteen = table["beside, 48 + 16"]["early"] + table["added, 16 columns"]["early"]
    assert min(table["sinusoids"]["early"]) > max(sixteen) + 0.2
    # "On places of training 64 columns, 48 + 16 and 16 added all end near 1.00"
    for row in ("sinusoids", "beside, 48 + 16", "added, 16 columns"):
        assert min(averages(row, PLACES[:16])) > 0.99
    # "At 16 beside is ahead at place 16, and behind after it"
    beside, added = "beside, 48 + 16", "added, 16 columns"
    assert mean(table[beside]["place 16"]) > mean(table[added]["place 16"])
    assert mean(averages(beside, PLACES[17:])) < mean(averages(added, PLACES[17:]))
    # "At 8 both reach much farther, and both pay with places of training, more so where added"
    few_beside, few_added = "beside, 56 + 8", "added, 8 columns"
    assert min(averages(few_beside, PLACES[17:]) + averages(few_added, PLACES[17:])) > 0.6
    assert max(averages(beside, PLACES[17:]) + averages(added, PLACES[17:])) < 0.35
    assert max(averages(few_added, PLACES[:16])) < min(averages(few_beside, PLACES[:16])) < 0.8
    # "32 beside 32 get .38 to .46 over the places 16 to 23, more than 64 or 16"
    assert spread(recorded("positions"), "sinusoids, beside", "16 to 23") == (0.38, 0.46)
    rest = ("sinusoids", "beside, 48 + 16", "added, 16 columns")
    assert max(max(averages(row, PLACES[16:])) for row in rest) < 0.37
