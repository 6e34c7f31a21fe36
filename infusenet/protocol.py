"""Facts of the CD6ME protocol that every room shares. Standard library only."""

# The Action Units that are predicted, in the order of every array and table of labels.
AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
# Their names in the Facial Action Coding System (Ekman, Friesen and Hager 2002).
AU_TITLES = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser", 6: "cheek raiser",
    7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser", 12: "lip corner puller", 14: "dimpler",
    15: "lip corner depressor", 17: "chin raiser",
}  # fmt: skip
# The six databases, in the order of the paper's tables.
CD6ME = ("casme", "casme2", "samm", "fourd", "mmew", "casme3a")
# The paper draws the pseudo-apex from the apex and up to this many frames after it,
PSEUDO_APEX = 5
# so it has these candidates, apex + 0 .. apex + 5: the pairs of a latents item, in this order.
CANDIDATES = PSEUDO_APEX + 1
# The frames of a faces item: the onset, then the candidates.
ONSET_SLOT, APEX_SLOT = 0, 1
SLOTS = APEX_SLOT + CANDIDATES
ONSET_AND_APEX = slice(ONSET_SLOT, APEX_SLOT + 1)
