"""Every annotated clip is accounted for, and who is left out or recovered stands in one ledger."""

import base64
import csv
import io
import re
from functools import partial

import cv2
import numpy as np
import pytest
from projects import reconfigure, snakemake, would_run

from infusenet import cli
from infusenet.databases import audit, clip_table, sync_index
from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import Clip
from infusenet.databases.sync_index import Index
from infusenet.errors import InputError
from infusenet.preprocess.build_store import fill
from infusenet.preprocess.clip_accounting import reconcile
from infusenet.report import ledger
from infusenet.store import Failure, Item, Store

NAMES = [f"s1/c{n}" for n in range(5)]
SIZE = 32


def crops(failures: dict[str, Failure], recovered: str, names):
    """A faces store's items, each clip's crop of a gray of its own."""
    for name in names:
        level = 40 * (1 + NAMES.index(name))
        arrays = {
            "frames": np.full((7, SIZE, SIZE, 3), level, np.uint8),
            "numbers": np.arange(7, dtype=np.int32),
            "landmarks": np.full((68, 2), SIZE / 2, np.float32),
            "matrix": np.zeros((7, 2, 3)),
        }
        yield failures.get(name) or Item(arrays, "recovered" if name == recovered else "ok")


def build(path, stage, database="casme", names=NAMES, failures=(), recovered="", upstream=(), work=None):
    lost = {failure.clip: failure for failure in failures}
    fill(
        path, stage=stage, database=database, recipe={"stage": stage}, source={}, failed="skip",
        clips=[(name, f"{n:064x}") for n, name in enumerate(names)], upstream_failures=upstream,
        work=work or partial(crops, lost, recovered),
    )  # fmt: skip
    return path


def audit_table(folder, annotated, *findings, **policies):
    folder.mkdir(parents=True, exist_ok=True)
    text = audit.to_csv(annotated, findings, audit.policies(policies))
    (folder / "audit.csv").write_text(text, newline="")


# --- annotated = stored + failed + excluded ---


def test_a_stage_that_accounts_for_all_publishes(tmp_path):
    audit_table(tmp_path, [*NAMES, "s1/x"], Finding("s1/x", "over_long", "9 s"), over_long="exclude")
    failure = Failure("s1/c3", "no_face", "none")
    assert build(tmp_path / "faces.h5", "faces", failures=[failure]).is_file()


@pytest.mark.parametrize(
    ("annotated", "findings", "expected"),
    [
        ([*NAMES, "s1/x"], (), "s1/x: annotated, but neither stored, failed nor excluded"),
        (NAMES[1:], (), "s1/c0: not annotated"),
        (NAMES, [Finding("s1/c4", "over_long", "9 s")], "s1/c4: excluded, but in the store"),
    ],
)
def test_a_stage_that_does_not_publishes_nothing(tmp_path, annotated, findings, expected):
    audit_table(tmp_path, annotated, *findings, over_long="exclude")
    with pytest.raises(InputError, match=expected) as caught:
        build(tmp_path / "faces.h5", "faces")
    assert "faces of casme: counts do not reconcile: 5 stored and 0 failed of 5 clips" in str(caught.value)
    assert not (tmp_path / "faces.h5").exists()


def test_clips_lost_doubled_or_from_nowhere(tmp_path):
    store = Store(build(tmp_path / "faces.h5", "faces", failures=[Failure("s1/c3", "no_face", "")]))
    reconcile(store, NAMES, tmp_path)
    with pytest.raises(InputError, match="s1/x: neither stored nor failed"):
        reconcile(store, [*NAMES, "s1/x"], tmp_path)
    with pytest.raises(InputError, match="s1/c0: not among the clips of this stage"):
        reconcile(store, NAMES[1:], tmp_path)
    store.failures.append(Failure("s1/c0", "no_face", ""))
    with pytest.raises(InputError, match="s1/c0: listed 2 times"):
        reconcile(store, NAMES, tmp_path)


def test_a_later_stage_on_an_older_store_is_told(tmp_path):
    faces = Store(build(tmp_path / "faces.h5", "faces"))
    audit_table(tmp_path, [*NAMES, "s1/new"])
    with pytest.raises(InputError, match="s1/new: annotated, but neither"):
        build(tmp_path / "flow.h5", "flow", names=faces.clips)


def test_a_damaged_audit_table_is_no_licence(tmp_path):
    (tmp_path / "audit.csv").write_text("clip,finding\n")
    with pytest.raises(InputError, match="not an audit table"):
        build(tmp_path / "faces.h5", "faces")


# --- the ledger ---


@pytest.fixture
def cache(tmp_path):
    """Two databases, the first with a clip of each fate."""
    folder = tmp_path / "cache/casme"
    lost = [
        Failure("s1/c1", "no_face", "no face found"),
        Failure("s1/c2", "error", "<script>alert(1)</script>"),
    ]
    detail = "0.90 s up to the apex"
    audit_table(
        folder, [*NAMES, "s1/x", "row 9"],
        Finding("s1/x", "over_long", detail), Finding("row 9", "unknown_au", "AU '1215'"),
        Finding("s1/c0", "onset_is_apex", "both are frame 3"), Finding("", "other_release", "255 rows"),
        over_long="exclude", unknown_au="exclude",
    )  # fmt: skip
    faces = build(folder / "faces.h5", "faces", failures=lost, recovered="s1/c3")
    flow = build(
        folder / "flow.h5", "flow", names=Store(faces).clips, upstream=lost,
        work=partial(crops, {"s1/c4": Failure("s1/c4", "error", "late")}, "s1/c3"),
    )  # fmt: skip
    return [faces, flow, build(tmp_path / "cache/mine/faces.h5", "faces", "mine")]


