"""Releases are told by their cells: by enough of them, against none, in any order of rows."""

from dataclasses import replace

import pytest

from infusenet import databases
from infusenet.databases.readers import casme, casme2
from infusenet.databases.releases import Identity, Release, SheetTraits, Sign, identity_of_all, sentence, vote
from infusenet.databases.row_problems import Notes, Place, Problems
from infusenet.databases.rows import Row
from infusenet.databases.workbooks.row_checks import annotated_rows
from infusenet.databases.workbooks.workbook import read_table
from infusenet.errors import InputError
from infusenet.standins import layouts
from infusenet.standins.clip_plans import plan

OLD, NEW = Release("old", "the old one", 4), Release("new", "the new one", 5, "one clip is absent")
SIGNS = [
    Sign("01", "a", "", "onset", {"old": "10", "new": "20"}),
    Sign("01", "b", "", "au", {"old": "4", "new": "4+7"}),
    Sign("01", "c", "", "emotion", {"old": "sad", "new": "happy"}),
    Sign("01", "d", "7", "apex", {"old": None, "new": "9"}),
    Sign("01", "e", "", "au", {"old": "1", "new": "2"}),
]


def row(clip, **fields):
    texts = {"onset": "1", "apex": "2", "offset": "3", "au": "12", "emotion": "", "clip": clip} | fields
    return Row(Place(2), texts, "01", clip, {})


def identity(*rows) -> Identity:
    return vote(rows, (OLD, NEW), SIGNS)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ((row("a", onset="10"),), {"old"}),  # one cell of a window is enough
        ((row("a", onset="10.0"), row("B", au="4")), {"old"}),
        ((row("b", au="4 + 7"), row("c", emotion="Happy")), {"new"}),
        ((row("b", au="4"),), set()),  # one label is not
        ((row("z"), row("d", onset="8", apex="9")), set()),  # another row of that name
        ((row("d", onset="7", apex="9"),), {"new"}),
        ((row("a", onset="30"), row("b", au="4"), row("c", emotion="sad")), set()),
        ((row("a", onset="10"), row("d", onset="7", apex="9")), set()),
        ((), set()),
    ],
)
def test_cells_that_name_a_release(rows, names):
    assert identity(*rows).names == names
    assert identity(*reversed(rows)).names == names


def test_an_edited_copy_is_named_with_what_was_edited():
    made = identity(row("a", onset="20"), row("b", au="4+7"), row("c", emotion="happy"), row("e", au="1"))
    assert made.names == {"new"}
    assert made.edits == ("au '1' of 01/e, where it has '2'",)
    foreign = identity(
        row("a", onset="10"), row("b", au="4"), row("e", au="1"), row("d", onset="7", apex="9")
    )
    assert foreign.names == {"old"}
    assert foreign.edits == ("01/d in row 2, which it lacks",)


def test_a_copy_without_the_cells_that_differ_can_be_several():
    signs = [Sign("01", "a", "", "onset", {"old": "10", "new": "10", "third": "20"})]
    made = vote([row("a", onset="10")], (OLD, NEW, Release("third", "", 9)), signs)
    assert made.names == {"old", "new"}
    assert "the old one or the new one" in sentence(SheetTraits(1, frozenset(), 4, ()), made, OLD)


def test_tables_that_are_read_as_one_are_of_one_release():
    def of_all(*rows):
        rows = [replace(r, place=Place(2, f"{number}.xls")) for number, r in enumerate(rows)]
        return identity_of_all(rows, lambda part: identity(*part))

    assert of_all(row("a", onset="10"), row("b", au="4"), row("z")).names == {"old"}
    assert of_all(row("z"), row("y")) == Identity()
    with pytest.raises(
        InputError, match="different releases: 0.xls looks like the old one; 2.xls looks like"
    ):
        of_all(row("a", onset="10"), row("b", au="4"), row("d", onset="7", apex="9"))


@pytest.mark.parametrize(
    ("identity", "count", "expected"),
    [
        (Identity((OLD,)), 4, None),
        (Identity((OLD,)), 3, "3 rows, header in row 1: looks like a copy of the old one, 3 of its 4 rows; "),
        (Identity((OLD,)), 6, "looks like an edited copy of the old one (6 rows, where it has 4); "),
        (Identity((OLD,), ("x",) * 5), 4, "looks like an edited copy of the old one (x; x; x; ...); "),
        (Identity((NEW,)), 5, "looks like the new one; CD6ME was made of the old one: one clip is absent"),
        (Identity((NEW,), meaning="all"), 5, "CD6ME was made of the old one: all"),
        (Identity(), 9, "9 rows, header in row 1: none of the known releases; CD6ME was made of the old one"),
    ],
)
def test_sentences(identity, count, expected):
    text = sentence(SheetTraits(1, frozenset(), count, ()), identity, OLD)
    assert text is None if expected is None else expected in text


@pytest.mark.parametrize("reader", [casme, casme2])
def test_the_cells_of_a_release_name_it_alone(reader):
    signs = list(reader.signs(databases.CD6ME_TABLES))
    releases = reader.READER.releases
    for release in releases:
        cells = {}
        for sign in signs:
            if (text := sign.values[release.name]) is not None:
                place = (sign.subject, sign.clip, sign.onset)
                cells.setdefault(place, {"onset": sign.onset})[sign.field] = text
        rows = [replace(row(clip, **texts), subject=name) for (name, clip, _), texts in cells.items()]
        assert len(rows) > 15
        assert vote(rows, releases, signs) == Identity((release,))


@pytest.mark.parametrize("key", ["casme", "casme2", "casme3a"])
@pytest.mark.parametrize("scale", ["demo", "full"])
def test_standins_are_of_no_release_and_keep_their_names(key, scale, tmp_path):
    """Their names look real, their windows are made up."""
    clips = plan(key, scale, 0)
    layouts.write_table(key, clips, tmp_path)
    reader = databases.reader(key)
    table = read_table(tmp_path / layouts.LAYOUTS[key].table, reader.columns)
    rows, lines = annotated_rows([table], reader, Notes("x"), Problems("x"))
    found = reader.identify(SheetTraits.of(lines, rows), reader.releases, databases.CD6ME_TABLES)
    assert found == Identity()
    assert [row.key for row in reader.assign(rows, found, databases.CD6ME_TABLES)] == [c.key for c in clips]
