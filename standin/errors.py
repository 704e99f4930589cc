"""How a platform says no, and how each host dresses it."""

import secrets
import time
from typing import Any


class Refusal(Exception):
    """The platform's errcode and the text that goes before rid or hint."""

    def __init__(self, errcode: int, text: str) -> None:
        super().__init__(text)
        self.errcode = errcode
        self.text = text


def dressed(host: str, refusal: Refusal, remote: str) -> dict[str, Any]:
    """Return the body: WeChat adds a rid, WeCom a hint and the caller's address."""
    if host == "qyapi":
        hint = f"[{int(time.time())}_{secrets.token_hex(8)}]"
        more = f"https://open.work.weixin.qq.com/devtool/query?e={refusal.errcode}"
        text = f"{refusal.text}, hint: {hint}, from ip: {remote}, more info at {more}"
    else:
        rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
        text = f"{refusal.text} rid: {rid}"
    return {"errcode": refusal.errcode, "errmsg": text}
