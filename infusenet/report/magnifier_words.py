"""The magnifier behind some methods' latents, in words: its weights, and the scale of what a network reads."""

from collections.abc import Sequence

from infusenet.config.stage_recipes import shipped_weights
from infusenet.report.paper_runs import Results
from infusenet.report.published_numbers import RELEASED_MAGNIFIER


def magnifier_words(results: Results, methods: Sequence[str]) -> str:
    """The weights that made the latents of ``methods``, and the latents' root mean square, method by method."""
    weights = dict.fromkeys(weights_name(results.magnifier(method)) for method in methods)
    scales = [results.latents_rms(method) for method in methods]
    if None in scales:
        scale_words = "scale not noted by the version that predicted"
    else:
        scale_words = f"rms after ReLU and pooling {', '.join(f'{scale:.2g}' for scale in scales)}"
    return f"{' and '.join(weights)}; {scale_words}"


def weights_name(sha256: str) -> str:
    """The name of a magnifier's weights by the sha256 of their file."""
    if sha256 == RELEASED_MAGNIFIER:
        return "the authors' released weights"
    if path := shipped_weights(sha256):
        return f"the shipped weights {path.stem}"
    return f"weights of sha256 {sha256[:12]}"
