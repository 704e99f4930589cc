"""What `wsgi.py` and `jobs/__main__.py` both hang up: clients of the platforms, doors, outlets.

It knows everyone and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.definitions import InvalidDefinition
from app.domain.exchange.targets import DocumentSender, HospitalTargets
from app.domain.intake.feed_health import QuietHours, Watch
from app.domain.intake.hospital_records import Coded
from app.domain.outreach.decency import Rules
from app.domain.outreach.fitting import template_flaws
from app.domain.outreach.messaging import Channel, Outlets, PatientTemplate, Sender
from app.domain.outreach.receipts import Inquirer
from app.integrations.callback_crypto import CallbackCrypto
from app.integrations.hints import Hints
from app.integrations.his.fhir import fhir_sender
from app.integrations.his.hl7_messages import Dialect
from app.integrations.his.mllp import Door as MllpDoor
from app.integrations.his.mllp import mllp_sender
from app.integrations.his.table import Agreement, InterfaceTable
from app.integrations.medical_assistant import medical_assistant_sender, read_scenes
from app.integrations.platform_http import permit
from app.integrations.simulators import simulated
from app.integrations.sms import sms_inquirer, sms_sender
from app.integrations.sms_folder import sms_folder_sender
from app.integrations.spool import Spool
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram, OfficialAccount
from app.integrations.wechat_senders import (
    customer_service_sender,
    subscription_sender,
    template_sender,
)
from app.models.segments.evaluating import Evaluator, IndexFirst, SqlEvaluator
from app.models.segments.index.live import LiveIndex
from app.settings import Decency, FeedWatch, MessageTemplate, Settings, WeChatApp
from app.web.callbacks import CallbackReceiver, Door
from wecom.client import WeComClient
from wecom.group_tasks import group_task_inquirer, group_task_sender
from wecom.sender import card_sender, card_update_sender, text_sender


@dataclass(frozen=True, slots=True)
class Platforms:
    """One client for each app and process, by our key of the app."""

    mini_programs: Mapping[str, MiniProgram]
    official_accounts: Mapping[str, OfficialAccount]
    wecom: Mapping[str, WeComClient]


def reach(settings: Settings) -> frozenset[str]:
    """Return the hosts this process may call to write to people, beside those of this machine.

    In production the configured ones, elsewhere only the stand-ins the settings name.
    """
    if not settings.production:
        return frozenset(settings.test_hosts)
    told = (
        settings.wechat.api_base, settings.wecom.api_base, settings.sms.url,
        settings.sms.reports_url,
    )  # fmt: skip
    return frozenset(host for url in told if url and (host := urlsplit(url).hostname))


def platforms(settings: Settings) -> Platforms:
    """Return the clients, and let this process call their hosts."""
    permit(reach(settings))
    base = settings.wechat.api_base
    program = settings.wechat.first("mini-program")
    return Platforms(
        mini_programs={
            app.key: MiniProgram(
                app.key, app.appid, app.secret.get_secret_value(), base,
                TokenStore(unit_of_work, f"wechat:{app.appid}"), app.mini_program_state,
            )
            for app in settings.wechat.apps
            if app.kind == "mini-program"
        },
        official_accounts={
            app.key: OfficialAccount(
                app.key, app.appid, app.secret.get_secret_value(), base,
                TokenStore(unit_of_work, f"wechat:{app.appid}"),
                program.appid if program else None,
            )
            for app in settings.wechat.apps
            if app.kind == "official-account"
        },
        wecom={
            app.key: WeComClient(
                app.key, app.corpid, app.agentid, app.secret.get_secret_value(),
                settings.wecom.api_base,
                TokenStore(unit_of_work, f"wecom:{app.corpid}:{app.agentid}"),
            )
            for app in settings.wecom.apps
        },
    )  # fmt: skip


def senders(settings: Settings, clients: Platforms) -> dict[Channel, Sender]:
    """Return a sender for each channel that this hospital has; simulators stand before all."""
    found: dict[Channel, Sender] = {}
    if clients.mini_programs:
        found[Channel.SUBSCRIPTION] = subscription_sender(clients.mini_programs)
        found[Channel.CUSTOMER_SERVICE] = customer_service_sender(clients.mini_programs)
    if clients.official_accounts:
        found[Channel.TEMPLATE] = template_sender(clients.official_accounts)
        if settings.wechat.medical_assistant:
            found[Channel.MEDICAL_ASSISTANT] = medical_assistant_sender(clients.official_accounts)
    if clients.wecom:
        found[Channel.WECOM_CARD] = card_sender(clients.wecom)
        found[Channel.WECOM_TEXT] = text_sender(clients.wecom)
        found[Channel.WECOM_CARD_UPDATE] = card_update_sender(clients.wecom)
        found[Channel.WECOM_GROUP_TASK] = group_task_sender(clients.wecom)
    if settings.sms.provider == "folder":
        if settings.sms.folder:
            # The gateway takes up no other name: a test system may share its folder.
            prefix = "sms" if settings.production else "test"
            found[Channel.SMS] = sms_folder_sender(settings.sms.folder, clock.now, prefix)
    elif settings.sms.url and settings.sms.key:
        found[Channel.SMS] = sms_sender(settings.sms.url, settings.sms.key.get_secret_value())
    return {channel: simulated(send) for channel, send in found.items()}


def inquirers(settings: Settings, clients: Platforms) -> dict[Channel, Inquirer]:
    """Return what asks after messages, for each channel whose platform pushes no receipts."""
    found: dict[Channel, Inquirer] = {}
    if clients.wecom:
        found[Channel.WECOM_GROUP_TASK] = group_task_inquirer(clients.wecom)
    if settings.sms.reports_url and settings.sms.key:
        key = settings.sms.key.get_secret_value()
        found[Channel.SMS] = sms_inquirer(settings.sms.reports_url, key)
    return found


def evaluator() -> Evaluator:
    """Return what finds a segment's patients: this process's index, and the database without it.

    The index costs nothing before somebody asks.
    """
    return IndexFirst(LiveIndex(unit_of_work, HOSPITAL), SqlEvaluator(HOSPITAL))


def outlets(settings: Settings) -> Outlets:
    """Return by what this hospital reaches people.

    :raises InvalidDefinition: a template or a scene that would be refused, or that a lock screen
        must not show
    """
    program = settings.wechat.first("mini-program")
    account = settings.wechat.first("official-account")
    return Outlets(
        mini_program=program.key if program else None,
        official_account=account.key if account else None,
        staff_app=settings.wecom.apps[0].key if settings.wecom.apps else None,
        sms=settings.sms.is_on,
        subscriptions=_templates(program),
        templates=_templates(account),
        medical_scenes=(
            read_scenes(settings.wechat.medical_assistant)
            if settings.wechat.medical_assistant and account
            else {}
        ),
        texts=settings.sms.templates,
        sms_price=settings.sms.price_fen,
        customer_service=program is not None,
        rules=_rules(settings.decency),
        public_url=settings.public_url.rstrip("/"),
    )


def _rules(decency: Decency) -> Rules:
    return Rules(
        quiet_from=decency.quiet_from,
        quiet_until=decency.quiet_until,
        daily=decency.daily,
        weekly=decency.weekly,
        digest=timedelta(minutes=decency.digest_minutes),
    )


def watches(settings: Settings) -> dict[str, Watch]:
    """Return how each configured source is watched; the platforms speak only when people act."""
    configured = [
        *(FeedWatch(source=f"hl7:{one.name}") for one in settings.hl7.sources),
        *(FeedWatch(source=f"table:{one.name}") for one in settings.tables.sources if one.url),
        *(_unwatched(f"wechat:{app.key}") for app in settings.wechat.apps),
        *(_unwatched(f"wecom:{app.key}") for app in settings.wecom.apps),
        *(_unwatched(f"device:{one.name}") for one in settings.devices.vendors),
        *settings.feeds,
    ]
    return {one.source: _watch(one) for one in configured}


def _unwatched(source: str) -> FeedWatch:
    return FeedWatch(source=source, silent_after_minutes=None)


def _watch(one: FeedWatch) -> Watch:
    minutes = one.silent_after_minutes
    quiet = (
        QuietHours(one.quiet_from, one.quiet_until)
        if one.quiet_from is not None and one.quiet_until is not None
        else None
    )
    return Watch(None if minutes is None else timedelta(minutes=minutes), quiet)


def receiver(settings: Settings, hints: Hints) -> CallbackReceiver:
    """Return what takes the platforms' pushes, with a door for every app."""
    doors = [
        Door(
            f"wechat:{app.key}",
            CallbackCrypto.of(
                app.callback_token.get_secret_value(),
                app.callback_aes_key.get_secret_value(),
                app.appid,
            ),
        )
        for app in settings.wechat.apps
    ] + [
        Door(
            f"wecom:{app.key}",
            CallbackCrypto.of(
                app.callback_token.get_secret_value(),
                app.callback_aes_key.get_secret_value(),
                app.corpid,
            ),
            app.agentid,
        )
        for app in settings.wecom.apps
    ]
    settings.spool_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return CallbackReceiver(doors, Spool(settings.spool_folder), hints)


