"""The remote control of the stand-in: what people do with their phones, and what they got."""

from typing import Any, Final

import requests

_SECONDS: Final = 5


class StandinSilent(Exception):
    """The stand-in did not answer as it should."""


class StandinControl:
    """Calls `/standin/…` of one stand-in; nothing here waits longer than five seconds."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def add_phones(
        self, appid: str, openids: list[str], grants: dict[str, int], *, follow: bool = False
    ) -> None:
        self._call(
            "POST", "/phones",
            {"appid": appid, "openids": openids, "grants": grants, "follow": follow},
        )  # fmt: skip

    def login_code(self, openid: str, appid: str, unionid: str) -> str:
        """Do what `wx.login` does on this phone."""
        body = {"appid": appid, "unionid": unionid}
        return str(self._call("POST", f"/phones/{openid}/login-code", body)["code"])

    def accept(self, openid: str, appid: str, templates: tuple[str, ...]) -> None:
        """Answer the popup that asks for messages with yes; the product hears of it."""
        answers = dict.fromkeys(templates, "accept")
        self._call("POST", f"/phones/{openid}/subscriptions", {"appid": appid, "answers": answers})

    def phone(self, openid: str) -> dict[str, Any]:
        return self._call("GET", f"/phones/{openid}")

    def member(self, userid: str) -> dict[str, Any]:
        return self._call("GET", f"/members/{userid}")

    def sign_in_as(self, userid: str) -> None:
        self._call("POST", "/signed-in", {"userid": userid})

    def effects(self, newest: int) -> dict[str, Any]:
        """Return `{entries, last}`: the `newest` entries of the ledger, oldest first."""
        last = int(self._call("GET", "/ledger?since=1000000000&limit=1")["last"])
        return self._call("GET", f"/ledger?since={max(0, last - newest)}&limit={newest + 100}")

    def is_cut(self) -> bool:
        return bool(self._call("GET", "/faults")["outage"])

    def cut(self, *, is_cut: bool) -> None:
        self._call("POST", "/outage", {"on": is_cut})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = requests.request(
                method, f"{self.url}/standin{path}", json=body, timeout=_SECONDS
            )
            answer.raise_for_status()
            told: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise StandinSilent(path) from error
        return told
