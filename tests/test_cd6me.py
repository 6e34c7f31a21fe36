"""The comparison with CD6ME: digests of clips, windows and labels, and the label of every table and figure."""

import csv
import hashlib
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from narrow import narrow_resnets
from synthetic import RECIPES, clips_of, recipe_of, write_database

from infusenet import models
from infusenet.databases import audit, cd6me
from infusenet.databases.audit import Finding
from infusenet.databases.clip_table import Clip, to_csv
from infusenet.evaluation.evaluate import evaluate
from infusenet.protocol import AUS, CD6ME
from infusenet.training import run_folder
from infusenet.training.predict import predict

SHIFTS = {"s0/c0": 100, "s1/c1": 30}
COUNT = 10


def write_tables(folder, clips_of_all):
    """The folder of data tables of a CD6ME that has just these clips: {database: clips}."""
    folder.mkdir(exist_ok=True)
    digests = {name: asdict(cd6me.digests(clips)) for name, clips in clips_of_all.items()}
    (folder / "digests.json").write_text(json.dumps(digests))
    lines = ["release,subject,row_clip,row_onset,row_apex,clip,shift,offset,source"]
    lines += [f"section-ab,{key.replace('/', ',raw,,,')},{shift},,made up" for key, shift in SHIFTS.items()]
    lines += [
        "section-ab,s2,raw,,,c2,0,,made up",
        "section-ab,s3,raw,,,,,,made up",
        "other,s0,,,,c0,,,made up",
    ]
    (folder / "casme_rows.csv").write_text("\n".join(lines) + "\n")
    lines = ["subject,clip,field,cd6me,coding2019,source"]
    for clip in clips_of_all.get("casme2", [])[:3]:
        active = [n for n in AUS if clip.labels[n]]
        other = sorted({*active} ^ {4, 24})  # AU24 is none of the twelve
        lines.append(f"{clip.subject},{clip.clip},au,{joined(active)},{joined(other)},made up")
    lines.append("s3,c3,emotion,sadness,surprise,made up")
    (folder / "casme2_labels.csv").write_text("\n".join(lines) + "\n")


def joined(aus):
    return "+".join(map(str, aus)) or "?"


def relabelled(clip, *aus):
    return replace(clip, labels={n: int(value) ^ (n in aus) for n, value in clip.labels.items()})


