"""The operator's command line: `python -m app.cli VERB`."""

import sys

from app.cli.commands import main

sys.exit(main())
