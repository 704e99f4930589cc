"""The JSON API that the mini-program uses: patients, and family for them."""

from collections.abc import Callable

from apiflask import APIBlueprint, APIFlask

from miniprogram_api.binding import binding
from miniprogram_api.consents import consents
from miniprogram_api.devices import devices
from miniprogram_api.doors import PublicId, read_strictly
from miniprogram_api.inbox import inbox
from miniprogram_api.login import login
from miniprogram_api.medicines import medicines
from miniprogram_api.observations import observations
from miniprogram_api.people import people
from miniprogram_api.photos import photos
from miniprogram_api.plans import plans
from miniprogram_api.profile import profile
from miniprogram_api.responses import responses
from miniprogram_api.services import PhoneServices, install
from miniprogram_api.subscriptions import subscriptions
from miniprogram_api.tasks import tasks
from miniprogram_api.trends import trends

__all__ = ["PhoneServices", "face"]

_RESOURCES = (
    login, people, binding, consents, subscriptions, tasks, observations, trends, responses, inbox,
    profile, plans, medicines, devices, photos,
)  # fmt: skip


def face(services: PhoneServices) -> Callable[[APIFlask], None]:
    """Return what adds `/api/v1` to the application."""

    def add(app: APIFlask) -> None:
        install(app, services)
        app.url_map.converters["id"] = PublicId
        api = APIBlueprint("phone", __name__, url_prefix="/api/v1")
        api.before_request(read_strictly)
        for resource in _RESOURCES:
            api.register_blueprint(resource)
        app.register_blueprint(api)

    return add
