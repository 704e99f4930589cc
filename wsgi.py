"""The web process: settings, engine, faces, one Flask application. It wires, it decides nothing."""

from apiflask import APIFlask

import miniprogram_api
import miniprogram_api.callbacks
import wecom.callbacks
from app import settings
from app.console.desk import ConsoleDesk
from app.console.pages import console_pages
from app.device_api.desk import DeviceDesk, Vendor
from app.device_api.routes import device_api
from app.domain.trust.access import SystemClient
from app.fhir_api.desk import FhirDesk
from app.fhir_api.routes import fhir_api
from app.integrations.feeds import configured_feeds
from app.integrations.hints import Hints
from app.integrations.platform_http import CallFailed, CodeRefused
from app.integrations.wechat import LoggedIn, MiniProgram
from app.services.trust import wechat_sign_in
from app.settings import Settings, WeComApp
from app.start import start
from app.web.factory import Face, create_app
from wecom import desk
from wecom.client import WeComClient, authorize_url
from wecom.pages import nurse_pages
from wiring import Platforms, evaluator, outlets, platforms, receiver, watches


def build(configured: Settings) -> APIFlask:
    """Return the application with every face this hospital has."""
    clients = platforms(configured)
    pushes = receiver(configured, Hints(configured.redis_url))
    faces: list[Face] = [
        lambda app: miniprogram_api.callbacks.register_callbacks(app, pushes),
        lambda app: wecom.callbacks.register_callbacks(app, pushes),
        _phone(configured, clients),
        _nurse(configured, clients),
        _console(configured),
        _fhir(configured),
        _devices(configured),
    ]
    if configured.demo:
        from app.demo.face import face as demo_face

        faces.append(demo_face(configured))
    return create_app(configured, faces)


def _fhir(configured: Settings) -> Face:
    clients = [
        SystemClient(
            name=one.name,
            token_digest=bytes.fromhex(one.token_sha256),
            scopes=frozenset(one.scopes),
            source=one.source or one.name,
            networks=one.networks,
        )
        for one in configured.fhir.clients
    ]
    return fhir_api(
        FhirDesk(
            base=f"{configured.public_url.rstrip('/')}/fhir",
            read=configured_feeds(configured),
            clients=clients,
            resource_bytes=configured.fhir.resource_bytes,
            bundle_bytes=configured.fhir.bundle_bytes,
            bundle_entries=configured.fhir.bundle_entries,
        )
    )


def _devices(configured: Settings) -> Face:
    given = configured.devices
    vendors = {
        one.name: Vendor(one.name, tuple(secret.get_secret_value() for secret in one.secrets))
        for one in given.vendors
    }
    return device_api(DeviceDesk(vendors, given.batch_bytes, given.batch_readings))


def _phone(configured: Settings, clients: Platforms) -> Face:
    program = next(iter(clients.mini_programs.values()), None)

    def exchange(code: str) -> LoggedIn:
        if program is None:
            raise wechat_sign_in.PlatformUnavailable
        return _exchange_login_code(program, code)

    return miniprogram_api.face(
        miniprogram_api.PhoneServices(
            exchange_code=exchange,
            mini_program_key=program.app_key if program else "none",
            outlets=outlets(configured),
            medicines=configured.medicines.rules,
            device_vendors=configured.devices.labels,
        )
    )


def _exchange_login_code(program: MiniProgram, code: str) -> LoggedIn:
    try:
        return program.exchange_code(code)
    except CodeRefused:
        raise wechat_sign_in.CodeRefused from None
    except CallFailed:
        raise wechat_sign_in.PlatformUnavailable from None


def _nurse(configured: Settings, clients: Platforms) -> Face:
    return nurse_pages(
        desk.NurseDesk(
            public_url=configured.public_url,
            hospital_phone=configured.hospital_phone,
            apps=tuple(
                _sign_in_app(configured, app, clients.wecom[app.key])
                for app in configured.wecom.apps
            ),
            is_demo=configured.demo,
        )
    )


def _console(configured: Settings) -> Face:
    app = next(iter(configured.wecom.apps), None)
    return console_pages(
        ConsoleDesk(
            hospital_name=configured.hospital_name,
            hospital_phone=configured.hospital_phone,
            sign_in_path=f"/wecom/sign-in/{app.key}" if app else None,
            sign_out_path="/wecom/sign-out",
            is_demo=configured.demo,
            watches=watches(configured),
            device_vendors=configured.devices.labels,
            evaluator=evaluator(),
            outlets=outlets(configured),
        )
    )


def _sign_in_app(configured: Settings, app: WeComApp, client: WeComClient) -> desk.SignInApp:
    def exchange(code: str) -> str:
        try:
            return client.member_of_code(code)
        except CodeRefused:
            raise desk.CodeRefused from None
        except CallFailed:
            raise desk.CodeUnanswered from None

    return desk.SignInApp(
        key=app.key,
        corp_key=app.corpid,
        authorize_url=lambda state, back: authorize_url(
            configured.wecom.authorize_url, app.corpid, app.agentid, back, state
        ),
        exchange=exchange,
    )


_settings = settings.load()
start("web", _settings)
app = build(_settings)