def moved(clip, shift):
    return replace(clip, onset=clip.onset + shift, apex=clip.apex + shift, offset=clip.offset + shift)


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Six made-up databases as CD6ME: {database: clips}."""
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "cd6me")
    clips = {name: clips_of(name, COUNT) for name in CD6ME}
    write_tables(cd6me.FOLDER, clips)
    return clips


def test_the_shipped_digests_are_of_2031_clips():
    assert sum(cd6me.expected(name).clips for name in CD6ME) == 2031
    assert list(cd6me.TITLES) == list(CD6ME)


def test_the_shipped_shifts_lead_from_section_a_to_cd6me():
    raw = {"06/EP02_7": (57, 61, 70), "14/EP08_2": (96, 105, 121), "01/EP11": (61, 69, 85)}
    clips = cd6me.unshifted(
        "casme", [Clip("casme", *key.split("/"), *window, "f") for key, window in raw.items()]
    )
    assert [(c.onset, c.apex, c.offset) for c in clips] == [(27, 31, 40), (1, 10, 26), (61, 69, 85)]


def test_lines_are_sorted_and_joined():
    clips = [
        Clip("samm", "010", "010_1", 3, 4, 9, "f", labels={n: int(n in (1, 17)) for n in (*AUS, 24)}),
        Clip("samm", "006", "006_2", 1, 5, 7, "f", labels={n: int(n == 4) for n in AUS}),
    ]
    labels = b"006/006_2 001000000000\n010/010_1 100000000001"
    windows = b"006/006_2 1 5 7\n010/010_1 3 4 9"
    assert cd6me.digests(clips) == cd6me.Digests(
        2, hashlib.sha256(labels).hexdigest(), hashlib.sha256(windows).hexdigest()
    )


keys = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), min_size=1, max_size=8, unique=True)


@given(keys=keys, data=st.data())
def test_any_other_clip_window_or_label_is_seen(tmp_path_factory, keys, data):
    number = st.integers(200, 400)
    clips = []
    for subject, clip in keys:
        window = sorted(data.draw(st.tuples(number, number, number)))
        labels = {n: data.draw(st.integers(0, 1)) for n in AUS}
        clips.append(Clip("samm", subject, f"c{clip}", *window, "f", labels=labels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cd6me, "FOLDER", tmp_path_factory.mktemp("cd6me"))
        write_tables(cd6me.FOLDER, {"samm": clips})
        order = data.draw(st.permutations(clips))
        assert cd6me.difference("samm", order, 0, None) == ""
        at = data.draw(st.integers(0, len(clips) - 1))
        rest, clip = clips[:at] + clips[at + 1 :], clips[at]
        assert cd6me.difference("samm", rest, 0, None) == f"SAMM: {len(rest)} of {len(clips)} clips"
        field = data.draw(st.sampled_from(["onset", "apex", "offset"]))
        other = replace(clip, **{field: getattr(clip, field) + data.draw(st.sampled_from([-1, 1]))})
        assert cd6me.difference("samm", [other, *rest], 0, None) == "SAMM: windows differ"
        other = relabelled(clip, data.draw(st.sampled_from(AUS)))
        assert cd6me.difference("samm", [*rest, other], 0, None) == "SAMM: labels differ"
        other = replace(clip, clip="another")
        assert "names" in cd6me.difference("samm", [*rest, other], 0, None)


def test_the_shift_of_section_a_and_b_is_taken_off_all_clips_or_none(tables):
    raw = [moved(clip, SHIFTS.get(clip.key, 0)) for clip in tables["casme"]]
    assert cd6me.difference("casme", raw, 0, None) == ""
    assert cd6me.difference("casme", [raw[0], *tables["casme"][1:]], 0, None) == "CASME: windows differ"
    assert cd6me.difference("casme", [moved(raw[0], 1), *raw[1:]], 0, None) == "CASME: windows differ"
    samm = [moved(clip, SHIFTS.get(clip.key, 0)) for clip in tables["samm"]]
    assert cd6me.difference("samm", samm, 0, None) == "SAMM: windows differ"


def test_labels_of_2019_are_counted(tables):
    first, second, third, fourth, *rest = tables["casme2"]
    coded = [relabelled(first, 4), relabelled(second, 4), third, fourth, *rest]
    assert cd6me.difference("casme2", coded, 0, None) == "CASME II: labels of 2019 in 2 clips"
    more = [*coded[:3], relabelled(fourth, 4), *rest]
    expected = "CASME II: labels of 2019 in 2 clips, other labels differ"
    assert cd6me.difference("casme2", more, 0, None) == expected
    edited = [first, second, third, relabelled(fourth, 4), *rest]
    assert cd6me.difference("casme2", edited, 0, None) == "CASME II: labels differ"
    both = [*coded[1:], moved(first, 1)]
    assert cd6me.difference("casme2", both, 0, None) == "CASME II: labels of 2019 in 1 clip, windows differ"


def test_the_audit_tells_how_many(tables):
    clips = tables["casme"]
    owners = [Finding(clip.key, "owner_window", "") for clip in clips[:3]]
    table = audit.Table({clip.key for clip in clips}, [(finding, "keep") for finding in owners])
    windows = [moved(clip, 1) for clip in clips[:3]] + clips[3:]
    assert cd6me.difference("casme", windows, 0, table) == "CASME: 3 windows"
    assert cd6me.difference("casme", clips, 0, table) == ""

    stranger = replace(clips[0], clip="more")
    outside = Finding(stranger.key, "not_in_cd6me", "")
    kept = audit.Table({stranger.key, *table.annotated}, [(outside, "keep")])
    assert cd6me.difference("casme", [*clips, stranger], 0, kept) == "CASME: 1 clip outside CD6ME"
    # Its own failure is none of CD6ME's clips, nor is the second row of a clip.
    assert cd6me.difference("casme", clips[1:], 2, kept) == "CASME: 9 of 10 clips (1 failed)"
    left_out = audit.Table(kept.annotated, [(outside, "exclude")])
    assert cd6me.difference("casme", clips, 0, left_out) == ""
    second = audit.Table({*table.annotated, "row 8"}, [(Finding("row 8", "duplicate", "row 3"), "exclude")])
    assert cd6me.difference("casme", clips[1:], 1, second) == "CASME: 9 of 10 clips (1 failed)"

    lost = (Finding(clips[0].key, "missing_key_frame", ""), "exclude")
    named = (Finding("s9/c9", "excluded_by_name", "unreadable: offset; not_in_cd6me: a row"), "exclude")
    fewer = audit.Table(kept.annotated, [(outside, "exclude"), lost, named])
    text = "CASME: 7 of 10 clips (1 excluded by the audit, 2 failed)"
    assert cd6me.difference("casme", clips[3:], 2, fewer) == text


def test_windows_that_differ_beside_the_owners_are_said(tables, tmp_path, monkeypatch):
    """As far as the errata say what CD6ME has in place of the owners'."""
    changed = replace(tables["casme"][0], subject="03", clip="EP07_1", onset=100, apex=120, offset=149)
    write_tables(tmp_path / "errata", {"casme": [changed, *tables["casme"][1:]]})
    monkeypatch.setattr(cd6me, "FOLDER", tmp_path / "errata")
    finding = Finding(changed.key, "owner_window", "")
    table = audit.Table({changed.key}, [(finding, "keep")])
    clips = [replace(changed, onset=83, apex=89, offset=96), *tables["casme"][1:]]
    assert cd6me.difference("casme", clips, 0, table) == "CASME: 1 window"
    more = [*clips[:-1], moved(clips[-1], 1)]
    assert cd6me.difference("casme", more, 0, table) == "CASME: 1 window, other windows differ"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Six databases with stores, and an untrained network's weights for each fold; read-only.

    ResNets are narrow until the last test, none of which looks at a score.
    """
    root = tmp_path_factory.mktemp("trained")
    recipe = recipe_of("resnet18_flow")
    with narrow_resnets():
        model = models.create(recipe)
        for name in CD6ME:
            write_database(
                root, name, COUNT, recipes={"flow": RECIPES["flow"]}, failed="s0/c0" * (name == "mmew")
            )
            others = [clip for other in CD6ME if other != name for clip in clips_of(other, COUNT)]
            facts = {
                "recipe": recipe.as_dict(),
                "held_out": name,
                "seed": 0,
                "n_train": len(others),
                "initial_weights": "none",
            }
            facts["label_counts"] = {f"AU{n}": sum(clip.labels[n] for clip in others) for n in AUS}
            run_folder.save_weights(root / name, model, facts)
        yield root


def predicted(trained, tmp_path, name, clips=None, **options):
    """The run folder and facts of scoring ``clips``, by default those of the stores."""
    manifests, run = tmp_path / "manifests", tmp_path / "results" / name
    manifests.mkdir(exist_ok=True)
    (manifests / f"{name}.csv").write_text(to_csv(clips or clips_of(name, COUNT)))
    run.mkdir(parents=True, exist_ok=True)
    (run / "log.csv").write_text("epoch,loss_flow\n1,2\n")
    predict(trained / name, trained / "cache", manifests, run / "predictions.csv", device="cpu", **options)
    return run, json.loads((run / "run.json").read_text())


def test_predict_notes_what_sets_the_held_out_database_apart(trained, tables, tmp_path):
    clips = tables["samm"]
    assert predicted(trained, tmp_path, "samm")[1]["cd6me"] == ""
    other = [relabelled(clips[0], 12), *clips[1:]]
    assert predicted(trained, tmp_path, "samm", other)[1]["cd6me"] == "SAMM: labels differ"
    audited = trained / "cache/samm/audit.csv"
    lost = [Finding(clips[0].key, "missing_key_frame", "the apex")]
    audited.write_text(audit.to_csv([clip.key for clip in clips], lost, {"missing_key_frame": "exclude"}))
    text = "SAMM: 9 of 10 clips (1 excluded by the audit)"
    assert predicted(trained, tmp_path, "samm", clips[1:])[1]["cd6me"] == text
    audited.unlink()
    assert predicted(trained, tmp_path, "mmew")[1]["cd6me"] == "MMEW: 9 of 10 clips (1 failed)"


def test_predict_says_nothing_of_stand_ins(trained, tables, tmp_path):
    facts = predicted(trained, tmp_path, "samm", standins=True)[1]
    assert facts["standins"]
    assert "cd6me" not in facts


def test_from_manifests_to_the_label_of_the_metrics(trained, tables, tmp_path, unrendered):
    def protocols():
        evaluate([tmp_path / "results" / name for name in CD6ME], tmp_path / "out")
        with open(tmp_path / "out/metrics.csv", newline="") as file:
            return {row["protocol"] for row in csv.DictReader(file)}

    scored = tables | {"mmew": tables["mmew"][1:]}  # without the clip that failed
    write_tables(cd6me.FOLDER, scored)
    trainings = [name for name in CD6ME if name != "mmew"]
    for name in CD6ME:
        predicted(trained, tmp_path, name)
    text = "trained on other clips or labels than the other folds': CASME, CASME II, SAMM, 4DME, CAS(ME)^3"
    assert protocols() == {f"CD6ME databases, other clips or labels: {text}"}
    for name in trainings:
        run = tmp_path / "results" / name
        lost, facts = tables["mmew"][0], json.loads((run / "run.json").read_text())
        counts = {f"AU{n}": facts["label_counts"][f"AU{n}"] - lost.labels[n] for n in AUS}
        (run / "run.json").write_text(json.dumps(facts | {"n_train": 49, "label_counts": counts}))
    assert protocols() == {"CD6ME"}
    write_tables(cd6me.FOLDER, tables)
    assert protocols() == {"CD6ME databases, other clips or labels: MMEW: 9 of 10 clips"}
