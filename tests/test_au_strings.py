"""AU cells as the databases write them, and what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infusenet.databases.workbooks.au_strings import AU_NUMBERS, parse


@pytest.mark.parametrize(
    ("text", "plain", "kept"),
    [
        ("4", {4}, ()),
        ("4.0", {4}, ()),
        ("R1+R2", {1, 2}, ()),
        ("4+7+6", {4, 6, 7}, ()),
        ("?", (), ()),
        ("15A+17", {15, 17}, ()),
        ("A9E", {9}, ()),
        ("T18+B23", {18, 23}, ()),
        ("10A/B", {10}, ()),
        ("A/L12+4A/B", {4, 12}, ()),
        ("7B+ ref(43)", {7, 43}, ()),
        ("ref(L10)+A12B", {10, 12}, ()),
        ("R14+17+soft focus", {14, 17}, ()),
        ("R12 + R15", {12, 15}, ()),
        ("12+15 ", {12, 15}, ()),
        ("12L+4R", {4, 12}, ()),
        ("AUL1+2+12+45", {1, 2, 12, 45}, ()),
        ("AUR1+2+ L4+45", {1, 2, 4, 45}, ()),
        ("AU4+12(offset)+45", {4, 12, 45}, ()),
        ("AU4(k)+7(k)+4+24", {4, 24}, {4, 7}),
        ("AU12(k)", (), {12}),
    ],
)
def test_au_strings_of_the_databases(text, plain, kept):
    aus = parse(text)
    assert aus == (set(plain), set(kept))
    assert aus.active == set(plain) - set(kept)


@pytest.mark.parametrize(
    "text",
    ["", " ", "R14A or 17A", "12/14", "1215", "40", "4++7", "4+", "4,7", "4.5", "AU", "4;7", "-4", "4(x)"],
)
def test_au_strings_refused(text):
    with pytest.raises(ValueError, match="AU"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [("14or23", "offers a choice"), ("L12 OR L14", "offers a choice"), ("none", "or '?' for none")],
)
def test_what_to_do_about_au_strings_of_copies(text, advice):
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse(text)


def test_commas_where_the_database_has_them():
    assert parse("4,T18+16", comma=True).plain == {4, 16, 18}


DECORATED = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("", "L", "R", "A", "T", "B", "A/L")),
    st.sampled_from(AU_NUMBERS),
    st.sampled_from(("", "A", "E", "A/B")),
    st.sampled_from(("", "L", "R", "(offset)", "L(offset)")),
)


@given(st.lists(DECORATED, min_size=1), st.sampled_from(("+", " + ")), st.sampled_from(("", "AU")))
def test_decorations_never_change_the_numbers(tokens, plus, prefix):
    digits = {int("".join(filter(str.isdigit, token))) for token in tokens}
    assert parse(prefix + plus.join(tokens)).active == digits


@given(st.text(alphabet="0123456789+AULRkreforet()/?. ,", max_size=12))
def test_any_text_is_read_in_full_or_refused(text):
    """No digit of an accepted cell goes unread or is glued to another."""
    try:
        aus = parse(text)
    except ValueError:
        return
    assert aus.plain | aus.kept <= set(AU_NUMBERS)
    whole = text.strip().removesuffix(".0").removesuffix(".00")
    runs = "".join(c if c.isdigit() else " " for c in whole).split()
    assert {int(run) for run in runs if int(run)} >= aus.plain | aus.kept
