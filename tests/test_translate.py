"""The two commands, with a small model trained for the occasion, and the series' own translator."""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from helpers import decoding, grammar, score, train, translate
from helpers.card import machine, sample_score, split, write_card
from helpers.card import score as bleu
from helpers.checkpoints import read_tensors, write_tensors
from helpers.data import PAD_ID, train_tokenizer
from helpers.decoding import greedy_decode, translate_batch
from helpers.multi30k import cache_folder, multi30k
from helpers.probes import PROBES, contains, probe
from helpers.translate import load_translator

ROOT = Path(__file__).parents[1]
QUICK = ["--epochs", "2", "--average-last", "0", "--d-model", "16", "--n-heads", "2", "--n-layers", "1"]
QUICK += ["--d-ff", "8", "--vocab-size", "200"]


@pytest.fixture(scope="module", autouse=True)
def small_corpus():
    """The commands ask for 20,000 sentences; 700 do here."""
    with pytest.MonkeyPatch.context() as patch:
        corpus = grammar.grammar_corpus(700, 10)
        patch.setattr(grammar, "grammar_corpus", lambda *_: corpus)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a short training on the grammar corpus leaves behind."""
    out = tmp_path_factory.mktemp("trained")
    assert train.main(["--data", "grammar", "--out", str(out), *QUICK]) == 0
    return out


@pytest.fixture
def ask(folder, monkeypatch, capsys):
    """Call `helpers.translate` in this process: (exit code, lines out, text on standard error)."""

    def call(*arguments, text=b"", model=folder, **stdin):
        stdin = {"buffer": io.BytesIO(text), "isatty": lambda: False} | stdin
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(**stdin))
        code = translate.main(["--model", str(model), *arguments])
        out, err = capsys.readouterr()
        return code, out.split("\n")[:-1], err

    return call


def contents(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


# --- Training -----------------------------------------------------------------------------------------------


def test_training_leaves_a_model_and_its_card(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.safetensors", "tokenizer.json", "checkpoint.safetensors", "card.json", "CARD.md"}
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    command = card["training"]["command"]
    assert command.startswith("python -m helpers.train --out FOLDER --data grammar --direction de-en")
    assert "--epochs 2 " in command and "--n-heads 2" in command and "--seed 0" in command
    assert f"--device {translate.choose_device('auto')}" in command and card["sizes"]["joint_vocabulary"]
    assert "|case:lc|" in card["scores"]["sacrebleu_lowercase"]["signature"]
    text = (folder / "CARD.md").read_text(encoding="utf-8")
    assert "German to English" in text and f"{card['scores']['sacrebleu']['score']:.2f}" in text
    assert str(folder) not in text + json.dumps(card)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vocab-size", "200"], "Add --resume"),
        (["--resume", "--direction", "en-de"], "another training: sentences="),
        (["--resume", "--peak-lr", "0.5"], "peak_lr=0.01 instead of 0.5"),
        (["--resume", "--epochs", "1"], "epochs=1"),
    ],
)
def test_a_training_is_neither_overwritten_nor_mixed_with_another(folder, capsys, arguments, words):
    before = contents(folder)
    assert train.main(["--data", "grammar", "--out", str(folder), *QUICK, *arguments]) == 1
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and contents(folder) == before


def test_a_model_without_a_checkpoint_is_kept(folder, tmp_path, capsys):
    (tmp_path / "model.safetensors").write_bytes(b"a model")
    assert train.main(["--out", str(tmp_path), *QUICK, "--resume"]) == 1
    assert "no checkpoint to go on from" in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"a model"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(KeyboardInterrupt(), 130, "--resume goes on"), (MemoryError(), 1, ": MemoryError")]
    + [(RuntimeError("out of memory\nat frame 1"), 1, ": out of memory\n")],
)
def test_a_training_that_breaks_off_says_so(tmp_path, capsys, monkeypatch, error, code, words):
    monkeypatch.setattr(train, "load_splits", lambda *_: (_ for _ in ()).throw(error))
    assert train.main(["--out", str(tmp_path)]) == code
    err = capsys.readouterr().err
    assert words in err and err.strip().count("\n") == 0


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--vocab-size", "1000000000", "a model of 16,000,"),
        ("--vocab-size", "5", "too small"),
        ("--d-model", "10000000", "weights"),
        ("--d-model", "-8", "d_model=-8"),
        ("--d-model", "15", "d_model=15 cannot be split"),
        ("--d-ff", "-1", "d_ff=-1"),
        ("--d-ff", "0", "d_ff=0"),
        ("--n-heads", "3", "n_heads=3"),
        ("--n-layers", "1000000000", "weights"),
        ("--dropout", "nan", "dropout=nan"),
        ("--peak-lr", "0", "peak_lr=0"),
        ("--warmup-steps", "0", "warmup_steps=0"),
        ("--max-tokens", "0", "max_tokens=0"),
        ("--epochs", "0", "epochs=0"),
        ("--average-last", "3", "average_last=3"),
        ("--seed", str(2**70), "seed=1180591620717411303424"),
        ("--device", "cuda", "device cuda: PyTorch finds none"),
        ("--out", "", "--out is empty"),
        ("--out", str(translate.SHIPPED), "the translator of the series"),
    ],
)
def test_bad_settings_are_one_line(tmp_path, capsys, monkeypatch, option, value, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = contents(translate.SHIPPED)
    assert train.main(["--out", str(tmp_path / "out"), *QUICK, "--resume", option, value]) == 1
    err = capsys.readouterr().err
    assert err.startswith("helpers.train: ") and words in err and err.count("\n") == 1
    assert contents(translate.SHIPPED) == before and not any(tmp_path.rglob("*.*"))


def test_auto_takes_the_fastest_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [translate.choose_device(name) for name in ("auto", "cpu", "mps")] == ["cuda", "cpu", "mps"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert translate.choose_device("auto") == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert translate.choose_device("auto") == "cpu"


def test_the_card_names_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GPU 1")
    assert machine("cuda") == f"GPU 1 and {machine('cpu')}" and machine("mps").startswith("an Apple GPU and ")


def test_the_training_runs_on_the_chosen_device(tmp_path, capsys, monkeypatch):
    def stop(*_, device, **__):
        raise ValueError(device)

    monkeypatch.setattr(train, "train", stop)
    assert train.main(["--out", str(tmp_path), *QUICK, "--device", "cpu"]) == 1
    assert capsys.readouterr().err == "helpers.train: cpu\n"


def test_the_other_direction_swaps_the_sides():
    (german, english), *_ = train.load_splits("grammar", "de-en")[0]
    assert train.load_splits("grammar", "en-de")[0][0] == (english, german)


def test_an_unwritable_output_folder_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert train.main(["--out", str(tmp_path / "file" / "out"), *QUICK]) == 1
    assert capsys.readouterr().err.startswith("helpers.train: ")


@pytest.mark.parametrize("command", [train, translate])
def test_help_shows_an_example_and_the_defaults(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    text = capsys.readouterr().out
    assert f"{translate.interpreter()} -m {command.__name__} " in text.split("example:")[1]
    assert command is translate or "(default: multi30k 6000, grammar 900)" in " ".join(text.split())


def test_the_interpreter_is_named_as_it_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / ".venv" / "python", tmp_path.parent / "bin" / "python"):
        monkeypatch.setattr(sys, "executable", str(path))
        inside = path.is_relative_to(tmp_path)
        assert translate.interpreter() == str(Path(".venv", "python") if inside else path)
    monkeypatch.setattr("shutil.which", lambda name: str(path))
    assert translate.interpreter() == "python"


# --- Scoring ------------------------------------------------------------------------------------------------


def test_scores_have_intervals_that_shrink_with_more_sentences():
    answers = [f"A dog number {i} runs over the grass." for i in range(60)]
    wrong = [a.replace("dog", "cat") if i % 3 else a for i, a in enumerate(answers)]
    assert bleu(answers, answers)["sacrebleu"] | {"signature": ""} == {
        "score": 100.0, "interval": 0.0, "signature": "",
    }  # fmt: skip
    few, many = bleu(wrong[:15], answers[:15])["sacrebleu"], bleu(wrong * 4, answers * 4)["sacrebleu"]
    assert 0 < many["interval"] < few["interval"] / 2
    assert bleu(wrong, answers)["exact_match"] == pytest.approx(1 / 3, abs=1e-3)


def test_text_is_split_at_punctuation_as_in_the_published_row():
    assert split(["Two dogs' T-shirts, 3.5 m!"]) == ["two dogs ' t - shirts , 3 . 5 m !"]


def test_a_model_is_scored_by_one_command(folder, capsys):
    arguments = ["--model", str(folder), "--data", "grammar", "--sentences", "5"]
    assert score.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["greedy"] * 5 + ["beam"] * 5
    assert "±" in lines[0] and "|tok:13a|" in lines[0]
    assert score.main([*arguments, "--split", "valid"]) == 0 and capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--sentences", "0"], "sentences=0"), (["--model", "nowhere"], "no file nowhere")],
)
def test_what_cannot_be_scored_is_one_line(arguments, words, capsys):
    assert score.main(["--data", "grammar", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith("helpers.score: ") and words in err and err.count("\n") == 1


def test_probes_ask_for_words_and_not_for_letters_inside_them():
    assert contains("It is not a dog.", "dog, not|n't") and contains("Is it?", r"it, \?")
    assert not contains("A notable doge", r"not\b") and not contains("A hotdog.", "dog")
    assert not contains("Many songs.", r"man\b") and not contains("Many songs.", r"son\b")
    right = {
        "captions": "A man in a red helmet climbs up a cliff.",
        "ihn, a thing": "A man throws a ball, and his dog catches it.",
        "ihn, a person": "A woman sees her son and hugs him.",
        "questions": "What is the man doing on the roof?",
        "negation": "The man isn't wearing a hat.",
        "no caption": "I have forgotten my key.",
    }
    for kind, english in right.items():
        german, needed = next(iter(PROBES[kind].items()))
        assert contains(english, needed), english
        assert not contains(german, needed)
    assert contains("the man wears no hat", PROBES["negation"]["Der Mann trägt keinen Hut."])


# --- Translating --------------------------------------------------------------------------------------------


def test_one_line_out_per_line_in(folder):
    text = "der Hund schläft.\n\n   \nEin Satz. Noch ein Satz!\nMännlein\n"
    answer = subprocess.run(
        [sys.executable, "-m", "helpers.translate", "--model", str(folder)], cwd=ROOT, input=text,
        capture_output=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    lines = answer.stdout.split("\n")
    assert answer.returncode == 0 and answer.stderr == ""
    assert len(lines) == 6 and lines[1] == lines[2] == lines[5] == ""


def test_a_file_gives_the_same_as_standard_input(ask, tmp_path):
    text = "der Hund schläft.\r\n\r\ndie Frau liest.".encode()
    (tmp_path / "in.txt").write_bytes(b"\xef\xbb\xbf" + text)
    code, lines, err = ask("--file", str(tmp_path / "in.txt"))
    assert (code, err) == (0, "") and len(lines) == 3
    assert ask(text=text) == ask(text=b"\xef\xbb\xbf" + text) == (code, lines, err)


def test_each_line_stands_for_itself(ask):
    good = "der Hund schläft.".encode()
    bad = [b"M\xe4nner", b"Hund " * 600, "Mütter".encode("utf-16-le")]
    code, lines, err = ask(text=b"\n".join([good, bad[0], good, good, bad[1], bad[2], good]))
    (answer,) = ask(good.decode())[1]
    assert code == 1 and answer and lines == [answer, "", answer, answer, "", "", answer]
    said = err.splitlines()
    for line, start, words in zip(
        said, ("line 2", "line 5", "line 6"), ("not UTF-8", "511", "not UTF-8"), strict=True
    ):
        assert line.startswith(f"helpers.translate: {start}: ") and words in line


def test_lines_come_in_chunks_and_at_a_terminal_one_by_one(ask, monkeypatch):
    sizes = []
    monkeypatch.setattr(translate, "translate_batch", lambda *args: sizes.append(len(args[2])) or args[2])
    ask(text=b"Hund\n" * 1100)
    assert sizes == [1024, 76]

    def typed():
        yield b"Hund\n"
        assert sizes[2:] == [1]
        yield b"Katze\n"
        raise KeyboardInterrupt

    code, lines, err = ask(buffer=typed(), isatty=lambda: True)
    assert code == 130 and lines == ["Hund", "Katze"] and "press Enter" in err and err.count("\n") == 1


def test_a_long_wait_shows_that_it_goes_on(ask, monkeypatch):
    seen = []
    monkeypatch.setattr(decoding, "progress", lambda batches, **_: (seen.append(b) or b for b in batches))
    ask("--batch-size", "2", text=b"der Hund\n" * 5)
    assert seen == [0, 2, 4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--file", "no-such-file"], "no-such-file"),
        (["--file", ""], "No such file"),
        (["--file", "."], "'.'"),
        (["--file", "x", "y"], "not both"),
        (["--model", "no-such-folder", "x"], "Train a model first"),
        (["--model", "", "x"], "Train a model first"),
        (["--device", "cuda", "x"], "device cuda: PyTorch finds none"),
        (["M\udce4nner"], "line 1: the text is not UTF-8"),
        (["\ud800"], "surrogates"),
    ],
)
def test_bad_arguments_are_one_line(ask, monkeypatch, arguments, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, lines, err = ask(*arguments)
    assert code in (1, 2) and not any(lines) and words in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("stream", "words"), [("stdin", "standard input is"), ("stdout", "standard output is")]
)
def test_a_closed_stream_says_so(folder, monkeypatch, capsys, stream, words):
    monkeypatch.setattr(sys, stream, None)
    assert translate.main(["--model", str(folder)]) == 1
    assert f"{words} closed" in capsys.readouterr().err


def test_a_closed_standard_error_leaves_the_rest_as_it_is(folder, monkeypatch, capsys):
    monkeypatch.delenv("TRANSFORMER_QUIET", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys, "stderr", None)
    assert translate.main(["--model", str(folder), "der Hund", "Hund " * 600]) == 1
    assert translate.main(["--model", str(folder), "der Hund schläft."]) == 0
    first, second, end = capsys.readouterr().out.split("\n")
    assert first == end == "" and second


def test_a_closed_standard_error_sends_no_error_elsewhere(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert train.main(["--out", ""]) == 1 and capsys.readouterr().out == ""


def test_a_reader_that_has_seen_enough_is_no_error(ask, monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert ask("der Hund schläft.") == (1, [], "")


def test_a_tokeniser_that_shortens_or_fills_up_does_neither(folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    _, tokenizer = load_translator(folder)
    expected = tokenizer.encode("der Hund").ids
    tokenizer.enable_truncation(1)
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert load_translator(tmp_path).tokenizer.encode("der Hund").ids == expected


def test_a_sentence_too_long_names_itself(folder):
    model, tokenizer, *_ = load_translator(folder)
    with pytest.raises(ValueError, match="longer than the 511 that the model can read: 'Hund Hund"):
        translate_batch(model, tokenizer, ["kurz", "Hund " * 600])


# --- Files that come from elsewhere -------------------------------------------------------------------------


def sizes(**changed):
    return lambda about, _: about["sizes"].update(changed)


def tensor(name, value):
    return lambda _, tensors: tensors.update({name: value})


def tiny_layers(about, tensors):
    """More layers than tensors, although there are numbers enough for them."""
    about["sizes"].update(d_model=2, n_heads=1, d_ff=1, n_layers=60)
    tensors["more"] = torch.ones(100_000)


NORM = "encoder.norm.weight"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda about, _: about.update(sizes=[1]), "holds no model sizes"),
        (lambda about, _: about["sizes"].clear(), "src_vocab_size"),
        (sizes(colour="red"), "colour"),
        (sizes(d_model="16"), "d_model='16'"),
        (sizes(dropout=math.nan), "dropout=nan"),
        (sizes(n_heads=3), "n_heads=3"),
        (sizes(d_model=2**40), "'d_model': 1099511627776"),
        (sizes(src_vocab_size=10**12, tgt_vocab_size=10**12), "1000000000000"),
        (sizes(n_layers=10**9), "1000000000"),
        (sizes(max_len=10**12), "1000000000000"),
        (tiny_layers, "'n_layers': 60"),
        (sizes(d_ff=4), "the first is decoder.layers.0.feed_forward"),
        (lambda _, tensors: tensors.pop(NORM), f"the first is {NORM}"),
        (tensor("more", torch.ones(1)), "the first is more"),
        (tensor(NORM, torch.ones(15)), f"the first is {NORM}"),
        (tensor(NORM, torch.ones(16, dtype=torch.int64)), f"{NORM} holds what is no weight"),
        (tensor(NORM, torch.full((16,), math.nan)), f"{NORM} holds what is no weight"),
        (tensor(NORM, torch.full((16,), 1e39, dtype=torch.float64)), f"{NORM} holds what is no weight"),
    ],
)
def test_a_hostile_model_is_one_line(folder, tmp_path, ask, damage, words):
    tensors, about = read_tensors(folder / "model.safetensors")
    damage(about, tensors)
    write_tensors(tmp_path / "model.safetensors", tensors, about)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    code, lines, err = ask("x", model=tmp_path)
    assert (code, lines) == (1, []) and words in err and err.count("\n") == 1


@pytest.mark.parametrize("about", ["[]", "5", "null", "{", "[" * 100_000])
def test_a_hostile_header_is_one_line(tmp_path, ask, monkeypatch, about):
    monkeypatch.setattr("json.dumps", lambda *_, **__: about)
    write_tensors(tmp_path / "model.safetensors", {"x": torch.ones(1)}, {})
    code, lines, err = ask("x", model=tmp_path)
    assert (code, lines) == (1, []) and "model.safetensors" in err and err.count("\n") == 1


def model_of(**changes):
    """Changes what the tokeniser file says of its model."""
    return lambda text: json.dumps((file := json.loads(text)) | {"model": file["model"] | changes})


def swap_special(text):
    file = json.loads(text)
    file["model"]["vocab"] |= {"<s>": 2, "</s>": 1}
    return json.dumps(file | {"added_tokens": []})


def leave_a_hole(text):
    file = json.loads(text)
    vocab = file["model"]["vocab"]
    vocab[max(vocab, key=vocab.get)] += 1
    return json.dumps(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "needs the tokeniser"),
        (lambda text: "{", "is damaged"),
        (model_of(unk_token="nowhere"), "is damaged"),
        (lambda text: train_tokenizer(["abc"], 12).to_str(), "not the tokeniser of this model"),
        (swap_special, "not the tokeniser of this model"),
        (leave_a_hole, "not the tokeniser of this model"),
    ],
)
def test_a_hostile_tokeniser_is_one_line(folder, tmp_path, ask, change, words):
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    if change:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        (tmp_path / "tokenizer.json").write_text(change(text), encoding="utf-8")
    code, lines, err = ask("x", model=tmp_path)
    assert (code, lines) == (1, []) and words in err and err.count("\n") == 1


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


def test_the_card_of_the_shipped_model_holds(shipped):
    card = json.loads((translate.SHIPPED / "card.json").read_text(encoding="utf-8"))
    found = probe(shipped)
    assert found.keys() == card["probes"].keys()
    for kind, counts in card["probes"].items():
        assert found[kind]["of"] == counts["of"] and abs(found[kind]["right"] - counts["right"]) <= 1
    names = [cache_folder() / f"test_2016_flickr.{language}.gz" for language in ("de", "en")]
    if not all(name.exists() for name in names):
        pytest.skip("the captions are not there")
    assert sample_score(*shipped, multi30k("test")) == pytest.approx(card["sample"], abs=0.3)


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
    texts = ["The weather is nice.", "猫が好きです", "!!!", "x" * 15, "   "]
    answers = shipped.translate(texts)
    assert len(answers) == 5 and answers[4] == ""
    assert all("<" not in answer and "\u2581" not in answer for answer in answers)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("猫が好きです。", True),
        ("مرحبا بالعالم", True),
        ("😀", True),
        ("Hund 😀", False),
        ("Eine Frau.", False),
    ]
    + [("Ein Mädchen, 3 Hunde: A\u0308pfel!", False), ("?!", False), ("", False)],
)
def test_letters_that_the_model_has_never_seen_are_noticed(shipped, text, foreign):
    assert shipped.is_foreign(text) == foreign


def test_unseen_letters_are_one_line(shipped, ask):
    code, lines, err = ask(text="Ein Hund.\n猫\n".encode(), model=translate.SHIPPED)
    assert code == 0 and len(lines) == 2 and err.startswith("helpers.translate: line 2: most of its letters")
    assert err.count("\n") == 1


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
