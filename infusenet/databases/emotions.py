"""The owners' emotion labels in one spelling."""

from collections.abc import Mapping

SPELLINGS = {"comtempt": "contempt", "happy": "happiness", "other": "others", "sad": "sadness"}


def normalised(text: str, spellings: Mapping[str, str]) -> str:
    """Lower case, each part of ``Surprise+Positive`` in its usual spelling; ``spellings`` come first."""
    known = SPELLINGS | spellings
    parts = (part.strip() for part in text.lower().split("+"))
    return "+".join(known.get(part, part) for part in parts)
