"""HTML pages: one per clip, with its pictures inside, and an index of all. No scripts, nothing from a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from infusenet.detection.scores import ClipScores
from infusenet.detection.timeline import Timeline
from infusenet.protocol import AU_TITLES, AUS
from infusenet.report.html_parts import cell, head, image, table
from infusenet.texts import first_few, visible

STYLE = """
body { max-width: 110em } img { max-width: 100% } .caution { color: #a83d00; font-weight: bold }
"""
FACE = "Its pictures show a face: share it only as the person agreed to."


@dataclass(frozen=True)
class ClipResult:
    """``name`` of the footage in outputs, ``stem`` of its files; ``scores`` of its intervals."""

    name: str
    stem: str
    timeline: Timeline
    scores: list[ClipScores]


def clip_page(clip: ClipResult, pictures: Sequence[bytes], heading: str, caution: str) -> str:
    """The page of a clip as text; the same arguments give the same text.

    ``pictures``: PNGs of its intervals, or a single one of its timeline where it has none; ``heading``: a line on the models.
    """
    line = clip.timeline
    rate = f", {line.rate:g} frames a second" if line.rate else ""
    parts = [
        *_start(f"{visible(clip.name)}: Action Units", heading, caution),
        f"<p>Frames {line.first} to {line.last}{rate}. {FACE}</p>",
    ]
    if line.without_face:
        stretches = first_few((f"{first} to {last}" for first, last in line.without_face), 10)
        parts.append(f"<p>No face was followed in the frames {stretches}.</p>")
    if not clip.scores:
        parts += ["<p>No expression was spotted.</p>", image(pictures[0], "png", "motion over the frames")]
    for scores, picture in zip(clip.scores, pictures, strict=bool(clip.scores)):
        window = scores.window
        spotted = "" if scores.confidence is None else f", spotted with confidence {scores.confidence:.2f}"
        parts += [
            f"<h2>Frames {window.onset} to {window.offset}, apex {window.apex}{spotted}</h2>",
            image(picture, "png", f"faces, maps and probabilities; found: {_found(scores)}"),
            _score_table(scores),
        ]
    return "\n".join([*parts, "</html>\n"])


def index_page(clips: Sequence[ClipResult], problems: Sequence[str], heading: str, caution: str) -> str:
    """The page that lists all clips and those that failed, as text."""
    rows = []
    for clip in clips:
        link = f'<td><a href="{quote(clip.stem)}.html">{escape(visible(clip.name))}</a></td>'
        for scores in clip.scores:
            window, confidence = (
                scores.window,
                "" if scores.confidence is None else f"{scores.confidence:.2f}",
            )
            values = window.onset, window.apex, window.offset, confidence, _found(scores)
            rows.append([link, *map(cell, values)])
        if not clip.scores:
            rows.append([link, *map(cell, ("", "", "", "", "no expression spotted"))])
    parts = [*_start("Action Units of new footage", heading, caution)]
    if rows:
        parts.append(table(("clip", "onset", "apex", "offset", "confidence", "found (probability)"), rows))
    if problems:
        parts += [
            f"<h2>Not scored ({len(problems)})</h2><ul>",
            *(f"<li>{escape(visible(text))}</li>" for text in problems),
            "</ul>",
        ]
    return "\n".join([*parts, "</html>\n"])


def _start(title: str, heading: str, caution: str) -> list[str]:
    return [
        head(title, STYLE),
        f"<h1>{escape(title)}</h1>",
        *([f'<p class="caution">{escape(caution)}</p>'] if caution else []),
        f"<p>{escape(heading)}.</p>",
    ]


def _found(scores: ClipScores) -> str:
    """``AU4 (0.93), AU12 (0.71)``, or ``none of the 12``."""
    decided = [
        f"AU{au} ({probability:.2f})"
        for au, decision, probability in zip(AUS, scores.decision, scores.probability, strict=True)
        if decision
    ]
    return ", ".join(decided) or "none of the 12"


def _score_table(scores: ClipScores) -> str:
    several = len(scores.logits) > 1
    lines = []
    for place, au in enumerate(AUS):
        values = [f"{scores.probability[place]:.3f}", f"{scores.mean[place]:.2f}"]
        values += [f"{scores.spread[place]:.2f}"] if several else []
        decided = "yes" if scores.decision[place] else ""
        lines.append(map(cell, (f"AU{au}", AU_TITLES[au], *values, decided)))
    columns = ["AU", "name", "probability", "logit", *["spread"] * several, "decided"]
    return table(columns, lines)
