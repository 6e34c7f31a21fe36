"""Titles and colours of models' heads, and the sentences on which head is scored."""

from collections.abc import Mapping

# Title and colour of the shipped models' heads: Okabe and Ito's colours, which colour-blind readers can tell
# apart. Heads of other models keep their own names, and take the other colours in the order of the heads.
HEADS = {
    "mag": ("FrameMag", "#D55E00"),
    "flow": ("FrameFlow", "#0072B2"),
    "fused": ("late fusion", "#009E73"),
    "video": ("video", "#CC79A7"),
}
OTHER_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#F0E442")
# The heads of InfuseNet, each the output of a network of its own.
TWO_NETWORKS = ("mag", "flow")


def scoring_notes(facts: Mapping[str, dict]) -> list[str]:
    """One sentence per set of heads on how methods of several heads are scored.

    ``facts`` maps a method to the facts of one of its runs (run.json).
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for method, fact in sorted(facts.items()):
        groups.setdefault(tuple(fact["heads"]), []).append(f"`{method}`")
    notes = []
    for heads, methods in groups.items():
        if len(heads) == 1:
            continue
        subject = ", ".join(methods) + (" is" if len(methods) == 1 else " are")
        if list(groups) == [TWO_NETWORKS]:
            subject = "A method of two networks is"
        scored = f"{HEADS[heads[0]][0]}'s head" if heads[0] in HEADS else f"the head `{heads[0]}`"
        rows = [f"`{head}_head` is {HEADS[head][0]}'s" for head in heads[1:] if head in HEADS]
        mean = "both" if len(heads) == 2 else "all"
        rows.append(f"`mean_of_heads` the mean of {mean} logits")
        notes.append(f"{subject} scored by {scored}; {', '.join(rows)}.")
    return notes