def test_one_entry_a_clip_and_fate(cache):
    rows = list(csv.DictReader(io.StringIO(ledger.to_csv(ledger.collect(cache)))))
    assert [(r["database"], r["clip"], r["status"], r["stores"]) for r in rows] == [
        ("casme", "s1/c2", "error", "faces flow"),
        ("casme", "s1/c4", "error", "flow"),
        ("casme", "row 9", "excluded", "all"),
        ("casme", "s1/x", "excluded", "all"),
        ("casme", "s1/c1", "no_face", "faces flow"),
        ("casme", "s1/c3", "recovered", "faces flow"),
    ]
    assert rows[2]["reason"] == "unknown_au: AU '1215'"


def test_counts_reconcile(cache):
    counts = ledger.collect(cache).counts
    assert [(c.store, c.annotated, c.stored, c.recovered, c.failed, c.excluded) for c in counts] == [
        ("faces", 7, 3, 1, 2, 2),
        ("flow", 7, 2, 1, 3, 2),
        ("faces", 5, 5, 0, 0, 0),
    ]
    assert all(c.annotated == c.stored + c.failed + c.excluded for c in counts)
    audit_table(cache[0].parent, [*NAMES, "s1/x", "s1/y"])
    with pytest.raises(InputError, match="s1/x: annotated, but neither"):
        ledger.collect(cache)


def frames_of(root, clip, level):
    folder = root / "frames" / clip
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "3.png"), np.full((48, 64, 3), level, np.uint8))
    return Clip("casme", *clip.split("/"), 3, 4, 5, clip)


def pictures(page) -> dict[str, np.ndarray]:
    """Row text -> decoded thumbnail, of the rows that have one."""
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.S):
        if match := re.search(r'src="data:image/jpeg;base64,([^"]+)"', row):
            data = np.frombuffer(base64.b64decode(match[1]), np.uint8)
            found[re.sub(r"<[^>]+>", " ", row)] = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return found


def test_page_shows_crops_and_otherwise_the_onset(cache, tmp_path):
    listed, excluded = frames_of(tmp_path, "s1/c1", 200), frames_of(tmp_path, "s1/x", 100)
    geometry = [
        excluded.subject,
        excluded.clip,
        excluded.onset,
        excluded.apex,
        excluded.offset,
        excluded.frames,
    ]
    lists = clip_table.to_csv([listed], labels=False), (cache[0].parent / "audit.csv").read_text()
    sync_index.write(cache[0].parent, lists, Index(excluded=[geometry]), {})
    argv = ["ledger", *map(str, cache), "--output", str(tmp_path / "results")]
    argv += ["--frames", f"casme={tmp_path / 'frames'}"]
    assert cli.main(argv) == 0
    page = (tmp_path / "results/ledger.html").read_text()
    shown = pictures(page)
    by_clip = {text.split()[1]: picture for text, picture in shown.items()}
    assert set(by_clip) == {"s1/c1", "s1/c3", "s1/c4", "s1/x"}, (
        "c2 is in no clip list, row 9 was not understood"
    )
    assert abs(int(by_clip["s1/x"][60, 80, 0]) - 100) < 4, "excluded: the onset frame too"
    assert by_clip["s1/c1"].shape == (120, 160, 3), "the onset frame, smaller"
    assert abs(int(by_clip["s1/c1"][60, 80, 0]) - 200) < 4
    assert abs(int(by_clip["s1/c4"][30, 30, 0]) - 200) < 4, "the crop"
    assert "no picture" in page
    for text in (
        "Not audited here: mine.",
        "255 rows",
        "0.90 s up to the apex",
        "onset and apex are one frame",
        "<td>keep</td>",
    ):
        assert text in page
    first = (tmp_path / "results/ledger.html").stat().st_mtime_ns
    assert cli.main(argv) == 0
    assert (tmp_path / "results/ledger.html").stat().st_mtime_ns == first, "the same page"


def test_texts_cannot_become_part_of_the_page(cache, tmp_path):
    assert cli.main(["ledger", *map(str, cache), "--output", str(tmp_path)]) == 0
    page = (tmp_path / "ledger.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_unreadable_onset_does_not_end_the_report(cache, tmp_path):
    clip = frames_of(tmp_path, "s1/c1", 9)
    (tmp_path / "frames/s1/c1/3.png").write_bytes(b"half")
    (cache[0].parent / "clips.csv").write_text(clip_table.to_csv([clip], labels=False))
    words = ["--frames", f"casme={tmp_path / 'frames'}", "--output", str(tmp_path)]
    assert cli.main(["ledger", *map(str, cache), *words]) == 0
    assert "onset unreadable" in (tmp_path / "ledger.html").read_text()


def test_missing_store_in_a_sentence(tmp_path, capsys):
    assert cli.main(["ledger", str(tmp_path / "flow.h5"), "--output", str(tmp_path)]) == 1
    assert "no such store" in capsys.readouterr().err


def test_workflow_makes_the_ledger_again_when_findings_change(project):
    done = snakemake(project, "ledger")
    assert done.returncode == 0, done.stderr
    assert (project / "results/ledger.html").is_file()
    reconfigure(project, lambda config: config["audit"].update(pseudo_apex_clamped="exclude"))
    assert would_run(project, "ledger") == {}, "no clip has that finding"
    (project / "raw/two/s1/c1/5.jpg").rename(project / "raw/two/away.jpg")
    assert would_run(project, "ledger") == {"faces": 1, "flow": 1, "latents": 1, "ledger": 1}
