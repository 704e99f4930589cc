"""Verbs on what goes to other systems: requests, their deliveries, and webhooks."""

import click
from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.database import unit_of_work
from app.domain.exchange.documents import ExamRequest, Priority
from app.domain.exchange.webhooks import KINDS
from app.domain.intake.hospital_records import Coded
from app.domain.trust.access import Actor
from app.integrations.bounded_http import is_callable
from app.models import OutboundDelivery, OutboundDocument, Patient, Practitioner, Webhook
from app.models.trust.audit import record
from app.services.exchange import deliveries, requesting, telling
from app.settings import Settings


@click.group()
def exchange() -> None:
    """What we ask of hospital systems, and what became of it."""


@exchange.command("show")
@click.option("--state", help="Only deliveries in this state (queued, calling, done, dead…).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@with_database
def show(loaded: Settings, engine: Engine, *, state: str | None, limit: int) -> None:
    """List the newest documents and deliveries: numbers and states, never what they say."""
    rows = (
        select(OutboundDelivery, OutboundDocument)
        .outerjoin(OutboundDocument, OutboundDocument.id == OutboundDelivery.document_id)
        .order_by(OutboundDelivery.id.desc())
        .limit(limit)
    )
    if state:
        rows = rows.where(OutboundDelivery.state == state)
    waiting = (
        select(OutboundDocument)
        .where(OutboundDocument.target.is_(None))
        .order_by(OutboundDocument.id.desc())
        .limit(limit)
    )
    with unit_of_work.begin() as session:
        if not state:
            for document in session.scalars(waiting):
                print(f"{document.number}  {document.kind:24} {document.status}")
        for delivery, sent in session.execute(rows):
            print(_line(delivery, sent))


def _line(delivery: OutboundDelivery, document: OutboundDocument | None) -> str:
    due = delivery.due_at.astimezone(clock.HOSPITAL)
    name = document.number if document else delivery.public_id
    told = f"{delivery.state} ({document.status})" if document else str(delivery.state)
    error = f"{delivery.error or ''} {delivery.error_code or ''}"
    return (
        f"{name:22}  {due:%m-%d %H:%M:%S}  {delivery.kind:24} {delivery.target:32} {told:20} "
        f"tries {delivery.tries} {error}".rstrip()
    )


@exchange.command("retry")
@click.argument("name")
@with_database
def retry(loaded: Settings, engine: Engine, *, name: str) -> None:
    """Send a dead or expired delivery again: by the document's number or the delivery's id."""
    now = clock.now()
    with unit_of_work.begin() as session:
        found = session.scalar(
            select(OutboundDelivery)
            .outerjoin(OutboundDocument, OutboundDocument.id == OutboundDelivery.document_id)
            .where(or_(OutboundDelivery.public_id == name, OutboundDocument.number == name))
        )
        if found is None:
            raise Failed(f"{name} is no delivery")
        deliveries.retry(session, found, now)
        record(
            session, OPERATOR, "retry", "outbound-delivery", now,
            detail={"delivery_id": found.id},
        )  # fmt: skip
    print("queued again")


@exchange.command("cancel")
@click.argument("number")
@with_database
def cancel(loaded: Settings, engine: Engine, *, number: str) -> None:
    """Take back a document of which nothing has left."""
    with unit_of_work.begin() as session:
        document = _document(session, number)
        requesting.withdraw(session, document.id, OPERATOR, clock.now())
    print("cancelled")


@exchange.command("request-exam")
@click.option("--patient", required=True, help="Public id of the patient.")
@click.option("--code", required=True, help="The hospital's code of the test or examination.")
@click.option("--name", required=True, help="What it is called.")
@click.option("--system", default="", help="Code system, where it is not the hospital's own.")
@click.option("--reason", default="", help="Why, for whoever does it.")
@click.option("--priority", type=click.Choice([one.value for one in Priority]), default="routine")
@click.option("--subject", required=True, help="What set it off; the same again asks nothing new.")
@click.option("--by", "userid", required=True, help="WeCom user id of who asks.")
@with_database
def request_exam(
    loaded: Settings,
    engine: Engine,
    *,
    patient: str,
    code: str,
    name: str,
    system: str,
    reason: str,
    priority: str,
    subject: str,
    userid: str,
) -> None:
    """Draft an examination request for a member of staff; `exchange approve` signs it."""
    exam = ExamRequest(Coded(code, name, system), Priority(priority), reason)
    with unit_of_work.begin() as session:
        who = session.scalar(select(Patient).filter_by(public_id=patient))
        if who is None:
            raise Failed("no such patient")
        asker = Actor("practitioner", _practitioner(session, userid).id, "cli")
        document = requesting.request_exam(session, who.id, exam, subject, asker, clock.now())
        print(f"{document.number}  {document.status}")


@exchange.command("approve")
@click.argument("number")
@click.option("--by", "userid", required=True, help="WeCom user id of who signs.")
@with_database
def approve(loaded: Settings, engine: Engine, *, number: str, userid: str) -> None:
    """Sign a drafted request in the name of a clinician who said so."""
    with unit_of_work.begin() as session:
        document = _document(session, number)
        signer = _practitioner(session, userid)
        requesting.approve(session, document.id, signer.id, clock.now(), origin="cli")
    print("approved")


@click.group()
def webhook() -> None:
    """Systems that are told of events."""


@webhook.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--event", "kinds", multiple=True, required=True, help="Repeat for several.")
@with_database
def add(loaded: Settings, engine: Engine, *, name: str, url: str, kinds: tuple[str, ...]) -> None:
    """Add a subscriber and print its secret, this once."""
    if not is_callable(url):
        raise click.BadParameter("an http(s) address without a user", param_hint="URL")
    now = clock.now()
    with unit_of_work.begin() as session:
        try:
            made, secret = telling.subscribe(session, name, url, kinds, now)
        except ValueError as problem:
            raise Failed(f"{problem}. Events: {', '.join(sorted(KINDS))}") from None
        _note(session, "create", made)
    print(secret)


@webhook.command("list")
@with_database
def list_(loaded: Settings, engine: Engine) -> None:
    """List the subscribers; addresses stay sealed, they often hold a key."""
    with unit_of_work.begin() as session:
        for one in session.scalars(select(Webhook).order_by(Webhook.name)):
            state = "active" if one.is_active else f"disabled ({one.reason})"
            failing = f"failing since {one.failing_since:%m-%d %H:%M}" if one.failing_since else ""
            print(f"{one.name:24} {state:20} {failing:26} {' '.join(one.kinds)}".rstrip())


@webhook.command("rotate")
@click.argument("name")
@with_database
def rotate(loaded: Settings, engine: Engine, *, name: str) -> None:
    """Print a new secret; the one before signs too for a day."""
    with unit_of_work.begin() as session:
        secret = telling.rotate(session, name, clock.now())
        _note(session, "rotate", _webhook(session, name))
    print(secret)


@webhook.command("disable")
@click.argument("name")
@with_database
def disable(loaded: Settings, engine: Engine, *, name: str) -> None:
    """Stop telling a subscriber; what waits for it is cancelled."""
    with unit_of_work.begin() as session:
        _note(session, "disable", telling.disable(session, name, clock.now()))
    print("disabled")


@webhook.command("enable")
@click.argument("name")
@with_database
def enable(loaded: Settings, engine: Engine, *, name: str) -> None:
    """Tell a subscriber again, of what happens from now on."""
    with unit_of_work.begin() as session:
        _note(session, "enable", telling.enable(session, name))
    print("enabled")


@webhook.command("test")
@click.argument("name")
@with_database
def test(loaded: Settings, engine: Engine, *, name: str) -> None:
    """Queue a call that tells of nothing; `exchange show` says what became of it."""
    with unit_of_work.begin() as session:
        queued = telling.queue_test(session, name, clock.now())
        _note(session, "test", _webhook(session, name))
    print(queued.public_id)


def _document(session: Session, number: str) -> OutboundDocument:
    found = session.scalar(select(OutboundDocument).filter_by(number=number))
    if found is None:
        raise Failed(f"{number} is none of our documents")
    return found


def _practitioner(session: Session, userid: str) -> Practitioner:
    found = session.scalar(select(Practitioner).filter_by(wecom_userid=userid.lower()))
    if found is None:
        raise Failed(f"{userid} is no member of staff")
    return found


def _webhook(session: Session, name: str) -> Webhook:
    return session.scalars(select(Webhook).filter_by(name=name)).one()


def _note(session: Session, action: str, one: Webhook) -> None:
    detail = {"webhook_id": one.id, "name": one.name}
    record(session, OPERATOR, action, "webhook", clock.now(), detail=detail)
