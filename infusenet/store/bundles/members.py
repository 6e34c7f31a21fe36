"""Names of the files in a bundle."""

import re

from infusenet.config.stage_recipes import STAGES

FORMAT, VERSION = "infusenet-bundle", 1
INDEX, MANIFEST, README = "bundle.json", "manifest.csv", "README.txt"
DATABASE = re.compile(r"[a-z][a-z0-9_]*")
STORE = re.compile(rf"({'|'.join(STAGES)})(\.[A-Za-z0-9_-]+)?\.h5")
FILE = re.compile(rf"{STORE.pattern}(\.sha256)?|{re.escape(MANIFEST)}|{re.escape(README)}")
