"""Facts of the CD6ME protocol that every room shares. Standard library only."""

# The Action Units that are predicted, in the order of every array and table of labels.
AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
# The six databases, in the order of the paper's tables.
CD6ME = ("casme", "casme2", "samm", "fourd", "mmew", "casme3a")
# The paper draws the pseudo-apex up to this many frames after the apex.
PSEUDO_APEX = 5
