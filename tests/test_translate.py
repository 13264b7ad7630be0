"""The two commands, with a small model trained for the occasion, and the series' own translator."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import train, translate
from helpers.card import write_card
from helpers.data import PAD_ID
from helpers.decoding import greedy_decode, translate_batch
from helpers.translate import load_translator

ROOT = Path(__file__).parents[1]
QUICK = ["--epochs", "1", "--d-model", "16", "--n-heads", "2", "--n-layers", "1", "--vocab-size", "300"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a short training on the grammar corpus leaves behind."""
    out = tmp_path_factory.mktemp("trained")
    assert train.main(["--data", "grammar", "--out", str(out), *QUICK]) == 0
    return out


def run(*arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, input=text, capture_output=True, encoding="utf-8",
        timeout=120,
    )  # fmt: skip


def test_training_leaves_a_model_and_its_card(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.safetensors", "tokenizer.json", "checkpoint.safetensors", "card.json", "CARD.md"}
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    command = card["training"]["command"]
    assert command.startswith("python -m helpers.train --out FOLDER --data grammar --direction de-en")
    assert "--epochs 1 " in command and "--n-heads 2" in command and "--seed 0" in command
    assert "|case:lc|" in card["scores"]["sacrebleu_lowercase"]["signature"]
    text = (folder / "CARD.md").read_text(encoding="utf-8")
    assert "German to English" in text and f"{card['scores']['sacrebleu']['score']:.2f}" in text
    assert str(folder) not in text + json.dumps(card)


def test_the_trained_model_translates(folder):
    answer = run("helpers.translate", "--model", str(folder), "der Hund schläft.")
    assert answer.returncode == 0 and answer.stdout.count("\n") == 1 and answer.stderr == ""


def test_training_refuses_to_overwrite_and_names_resume(folder, capsys):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert train.main(["--data", "grammar", "--out", str(folder), *QUICK, "--vocab-size", "200"]) == 1
    assert "--resume" in capsys.readouterr().err
    again = ["--data", "grammar", "--out", str(folder), *QUICK, "--direction", "en-de", "--resume"]
    assert train.main(again) == 1
    assert "other sentences" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("option", ["--epochs", "--warmup-steps", "--max-tokens"])
def test_numbers_that_make_no_sense_are_one_sentence(tmp_path, capsys, option):
    assert train.main(["--out", str(tmp_path), *QUICK, option, "0"]) == 1
    assert "=0: choose at least 1" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_the_other_direction_swaps_the_sides():
    (german, english), *_ = train.load_splits("grammar", "de-en")[0]
    assert train.load_splits("grammar", "en-de")[0][0] == (english, german)


def test_an_unwritable_output_folder_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert train.main(["--out", str(tmp_path / "file" / "out"), *QUICK]) == 1
    assert capsys.readouterr().err.startswith("helpers.train: ")


@pytest.mark.parametrize("command", ["helpers.train", "helpers.translate"])
def test_help_shows_an_example(command):
    answer = run(command, "--help")
    assert answer.returncode == 0 and f"python -m {command} " in answer.stdout.split("example:")[1]


def test_one_line_out_per_line_in(folder):
    text = "der Hund schläft.\n\n   \nEin Satz. Noch ein Satz!\n猫\n"
    answer = run("helpers.translate", "--model", str(folder), text=text)
    lines = answer.stdout.split("\n")
    assert answer.returncode == 0 and len(lines) == 6 and lines[1] == lines[2] == lines[5] == ""


def test_a_file_gives_the_same_as_standard_input(folder, tmp_path):
    text = "der Hund schläft.\r\n\r\ndie Frau liest."
    (tmp_path / "in.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    from_file = run("helpers.translate", "--model", str(folder), "--file", str(tmp_path / "in.txt"))
    assert from_file.stdout == run("helpers.translate", "--model", str(folder), text=text).stdout
    assert from_file.stdout.count("\n") == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--file", "no-such-file"], "no-such-file"),
        (["--model", "no-such-folder", "x"], "Train a model first"),
        (["--file", "x", "y"], "not both"),
    ],
)
def test_bad_arguments_are_one_sentence(capsys, arguments, words):
    assert translate.main(arguments) in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == "" and words in captured.err and "Traceback" not in captured.err


