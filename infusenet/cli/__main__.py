"""``python -m infusenet.cli``."""

import sys

from infusenet.cli import main

sys.exit(main())
