"""Which forms there are, in which versions, and what their answers came to."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.plans.questionnaires import Scale, parse_questionnaire
from app.models import Pack, PublicationStatus, Questionnaire, QuestionnaireResponse

# The newest so many are counted: enough for shares, and a page in time.
MOST: Final = 5000
_COUNTED: Final = (FormStatus.COMPLETED, FormStatus.AMENDED)


@dataclass(frozen=True, slots=True)
class FormLine:
    """One form with its newest version; `answers` are those of all versions."""

    key: str
    title: str
    version: int
    status: PublicationStatus
    versions: int
    pack: str | None
    questions: int
    dangers: int
    answers: int


@dataclass(frozen=True, slots=True)
class ScaleResult:
    scale: Scale
    values: int
    mean: Decimal | None
    bands: Sequence[tuple[str, int]]  # the text of each band, how many answers lie in it


@dataclass(frozen=True, slots=True)
class FormView:
    """One version, its brothers, and what was answered to it since a day."""

    form: Form
    status: PublicationStatus
    pack: str | None
    source: str | None
    versions: Sequence[tuple[int, PublicationStatus]]
    answers: int
    drafts: int
    scales: Sequence[ScaleResult]


def list_forms(session: Session, since: datetime) -> Sequence[FormLine]:
    """Return every form by title, with how often it was answered since a moment."""
    rows: dict[str, list[Questionnaire]] = defaultdict(list)
    for row in session.scalars(select(Questionnaire).order_by(Questionnaire.version.desc())):
        rows[row.key].append(row)
    counted = session.execute(
        select(Questionnaire.key, func.count().label("number"))
        .join(QuestionnaireResponse, QuestionnaireResponse.questionnaire_id == Questionnaire.id)
        .where(
            QuestionnaireResponse.status.in_(_COUNTED), QuestionnaireResponse.authored_at >= since
        )
        .group_by(Questionnaire.key)
    )
    answered = {row.key: row.number for row in counted}
    titles = _pack_titles(session)
    lines = [_line(versions, titles, answered) for versions in rows.values()]
    return sorted(lines, key=lambda one: one.title)


def read_form(session: Session, key: str, version: int, since: datetime) -> FormView:
    """:raises NotFound: there is no such version"""
    rows = session.scalars(
        select(Questionnaire).filter_by(key=key).order_by(Questionnaire.version.desc())
    ).all()
    row = next((one for one in rows if one.version == version), None)
    if row is None:
        raise NotFound
    form = parse_questionnaire(row.definition)
    mine = QuestionnaireResponse.questionnaire_id == row.id
    recent = QuestionnaireResponse.authored_at >= since
    scored = session.scalars(
        select(QuestionnaireResponse.scale_scores)
        .where(mine, recent, QuestionnaireResponse.status.in_(_COUNTED))
        .order_by(QuestionnaireResponse.authored_at.desc())
        .limit(MOST)
    ).all()
    drafts = select(func.count()).where(
        mine, recent, QuestionnaireResponse.status == FormStatus.IN_PROGRESS
    )
    return FormView(
        form=form,
        status=row.status,
        pack=_pack_titles(session).get(row.pack_key or ""),
        source=_source(session, row, form),
        versions=[(one.version, one.status) for one in rows],
        answers=len(scored),
        drafts=session.scalar(drafts) or 0,
        scales=[_result(scale, [one or {} for one in scored]) for scale in form.scales],
    )


def _line(
    versions: Sequence[Questionnaire], titles: Mapping[str, str], answered: Mapping[str, int]
) -> FormLine:
    active = (one for one in versions if one.status is PublicationStatus.ACTIVE)
    shown = next(active, versions[0])
    form = parse_questionnaire(shown.definition)
    return FormLine(
        shown.key, shown.title, shown.version, shown.status, len(versions),
        titles.get(shown.pack_key or ""), len(form.items), len(form.dangers),
        answered.get(shown.key, 0),
    )  # fmt: skip


def _pack_titles(session: Session) -> dict[str, str]:
    rows = session.execute(select(Pack.key, Pack.title).order_by(Pack.id))
    return {row.key: row.title for row in rows}


def _source(session: Session, row: Questionnaire, form: Form) -> str | None:
    """Return the citation as the newest version of the pack has it."""
    content = session.scalar(
        select(Pack.content).filter_by(key=row.pack_key).order_by(Pack.id.desc()).limit(1)
    )
    sources = (content or {}).get("sources", {})
    return str(sources[form.source]) if form.source in sources else None


def _result(scale: Scale, scored: Sequence[Mapping[str, Mapping[str, str | None]]]) -> ScaleResult:
    told = [one[scale.key] for one in scored if scale.key in one]
    values = [Decimal(one["value"] or 0) for one in told]
    bands = Counter(one["band"] for one in told)
    mean = sum(values, Decimal(0)) / len(values) if values else None
    return ScaleResult(
        scale,
        len(values),
        mean.quantize(Decimal("0.1")) if mean is not None else None,
        [(band.text, bands.get(band.key, 0)) for band in scale.bands],
    )
