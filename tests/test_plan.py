"""`infusenet plan` against what Snakemake then does, and against the stores that come of it."""

import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from projects import STAND_IN_COMMAND, reconfigure, snakemake

from infusenet import cli, files
from infusenet.databases import clip_table
from infusenet.databases.clip_table import Clip
from infusenet.errors import InputError
from infusenet.preprocess.build_log import computed
from infusenet.preprocess.build_store import fill
from infusenet.protocol import AUS
from infusenet.snakemake_state.plan.changed_clips import Change, changes, compare, stored_clips
from infusenet.snakemake_state.plan.jobs import Job, changed_settings, jobs
from infusenet.snakemake_state.plan.plan_text import show
from infusenet.snakemake_state.plan.times import estimates, predict
from infusenet.store import Failure, Item, Store

NAMES = ("one", "two")

# Faces and flow are real builds of made-up arrays: what is tested is which clips are computed.
BUILDS = """#!{python}
import sys, pathlib
import numpy as np
stage = sys.argv[3]
if stage not in ("faces", "flow"):
    exec(pathlib.Path(__file__).with_name("others.py").read_text())
    sys.exit()
from infusenet import cli
from infusenet.store import Failure, Item
def work(*arguments):
    for name in arguments[-1]:
        arrays = dict(frames=np.zeros((7, 8, 8, 3), np.uint8)) if stage == "faces" else dict(flow=np.zeros((3, 8, 8)))
        yield Failure(name, "no_face", "none") if name.endswith("bad") else Item(arrays)
if stage == "faces":
    from infusenet.preprocess import faces
    faces.Crops.__call__ = work
    faces.draw = lambda store, path: path.touch()
else:
    from infusenet.preprocess import flow
    flow._work = work
sys.exit(cli.main(sys.argv[1:]))
"""


def write_clips(root: Path, name: str, clips: dict[str, str]) -> None:
    """A database of ``{clip: what its frames hold}``."""
    for clip, content in clips.items():
        folder = root / "raw" / name / "s1" / clip
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 4):
            (folder / f"{number}.jpg").write_text(f"{name} {clip} {content}")
    rows = [Clip(name, "s1", clip, 1, 2, 3, f"s1/{clip}", "", "", dict.fromkeys(AUS, 0)) for clip in clips]
    files.write_if_changed(root / f"raw/{name}.csv", clip_table.to_csv(rows))


@pytest.fixture
def lab(project, monkeypatch):
    """Two databases of three clips, of which one has no face, and one method that reads flow."""
    (project / "bin/others.py").write_text(STAND_IN_COMMAND.format(python=sys.executable))
    (project / "bin/infusenet").write_text(BUILDS.format(python=sys.executable))
    monkeypatch.chdir(project)

    def edit(config):
        config["methods"] = {"resnet18_flow": {"weights": "none"}}
        config["databases"].pop("three")
        config["failed_clips"] = "skip"
        config["compute"]["device"] = "cpu"  # only torch, which takes long to start, can look for a GPU

    reconfigure(project, edit)
    for name in NAMES:
        write_clips(project, name, {"a": "x", "b": "y", "bad": "z"})
    return project


def run(lab, *words):
    done = snakemake(lab, "--rerun-incomplete", *words)
    assert done.returncode == 0, done.stderr
    return done


def dry_run(lab) -> set[tuple[str, str]]:
    """(rule, first output) of every job that `snakemake -n` announces."""
    text = run(lab, "-n", "--", "all_folds").stdout
    return set(
        re.findall(r"^(?:rule|checkpoint) (\w+):\n(?:    (?!output).*\n)*    output: ([^,\n]+)", text, re.M)
    )


def runs(planned: list[Job]) -> set[tuple[str, str]]:
    return {(job.rule, job.output[0]) for job in planned if job.reasons}


def keys(lab) -> dict[Path, dict[str, str]]:
    return {path: Store(path).keys for path in lab.glob("cache/*/*.h5")}


