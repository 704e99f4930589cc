"""The verbs of reading texts: measured, trained, chosen from the command line."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.cli.commands import main
from app.database import unit_of_work
from app.models.profile.risk import TrainedModel
from tests.conftest import ROOT, SECRET_KEYS

HELD_OUT = str(ROOT / "packs" / "text" / "held_out.jsonl")


def labelled(file: Path, rows: list[tuple[str, list[str]]]) -> str:
    """Write rows that all say nothing but their flags."""
    plain = {"channel": "chat", "present": [], "absent": [], "adherence": "none"}
    lines = [
        json.dumps({"text": text, "flags": flags, "sentiment": "neu", **plain})
        for text, flags in rows
    ]
    file.write_text("\n".join(lines), "utf-8")
    return str(file)


@pytest.fixture
def cli(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))


@pytest.mark.parametrize("task", ["tags", "symptoms"])
def test_measuring_ends_with_one_line_of_json(
    task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["assistant", "eval", "--task", task, "--file", HELD_OUT]) == 0

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["n"] > 100
    assert 0 < report["present"]["micro"]["f1"] <= 1
    assert report["p95_ms"] >= report["p50_ms"] > 0
    if task == "tags":
        assert report["negation"]["cases"] > 20
        assert set(report["sentiment"]["per_label"]) == {"pos", "neu", "neg"}


@pytest.mark.parametrize(
    "content", ["{", '{"text": 1}', '{"text": "好", "channel": "fax"}', "[]", "", "\n\n", "\xff"]
)
def test_a_file_that_cannot_be_read_ends_with_1(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_bytes(content.encode("latin-1" if content == "\xff" else "utf-8"))

    assert main(["assistant", "eval", "--task", "tags", "--file", str(file)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_an_unknown_task_or_a_missing_file_ends_with_2(tmp_path: Path) -> None:
    assert main(["assistant", "eval", "--task", "poems", "--file", HELD_OUT]) == 2
    missing = str(tmp_path / "none.jsonl")
    assert main(["assistant", "eval", "--task", "tags", "--file", missing]) == 2


@pytest.mark.usefixtures("cli")
def test_a_model_is_trained_kept_used_and_retired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words that no rule knows, so that the model must add to the rules."""
    names = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往"
    grumbles = [(f"{one}窗口摆着一张冷脸", ["complaint"]) for one in names]
    greetings = [(f"{one}路公交到你们那儿", []) for one in names]
    data = labelled(tmp_path / "data.jsonl", [*grumbles[8:], *greetings[8:]])
    held = labelled(tmp_path / "held.jsonl", [*grumbles[:8], *greetings[:8]])

    verb = ["assistant", "train", "--task", "tags", "--data", data, "--held-out", held]
    assert main([*verb, "--activate"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["labels"]
    assert told["complaint"]["refused"] is None
    assert told["complaint"]["active"] is True
    assert told["complaint"]["held_out"]["rules"]["f1"] == 0
    assert told["complaint"]["held_out"]["combined"]["f1"] == 1
    assert len(told["complaint"]["sha256"]) == 64
    assert "positives" in told["anxiety"]["refused"]  # and nothing is kept of it

    assert main([*verb, "--activate"]) == 0
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(TrainedModel.key, TrainedModel.version, TrainedModel.is_active)
        ).all()
    assert sorted(map(tuple, rows)) == [("complaint", 1, None), ("complaint", 2, True)]

    assert main(["assistant", "activate", "complaint@1"]) == 0
    assert main(["assistant", "retire", "complaint@1"]) == 0
    capsys.readouterr()
    assert main(["assistant", "models"]) == 0
    assert "*" not in capsys.readouterr().out
    assert main(["assistant", "activate", "complaint@9"]) == 1


@pytest.mark.usefixtures("cli")
def test_a_model_no_better_than_the_rules_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃列张寒来暑往"
    rows = [(f"{one}号窗口我要投诉", ["complaint"]) for one in names]
    rows += [(f"{one}路公交到你们那儿", []) for one in names]
    data = labelled(tmp_path / "data.jsonl", rows)
    held = labelled(tmp_path / "held.jsonl", [
        *[(f"第{one}次投诉了", ["complaint"]) for one in range(6)], ("你好", []),
    ])  # fmt: skip

    verb = ["assistant", "train", "--task", "tags", "--data", data, "--held-out", held]
    assert main([*verb, "--activate"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["labels"]["complaint"]
    assert "no better than the rules" in told["refused"]
    assert told["active"] is False
    assert main(["assistant", "activate", "complaint@1"]) == 1
