"""What notebook 01 says of recorded numbers."""

from lessons.scoreboard import TASKS, chance, recorded


def test_placeholders_copy_and_guess_in_every_other_task():
    for name, scores in recorded("encoder")["01 placeholders"].items():
        assert all(abs(score - chance(TASKS[name])) < 0.05 for score in scores)
        assert name != "copy" or min(scores) == 1


def test_on_reverse_they_get_one_in_eight():
    assert all(abs(score - 1 / 8) < 0.02 for score in recorded("encoder")["01 placeholders"]["reverse"])