def test_plan_agrees_with_the_dry_run_and_with_what_is_then_built(lab, capsys):
    def planned_and_done() -> tuple[dict[str, Change], str]:
        """The plan by store and in words, once it has been compared with the dry run and the run."""
        planned = jobs("all_folds")
        assert runs(planned) == dry_run(lab)
        foretold, before = changes(planned), keys(lab)
        text = "\n".join(show(planned, foretold, estimates(planned, foretold)))
        run(lab, "--", "all_folds")
        after = keys(lab)
        for job, change in foretold.items():
            was, became = before.get(lab / job.output[0], {}), after[lab / job.output[0]]
            kept = {clip for clip, key in became.items() if was.get(clip) == key}
            assert change.reused == kept
            assert (change.new | change.changed | change.failed) - {"s1/bad"} == became.keys() - kept
            assert change.removed == was.keys() - became.keys()
        return {job.output[0]: change for job, change in foretold.items()}, text

    # Nothing is there.
    plan, text = planned_and_done()
    assert plan["cache/one/faces.h5"].new == {"s1/a", "s1/b", "s1/bad"}
    assert "train resnet18_flow, seed 0, held out: one, two (2 folds): not made yet; time unknown" in text

    # Nothing has changed: what lies there is listed with its failures.
    plan, text = planned_and_done()
    assert plan["cache/one/flow.h5"].reused == {"s1/a", "s1/b"}
    assert plan["cache/one/flow.h5"].left_out == {"s1/bad"}
    assert text.endswith("nothing to do")

    # A clip more, one less and one with other frames; the face that was not found is tried again.
    write_clips(lab, "one", {"a": "other", "c": "new", "bad": "z"})
    plan, text = planned_and_done()
    for store in ("faces", "flow"):
        change = plan[f"cache/one/{store}.h5"]
        assert (change.new, change.changed, change.removed) == ({"s1/c"}, {"s1/a"}, {"s1/b"})
        assert (change.reused, change.failed) == (set(), {"s1/bad"})
        assert plan[f"cache/two/{store}.h5"].computed == 0
    assert re.search(r"one +faces +3 +1 +1 +1 +0 +1 +about 0:\d\d:\d\d +clips changed\n", text)
    assert re.search(r"two +flow +3 +0 +0 +0 +2 +1 +up to date\n", text)
    assert re.search(r"train .* held out: one, two .*: inputs changed|inputs are made again; about 0", text)

    # Another setting of one stage.
    reconfigure(lab, lambda config: config["flow"].update(strain="meb"))
    plan, text = planned_and_done()
    assert plan["cache/two/flow.h5"].changed == {"s1/a", "s1/b"}
    assert plan["cache/two/flow.h5"].left_out == {"s1/bad"}
    assert plan["cache/two/faces.h5"].reused == {"s1/a", "s1/b"}
    assert "strain tensor -> meb" in text

    # The command prints it, for a file too.
    assert cli.main(["plan", "cache/two/faces.h5"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "Snakemake's handler would outlive the plan"


def test_what_snakemake_refuses_is_said_in_a_sentence(lab, capsys, tmp_path, monkeypatch):
    assert cli.main(["plan", "no_such_target"]) == 1
    assert "no_such_target" in capsys.readouterr().err
    reconfigure(lab, lambda config: config["flow"].update(strian="meb"))
    with pytest.raises(InputError, match="did you mean 'strain'"):
        jobs("all_folds")
    monkeypatch.chdir(tmp_path / "raw")
    with pytest.raises(InputError, match="no Snakefile"):
        jobs("all_folds")


def test_clips_of_an_interrupted_build_count_as_done(tmp_path):
    output = tmp_path / "flow.h5"
    clips = [(f"s1/c{n}", f"{n:064x}") for n in range(40)]

    def dies(names):
        for name in names:
            if name == "s1/c39":
                raise KeyboardInterrupt
            yield Failure(name, "no_face", "none") if name == "s1/c3" else Item({"flow": np.zeros((3, 4, 4))})

    with pytest.raises(KeyboardInterrupt):
        fill(output, stage="flow", database="one", recipe={}, source={}, clips=clips, work=dies)
    change = compare(stored_clips(output, "flow"), dict(clips) | {"s1/c0": "f" * 64}, set())
    assert change.failed == {"s1/c3"}
    assert change.changed == {"s1/c0"}
    assert change.reused == {f"s1/c{n}" for n in range(32)} - {"s1/c0", "s1/c3"}
    assert change.new == {f"s1/c{n}" for n in range(32, 40)}


def test_settings_that_changed_by_name():
    recipe = '{{"stage":"flow","stores":{{"latents":{{"weights":"{}"}}}},"size":{}}}'
    old = {repr(recipe.format("a" * 64, 64)), repr("0" * 64)}
    new = {repr(recipe.format("b" * 64, 224)), repr("1" * 64), "['one', 'two']"}
    assert list(changed_settings(old, new)) == [
        "size 64 -> 224", "weights aaaaaaaa... -> bbbbbbbb...", "clips changed", "other databases or runs",
    ]  # fmt: skip


def job(folder: Path, name: str, rule: str, seconds: float | None, *reasons, epochs=2, done=None) -> Job:
    """A job with its benchmark, and in its log what it did."""
    log, benchmark, output = (folder / f"{name}.{ending}" for ending in ("log", "tsv", "csv"))
    if seconds is not None:
        benchmark.write_text(f"s\th:m:s\n{seconds}\t0:00:01\n")
        output.write_text("epoch\n" + "1\n" * epochs)
    if done is not None:
        log.write_text(f"x: {done} clips computed, 7 taken over, 0 failed\n")
    recipe = {"epochs": epochs} if rule == "train" else {}
    return Job(rule, {"method": "m"}, recipe, ("x", str(output)), log, benchmark, reasons)


def test_time_of_a_training_grows_with_its_epochs(tmp_path):
    past = [job(tmp_path, "one", "train", 10, epochs=2), job(tmp_path, "two", "train", 30, epochs=6)]
    soon = job(tmp_path, "three", "train", None, "not made yet", epochs=20)
    never = job(tmp_path, "four", "claims", None, "not made yet")
    assert estimates([*past, soon, never], {}) == {soon: pytest.approx(100)}
    text = "\n".join(show([soon, never], {}, {soon: 100}))
    assert "2 jobs, one after the other about 0:01:40 and 1 of unknown time" in text


def test_time_of_a_store_grows_with_the_clips_that_are_computed(tmp_path):
    past = [
        job(tmp_path, "full", "flow", 104, done=100),
        job(tmp_path, "update", "flow", 5, done=1),  # a straight line: 4 s and 1 s a clip
        job(tmp_path, "untold", "flow", 999),
    ]
    soon = job(tmp_path, "soon", "flow", None, "clips changed")
    nothing = frozenset()
    change = Change(frozenset("abcdef"), nothing, nothing, frozenset("xyz"), nothing, nothing)
    assert estimates([*past, soon], {soon: change}) == {soon: pytest.approx(10)}


@pytest.mark.parametrize(
    ("past", "amount", "seconds"),
    [
        ([(10, 20), (10, 40)], 5, 15),  # one amount only: through the origin
        ([(10, 100), (100, 10)], 11, 11),  # a line that falls is none
        ([(0, 3), (0, 5)], 9, 4),
    ],
)
def test_runs_that_make_no_line(past, amount, seconds):
    assert predict(past, amount) == pytest.approx(seconds)


def test_a_stage_tells_what_it_did(tmp_path, capsys):
    output = tmp_path / "flow.h5"

    def build(clips):
        work = lambda names: (  # noqa: E731
            Failure(name, "error", "") if name == "bad" else Item({"flow": np.zeros(2)}) for name in names
        )
        fill(
            output,
            stage="flow",
            database="one",
            recipe={},
            source={},
            clips=clips,
            work=work,
            failed="skip",
        )
        return capsys.readouterr().err.splitlines()[-1]

    assert (
        build([("a", "0" * 64), ("bad", "1" * 64)]) == f"{output}: 1 clips computed, 0 taken over, 1 failed"
    )
    told = build([("a", "0" * 64), ("b", "2" * 64), ("bad", "1" * 64)])
    assert told == f"{output}: 1 clips computed, 1 taken over, 1 failed"
    (tmp_path / "log").write_text(told)
    assert computed(tmp_path / "log") == 2
    assert computed(tmp_path / "none") is None
