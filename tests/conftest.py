"""Settings for all tests: no time limit a case (machines differ), torch on one thread."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("infusenet", deadline=None)
settings.load_profile("infusenet")