def hospital_targets(settings: Settings) -> HospitalTargets:
    """Return the hospital's systems that take our requests, as the settings name them."""
    exchange = settings.exchange
    senders: dict[str, DocumentSender] = {}
    tables: dict[str, InterfaceTable] = {}
    for fhir in exchange.fhir:
        token = fhir.token.get_secret_value() if fhir.token else None
        senders[fhir.name] = fhir_sender(fhir.base_url, token, HOSPITAL, clock.now)
    for hl7 in exchange.hl7:
        door = MllpDoor(hl7.host, hl7.port, hl7.ca_file, hl7.certificate, hl7.key)
        dialect = Dialect(
            hl7.receiving_application, hl7.receiving_facility, hl7.charset, hl7.version,
            hl7.order, Coded(hl7.admission_code, "住院证"), HOSPITAL,
        )  # fmt: skip
        senders[hl7.name] = mllp_sender(door, dialect, clock.now)
    for one in exchange.tables:
        agreement = Agreement(
            one.table, one.columns, one.table_schema, one.constants, one.status_column,
            one.filler_column, one.reason_column, one.verdicts,
        )  # fmt: skip
        tables[one.name] = InterfaceTable(one.url.get_secret_value(), agreement, HOSPITAL)
        senders[one.name] = tables[one.name].send
    routes = {kind: target.name for target in exchange.targets for kind in target.kinds}
    return HospitalTargets(routes, senders, tables)


def _templates(app: WeChatApp | None) -> dict[str, PatientTemplate]:
    found = {} if app is None else {key: _template(one) for key, one in app.templates.items()}
    for purpose, template in found.items():
        if flaws := template_flaws(template):
            raise InvalidDefinition(f"templates.{purpose}", "; ".join(flaws))
    return found


def _template(configured: MessageTemplate) -> PatientTemplate:
    return PatientTemplate(configured.template_id, configured.data, configured.long_term)
