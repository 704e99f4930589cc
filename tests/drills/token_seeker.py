"""A process of D8: it has no token, and wants one at the moment when all do."""

import base64
import os
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from app import encryption
from app.database import make_engine, unit_of_work
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram
from tests.integration.platforms import MINI_SECRET
from tests.standin.support import MINI


def seek(url: str, key: str, platform: str, start: Event, found: "Queue[object]") -> None:
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url, pool_size=1))
    tokens = TokenStore(unit_of_work, f"wechat:{MINI}")
    mini = MiniProgram("mini", MINI, MINI_SECRET, f"{platform}/weixin", tokens)
    found.put(os.getpid())
    start.wait(60)
    found.put(tokens.get() or tokens.refresh(mini.fetch_token))
