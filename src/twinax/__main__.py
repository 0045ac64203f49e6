"""``python -m twinax`` is the command ``twinax``."""

import sys

from twinax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
