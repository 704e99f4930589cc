"""The stand-in itself: configuration, clock, lock, and the parts that act."""

import base64
import itertools
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from standin.callbacks import Callbacks, Push, Target
from standin.clock import Clock
from standin.config import Agent, Config, Corp, MiniProgram, OfficialAccount
from standin.faults import Faults
from standin.world import World


class Standin:
    """One lock guards `world`; no call to the outside is made under it."""

    def __init__(self, config: Config, offset_file: Path | None = None) -> None:
        self.config = config
        self.clock = Clock(offset_file)
        self.lock = threading.RLock()
        self.faults = Faults()
        self.callbacks = Callbacks(self.clock, self.lock)
        self.world = World(self.clock)
        self._msgids = itertools.count(1)

    def reset(self) -> None:
        """Forget everything but the configuration; pushes still waiting are dropped."""
        self.faults.clear()
        self.callbacks.clear()
        with self.lock:
            self.world = World(self.clock)

    def next_msgid(self) -> int:
        """Return a 64-bit number never given before, not even by an earlier run."""
        return (int(self.clock.now()) << 32) + next(self._msgids)

    @staticmethod
    def new_session_key() -> str:
        return base64.b64encode(secrets.token_bytes(16)).decode()

    def push_later(self, push: Push) -> None:
        """Send `push` after the delay of receipts."""
        self.callbacks.later(push, self.world.receipts.delay_seconds, self.world.ledger)


@dataclass(frozen=True, slots=True)
class CorpApp:
    """A WeCom token's holder."""

    corp: Corp
    agent: Agent


def account_target(account: MiniProgram | OfficialAccount) -> Target:
    return Target(
        app=account.appid,
        receiver=account,
        receive_id=account.appid,
        to_user=account.original_id,
    )


def agent_target(corp: Corp, agent: Agent) -> Target:
    return Target(
        app=f"{corp.corpid}/{agent.agentid}",
        receiver=agent,
        receive_id=corp.corpid,
        to_user=corp.corpid,
        agentid=agent.agentid,
    )
