"""`python -m dlt` is the command `dlt`."""

import sys

from dlt.cli.main import main

sys.exit(main())
