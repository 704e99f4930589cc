"""就医助手: the file that maps our purposes to its statuses, and the sender."""

from collections.abc import Mapping
from pathlib import Path

from app.domain.definitions import InvalidDefinition
from app.domain.outreach.medical_assistant import flaws
from app.domain.outreach.messaging import (
    USUALLY_REQUIRED,
    Accepted,
    ErrorClass,
    Failure,
    MedicalScene,
    Outcome,
    Outgoing,
    Sender,
)
from app.integrations.platform_http import CallFailed
from app.integrations.text_files import read_yaml
from app.integrations.wechat import OfficialAccount


def read_scenes(file: Path) -> dict[str, MedicalScene]:
    """Return how each purpose is said, by purpose; `docs/channels.md` shows the file.

    :raises InvalidDefinition: the platform, or a lock screen, would not stand it
    """
    data = read_yaml(file)
    scenes = data.get("scenes") if isinstance(data, dict) and data.keys() == {"scenes"} else None
    if not isinstance(scenes, dict) or not scenes:
        raise InvalidDefinition(file.name, "must hold scenes, and nothing else")
    return {str(purpose): _scene(one, f"scenes.{purpose}") for purpose, one in scenes.items()}


def _scene(data: object, path: str) -> MedicalScene:
    known = {"status", "fields", "required", "opens_page"}
    if not isinstance(data, dict) or data.keys() - known:
        raise InvalidDefinition(path, f"must be a mapping of {', '.join(sorted(known))}")
    status, fields = data.get("status"), data.get("fields")
    required, opens_page = data.get("required"), data.get("opens_page", True)
    if not isinstance(status, int) or isinstance(status, bool):
        raise InvalidDefinition(f"{path}.status", "must be the platform's number")
    if not isinstance(fields, dict) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in fields.items()
    ):
        raise InvalidDefinition(f"{path}.fields", "must map the platform's fields to texts")
    if required is not None and not isinstance(required, list):
        raise InvalidDefinition(f"{path}.required", "must be a list")
    if not isinstance(opens_page, bool):
        raise InvalidDefinition(f"{path}.opens_page", "must be true or false")
    asked = USUALLY_REQUIRED if required is None else frozenset(map(str, required))
    scene = MedicalScene(status, fields, asked, opens_page)
    if found := flaws(scene):
        raise InvalidDefinition(path, "; ".join(found))
    return scene


def medical_assistant_sender(accounts: Mapping[str, OfficialAccount]) -> Sender:
    """Return the sender of hospital messages; `accounts` by app key, whoever the openid is of."""

    def send(outgoing: Outgoing) -> Outcome:
        account, content = accounts.get(outgoing.app_key), outgoing.content
        if account is None:
            return Failure(ErrorClass.OURS)
        try:
            account.send_medical(
                content["openid"], content["status"], content["order_id"], outgoing.public_id,
                content["fields"], content.get("page"),
            )  # fmt: skip
        except CallFailed as error:
            return error.failure
        except (KeyError, TypeError, ValueError):
            return Failure(ErrorClass.CONTENT)
        return Accepted()

    return send
