"""The operator's command line: `python -m app.cli VERB`."""

import sys

from app.cli.commands import main
from wiring import outlets

sys.exit(main(wired=outlets))
