"""Canonical JSON, digests and content keys. Imported before every run: standard library only."""

import hashlib
import json
import re
import struct
from pathlib import Path

SHA256 = re.compile(r"[0-9a-f]{64}")


def canonical(value) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value) -> str:
    """sha256 (hex) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def file_digest(path: Path | str) -> str:
    """sha256 (hex) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clip_key(frames: str, onset: int, apex: int, offset: int, recipe: dict) -> str:
    """Content key of a clip's faces: ``frames`` is the digest of its frames."""
    return digest([frames, onset, apex, offset, recipe])


def derived_key(upstream: str, recipe: dict) -> str:
    """Content key of the item that a stage makes from an item with the key ``upstream``."""
    return digest([upstream, recipe])


def seed_words(*parts) -> list[int]:
    """Eight 32-bit words that depend on nothing but the text of ``parts``: entropy for a seed."""
    text = "/".join(map(str, parts))
    return list(struct.unpack(">8I", hashlib.sha256(text.encode()).digest()))
