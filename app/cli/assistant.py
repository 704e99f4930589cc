"""Verbs of reading texts: measure, train, and choose which trained models give a second opinion."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.text.evaluating import EVALUATIONS, percentile
from app.domain.text.labelled import Labelled
from app.domain.text.polarity import Polarity, Writer
from app.domain.text.reading import Reading, Words, read_text
from app.domain.text.tagging import TextPack
from app.integrations.text_files import FOLDER, read_labelled, read_text_pack, text_pack
from app.models.profile.risk import ModelKind, TrainedModel
from app.models.trust.audit import record
from app.services.profile.text_tagging import install_text_tags
from app.settings import Settings

_PACKS: Final = Path(__file__).resolve().parents[2] / "packs"
_TRIES: Final = 3
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def assistant() -> None:
    """Reading what people write: measure it, train second opinions, choose models."""


@assistant.command("eval")
@click.option("--task", type=click.Choice(sorted(EVALUATIONS)), required=True)
@click.option("--file", "file", type=_FILE, required=True, help="Labelled texts, one JSON a line.")
@click.option(
    "--writer", type=click.Choice([one.value for one in Writer]), help="Who wrote all of them."
)
@click.option(
    "--packs", type=click.Path(exists=True, file_okay=False, path_type=Path), default=_PACKS,
    help="Where the hospital's packs are.",
)  # fmt: skip
@click.option("--errors", is_flag=True, help="Name on stderr what was read otherwise.")
def evaluate(task: str, file: Path, writer: str | None, packs: Path, errors: bool) -> None:
    """Read labelled texts and print how well, as JSON on the last line. Needs no database."""
    pack, texts = _read_pack(packs), _read_texts([file])
    asked = Writer(writer) if writer else None
    readings, times = _read_all(texts, pack.words, asked)
    if errors:
        _tell_errors(texts, readings, pack.words)
    report = {
        "task": task,
        "file": file.name,
        "words": pack.words.version,
        **EVALUATIONS[task](zip(texts, readings, strict=True), pack.words.lexicon),
        "p50_ms": round(percentile(times, 0.5), 3),
        "p95_ms": round(percentile(times, 0.95), 3),
    }
    print(json.dumps(report, ensure_ascii=False))


@assistant.command("train")
@click.option("--task", type=click.Choice(["tags"]), required=True)
@click.option(
    "--data", multiple=True, type=_FILE,
    help="Labelled texts; again for more files. Without: our own.",
)  # fmt: skip
@click.option("--held-out", type=_FILE, help="Texts to judge by, not trained on. Without: our own.")
@click.option("--activate", is_flag=True, help="Put those to use that are better than the rules.")
@click.option(
    "--packs", type=click.Path(exists=True, file_okay=False, path_type=Path), default=_PACKS
)
@with_database
def train(
    loaded: Settings,
    engine: Engine,
    *,
    task: str,
    data: tuple[Path, ...],
    held_out: Path | None,
    activate: bool,
    packs: Path,
) -> None:
    """Train a linear model per label and say how good each is; JSON on the last line."""
    # scikit-learn takes a second to load: no other verb waits for it.
    from app.services.profile import text_training as training

    pack = _read_pack(packs)
    files = list(data) or [packs / FOLDER / "sentences.jsonl"]
    judge_by = held_out or packs / FOLDER / "held_out.jsonl"
    texts, judged = _read_texts(files), _read_texts([judge_by])
    known = {one.text for one in judged}
    texts = [one for one in texts if one.text not in known]
    if not texts:
        raise Failed("没有可以用来训练的文字")
    corpus = training.Corpus(
        texts, _read_all(texts, pack.words, None)[0], tuple(one.name for one in files)
    )
    rest = training.Corpus(judged, _read_all(judged, pack.words, None)[0], (judge_by.name,))
    told: dict[str, Any] = {}
    for label in training.LABELS:
        trained = training.train(corpus, rest, label)
        print(f"{label.key}: {trained.refused or 'better than the rules alone'}", file=sys.stderr)
        told[label.key] = {**trained.report, "refused": trained.refused}
        if trained.weights:
            told[label.key] |= _keep(trained, activate=activate)
    print(json.dumps({"task": task, "labels": told}, ensure_ascii=False))


def _keep(trained: Any, *, activate: bool) -> dict[str, Any]:
    from app.services.profile import text_training as training

    now = clock.now()
    with unit_of_work.begin() as session:
        row = training.keep(session, trained, now, activate=activate)
        detail = {"model": row.key, "version": row.version, "active": bool(row.is_active)}
        record(session, OPERATOR, "train", "trained-model", now, detail=detail)
        return {"version": row.version, "active": bool(row.is_active)}


@assistant.command("models")
@with_database
def models(loaded: Settings, engine: Engine) -> None:
    """List the trained models, newest first; * is in use."""
    with unit_of_work.begin() as session:
        rows = session.scalars(
            select(TrainedModel).filter_by(kind=ModelKind.TAG).order_by(TrainedModel.id.desc())
        )
        for row in rows:
            used = "*" if row.is_active else " "
            held = row.report.get("held_out") or {}
            f1 = (held.get("combined") or {}).get("f1")
            told = row.report.get("refused") or "may be used"
            print(f"{used} {row.key}@{row.version:<3} F1 {f1}  {told}")


@assistant.command("activate")
@click.argument("model")
@with_database
def activate(loaded: Settings, engine: Engine, *, model: str) -> None:
    """Put MODEL (label@version) to use; one that was refused stays unused."""
    from app.services.profile import text_training as training

    with unit_of_work.begin() as session:
        row = _find(session, model)
        if row.report.get("refused"):
            raise Failed(f"{model}: {row.report['refused']}")
        training.use(session, row)
        record(session, OPERATOR, "activate", "trained-model", clock.now(), detail={"model": model})
    print(f"{model} is in use")


@assistant.command("retire")
@click.argument("model")
@with_database
def retire(loaded: Settings, engine: Engine, *, model: str) -> None:
    """Take MODEL (label@version) out of use; the rules go on alone."""
    with unit_of_work.begin() as session:
        _find(session, model).is_active = None
        record(session, OPERATOR, "retire", "trained-model", clock.now(), detail={"model": model})
    print(f"{model} rests")


def install_texts(packs: Path) -> None:
    """Bring the tags that texts may give into the library."""
    try:
        pack = text_pack(packs)
    except InvalidDefinition as problem:
        raise Failed(str(problem)) from None
    if pack is not None:
        with unit_of_work.begin() as session:
            install_text_tags(session, pack.tags.definitions, clock.now())


def _find(session: Session, model: str) -> TrainedModel:
    label, _, version = model.partition("@")
    number = int(version) if version.isdecimal() and len(version) < 9 else 0
    row: TrainedModel | None = session.scalar(
        select(TrainedModel).filter_by(kind=ModelKind.TAG, key=label, version=number)
    )
    if row is None:
        raise Failed(f"没有这个模型：{model}（见 assistant models）")
    return row


def _read_pack(packs: Path) -> TextPack:
    try:
        return read_text_pack(packs / FOLDER)
    except InvalidDefinition as problem:
        raise Failed(str(problem)) from None


def _read_texts(files: list[Path]) -> list[Labelled]:
    try:
        texts = [one for file in files for one in read_labelled(file)]
    except InvalidDefinition as problem:
        raise Failed(str(problem)) from None
    if not texts:
        raise Failed("文件里没有文字")
    return texts


def _read_all(
    texts: list[Labelled], words: Words, writer: Writer | None
) -> tuple[list[Reading], list[float]]:
    """Return the readings and the milliseconds each took: the best of three, as a busy neighbour
    tells nothing of the reading.
    """
    readings, times = [], []
    read_text(texts[0].text, words, texts[0].channel, writer)  # the first one warms the caches
    for done, one in enumerate(texts, start=1):
        tries = []
        for _ in range(_TRIES):
            begun = time.perf_counter()
            reading = read_text(one.text, words, one.channel, writer)
            tries.append(1000 * (time.perf_counter() - begun))
        readings.append(reading)
        times.append(min(tries))
        if sys.stderr.isatty() or done == len(texts):
            print(f"\r{done}/{len(texts)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return readings, times


def _tell_errors(texts: list[Labelled], readings: list[Reading], words: Words) -> None:
    """The texts are a test file's, not patients'."""
    for one, reading in zip(texts, readings, strict=True):
        wrong = {}
        for name, polarity in (("present", Polarity.PRESENT), ("absent", Polarity.ABSENT)):
            wanted = {words.lexicon.canonical(term) for term in getattr(one, name)}
            read = set(reading.terms(polarity))
            if wanted != read:
                wrong[name] = f"{sorted(wanted)} read {sorted(read)}"
        if one.adherence is not None and one.adherence is not reading.adherence:
            wrong["adherence"] = f"{one.adherence} read {reading.adherence}"
        if one.sentiment is not None and one.sentiment is not reading.sentiment:
            wrong["sentiment"] = f"{one.sentiment} read {reading.sentiment}"
        if one.flags != reading.flags:
            wrong["flags"] = f"{sorted(one.flags)} read {sorted(reading.flags)}"
        if wrong:
            print(one.text[:60], wrong, file=sys.stderr)
