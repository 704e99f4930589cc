"""`python -m standin --port 8091 --config FILE.json`: serve until SIGTERM."""

import argparse
import sys
from pathlib import Path

from standin.config import ConfigError, load
from standin.server import Server


def main() -> int:
    parser = argparse.ArgumentParser(prog="standin", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="accounts to play, JSON")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=8091, help="0 picks a free one")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument(
        "--clock-offset-file", type=Path, help="seconds to add to the time; read when it changes"
    )
    args = parser.parse_args()
    try:
        server = Server(
            load(args.config),
            host=args.host,
            port=args.port,
            threads=args.threads,
            offset_file=args.clock_offset_file,
        )
    except (ConfigError, ValueError) as error:
        parser.error(str(error))
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