def test_damaged_files_say_so(folder, tmp_path, capsys):
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    assert translate.main(["--model", str(tmp_path), "x"]) == 1 and "is damaged" in capsys.readouterr().err
    (tmp_path / "tokenizer.json").unlink()
    assert (
        translate.main(["--model", str(tmp_path), "x"]) == 1
        and "needs the tokeniser" in capsys.readouterr().err
    )


def test_text_that_is_not_utf8_says_so(folder, tmp_path, capsys):
    (tmp_path / "latin").write_bytes("Männer".encode("latin-1"))
    assert translate.main(["--model", str(folder), "--file", str(tmp_path / "latin")]) == 1
    assert "not UTF-8" in capsys.readouterr().err


def test_a_sentence_too_long_names_itself(folder):
    model, tokenizer, *_ = load_translator(folder)
    with pytest.raises(ValueError, match="longer than the 511 that the model can read: 'Hund Hund"):
        translate_batch(model, tokenizer, ["kurz", "Hund " * 600])


def test_sentences_are_told_apart_by_capitals_and_not_by_dots():
    text = "Ein Kind feiert am 3. Mai mit Dr. Weiss, z. B. Hans. Es lacht! Ja? nein."
    parts = translate.SENTENCE_END.split(text)
    assert parts == ["Ein Kind feiert am 3. Mai mit Dr. Weiss, z. B. Hans.", "Es lacht!", "Ja? nein."]


def test_a_string_is_not_a_list(folder):
    with pytest.raises(TypeError, match=r"Write \[text\]"):
        load_translator(folder).translate("der Hund schläft.")


# --- The translator that comes with the series --------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    return load_translator()


def test_the_shipped_files_are_small_and_have_their_card(tmp_path):
    files = {path.name: path.stat().st_size for path in translate.SHIPPED.iterdir()}
    assert set(files) == {"model.safetensors", "tokenizer.json", "card.json", "CARD.md"}
    assert files["model.safetensors"] + files["tokenizer.json"] <= 12 * 2**20
    card = json.loads((translate.SHIPPED / "card.json").read_text(encoding="utf-8"))
    assert card["scores"]["sacrebleu_lowercase"]["score"] >= 33
    text = (translate.SHIPPED / "CARD.md").read_text(encoding="utf-8")
    assert card["training"]["command"] in text and "non-commercial" in text and "W16-3210" in text
    write_card(tmp_path, card)
    for name in ("CARD.md", "card.json"):
        stored = (translate.SHIPPED / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == stored


@pytest.mark.parametrize(
    ("german", "words"),
    [
        ("Zwei Hunde spielen im Schnee.", {"two", "dogs", "play", "snow"}),
        ("Eine Frau liest ein Buch.", {"woman", "book"}),
        ("Ein kleines Mädchen sitzt auf einem roten Fahrrad.", {"girl", "bike"}),
    ],
)
def test_the_shipped_model_translates(shipped, german, words):
    (english,) = shipped.translate([german])
    found = english.lower().replace("bicycle", "bike")
    assert sum(word in found for word in words) >= len(words) - 1, english


def test_a_batch_gives_the_same_as_single_sentences(shipped):
    sentences = [
        "Ein Mann.",
        "Zwei Hunde spielen im Schnee.",
        "",
        "Eine Frau mit einem roten Hut liest ein Buch.",
    ]
    assert shipped.translate(sentences) == [shipped.translate([s])[0] for s in sentences]


def test_sentences_outside_its_world_still_get_an_answer(shipped):
    texts = ["The weather is nice.", "猫が好きです", "!!!", "x" * 300, "   "]
    answers = shipped.translate(texts)
    assert len(answers) == 5 and answers[4] == ""
    assert all("<" not in answer and "\u2581" not in answer for answer in answers)


def test_greedy_rows_hold_no_padding(shipped):
    rows = greedy_decode(shipped.model, shipped.model.src_embedding.weight.new_tensor([[5, 6, 2]]).long())
    assert all(PAD_ID not in row for row in rows)


def test_the_command_imports_nothing_it_does_not_need():
    unwanted = {"matplotlib", "sacrebleu", "numpy.testing"}
    code = f"import sys, helpers.translate; print({unwanted} & set(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert answer.stdout.strip() == "set()"
