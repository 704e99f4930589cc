"""The builder: nested conditions as one plain form that says what it means after each press."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.console.segments import leaf_forms
from app.console.segments.answering import SLOW, Answer, answer, find
from app.console.segments.blueprint import views
from app.console.segments.draft import MODES, Draft
from app.console.segments.draft_data import Lists, Reading, draft_of, field_id, read_draft
from app.console.segments.examples import EXAMPLES
from app.console.segments.posted import Order, apply, read_order, read_posted
from app.database import unit_of_work
from app.domain.criteria.population_wording import GENDERS
from app.domain.criteria.wording import describe
from app.domain.errors import DomainError, NotFound
from app.domain.segments.errors import InvalidSegment, SegmentChanged, SegmentNameTaken, TooSlow
from app.domain.segments.trees import read_tree
from app.domain.trust.access import Audience, Permission
from app.models.segments.choices import read_choices
from app.models.segments.names import names
from app.models.segments.reading import reading
from app.services.segments import explaining, sampling, segment_library
from app.services.segments.explaining import Explanation
from app.services.segments.sampling import Sample
from app.services.segments.segment_library import SegmentLine
from app.web import gate
from app.web.addresses import public_id
from app.web.staff import me

# Presses that only change the form: what is not filled in yet is not complained about.
_EDITS: Final = ("add", "group", "remove", "up", "down")


@dataclass(slots=True)
class Desk:
    """Everything one answer of the builder shows."""

    draft: Draft
    lists: Lists
    teams: dict[str, str]
    line: SegmentLine | None
    name: str = ""
    team: str = ""
    version: int = 0
    number: str = ""
    focus: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    told: Answer | None = None
    sample: Sample | None = None
    explanation: Explanation | None = None
    theirs: str = ""  # what somebody else saved meanwhile, as a sentence


@views.get("/new")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def new() -> AnyResponse:
    """Show an empty form, or one filled in with an example to change."""
    shown = _open(None)
    example = EXAMPLES.get(request.args.get("example", ""))
    if example is not None:
        shown.draft = draft_of(example.tree, shown.lists)
        with reading() as session:
            shown.told = answer(session, read_tree(example.tree))
    return _render(shown)


@views.get("/<segment_id>/edit")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def edit(segment_id: str) -> AnyResponse:
    """Show a segment as a form."""
    return _render(_open(segment_id))


@views.post("/new")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def build_new() -> AnyResponse:
    """Do what was pressed and show the form again, or save and lead to what was saved."""
    return _build(None)


@views.post("/<segment_id>/edit")
@gate.policy(Audience.STAFF, Permission.USE_SEGMENTS)
def build(segment_id: str) -> AnyResponse:
    """Do what was pressed with a saved segment."""
    return _build(segment_id)


def _open(segment_id: str | None) -> Desk:
    with reading() as session:
        lists = Lists(read_choices(session, me()))
        teams = segment_library.list_own_teams(session, me())
        if segment_id is None:
            return Desk(Draft.blank(), lists, teams, None)
        line = segment_library.read_segment(session, public_id(segment_id), me())
        draft = draft_of(line.tree, lists) if line.criterion is not None else Draft.blank()
        told = answer(session, line.criterion) if line.criterion is not None else None
    if line.team_id is not None:
        teams.setdefault(line.team_id, line.team_name or "")
    return Desk(
        draft, lists, teams, line, name=line.name, team=line.team_id or "",
        version=line.version, told=told,
    )  # fmt: skip


def _build(segment_id: str | None) -> AnyResponse:
    shown = _open(segment_id)
    form = request.form
    order = read_order(form)
    version = form.get("version", "")
    shown.draft = read_posted(form)
    shown.name, shown.team = form.get("name", "")[:200], form.get("team", "")
    shown.version = int(version) if version.isdecimal() and len(version) < 10 else 0
    shown.number = form.get("number", "").strip()[:64]
    shown.told = None
    shown.focus = apply(order, shown.draft, form)
    found = read_draft(shown.draft, shown.lists)
    if order.verb in ("save", "save-new"):
        saved = _save(shown, found, order)
        if saved is not None:
            return saved
    if order.verb not in _EDITS:
        shown.problems = {**found.problems, **shown.problems}
    if not found.problems:
        _answer(shown, found, order)
    return _render(shown)


def _answer(shown: Desk, found: Reading, order: Order) -> None:
    """Tell how many the tree means; where asked for, who for example, or why somebody."""
    criterion = read_tree(found.tree)
    with reading() as session:
        shown.told = answer(session, criterion)
    if order.verb == "sample":
        try:
            ids = find(criterion)
        except TooSlow:
            shown.problems["sample"] = SLOW
            return
        with unit_of_work.begin() as session:
            shown.sample = sampling.read_sample(
                session, ids, gate.actor(), clock.now(), clock.today()
            )
    if order.verb == "why":
        try:
            with unit_of_work.begin() as session:
                patient = order.about or explaining.find_by_number(
                    session, shown.number, gate.actor(), clock.now()
                )
                shown.explanation = explaining.explain(
                    session, criterion, names(session), public_id(patient), gate.actor(),
                    clock.now(), clock.HOSPITAL,
                )  # fmt: skip
        except NotFound:
            shown.problems["number"] = "没有找到这个病历号，或者不是您团队的患者"
    shown.focus = {"count": "result", "sample": "sample", "why": "why"}.get(order.verb, shown.focus)


def _save(shown: Desk, found: Reading, order: Order) -> AnyResponse | None:
    """Save and lead on; else note what is wrong."""
    if not shown.name.strip():
        shown.problems["name"] = "请给这个人群起个名称"
    if found.problems or shown.problems:
        return None
    wanted = segment_library.Draft(shown.name, found.tree, shown.team or None)
    line, now = shown.line, clock.now()
    try:
        with unit_of_work.begin() as session:
            if line is None or order.verb == "save-new":
                saved = segment_library.save_segment(session, wanted, gate.actor(), now)
                segment_id = saved.public_id
            else:
                segment_id = line.public_id
                segment_library.change_segment(
                    session, segment_id, shown.version, wanted, gate.actor(), now
                )
    except SegmentChanged:
        _show_theirs(shown)
    except (SegmentNameTaken, InvalidSegment) as problem:
        shown.problems["name"] = problem.title
    except NotFound:
        shown.problems["team"] = "请从列表中选择您的团队"
    except DomainError as problem:
        shown.problems["name"] = problem.title
    else:
        return redirect(url_for(".show", segment_id=segment_id, done="saved"), HTTPStatus.SEE_OTHER)
    return None


def _show_theirs(shown: Desk) -> None:
    """Say what somebody else saved; who saves again knows it."""
    line = shown.line
    shown.problems["save"] = SegmentChanged.title
    if line is None or line.criterion is None:
        return
    with reading() as session:
        shown.theirs = describe(line.criterion, names(session))
    shown.version = line.version


def _render(shown: Desk) -> AnyResponse:
    page = render_template(
        "console/segment_build.html", shown=shown, forms=leaf_forms, modes=MODES,
        field_id=field_id, genders=GENDERS, slow=SLOW,
        suggestions=_needed(shown),
        examples={} if shown.line or shown.draft.root.items else EXAMPLES,
    )  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if shown.problems else HTTPStatus.OK
    return make_response(page, status)


def _needed(shown: Desk) -> dict[str, Any]:
    """Return the lists of suggestions that the form's fields refer to."""
    used = {
        str(one.choices)
        for leaf in shown.draft.leaves()
        for one in leaf_forms.FORMS[leaf.kind].fields
        if one.widget is leaf_forms.Widget.SEARCH
    }
    return {name: words for name, words in shown.lists.suggestions().items() if name in used}
