"""One process of the cold-start test: eight threads want the token of one app at one moment."""

import base64
import sys
import time

from app import encryption, logs
from app.database import make_engine, unit_of_work
from app.integrations.token_store import TokenStore
from app.integrations.wechat import MiniProgram
from tests.conftest import SECRET_KEY
from tests.integration.platforms import MINI_SECRET, in_threads
from tests.standin.support import MINI


def main(database_url: str, standin_url: str, start_at: str) -> None:
    logs.configure("test")
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    unit_of_work.configure(bind=make_engine(database_url, pool_size=8))
    tokens = TokenStore(unit_of_work, f"wechat:{MINI}")
    mini = MiniProgram("mini", MINI, MINI_SECRET, f"{standin_url}/weixin", tokens)
    time.sleep(max(0.0, float(start_at) - time.time()))
    got = in_threads(8, lambda: tokens.get() or tokens.refresh(mini.fetch_token))
    sys.stdout.write("\n".join(got))


if __name__ == "__main__":
    main(*sys.argv[1:])
