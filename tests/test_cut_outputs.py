"""Result files that were cut to nothing, at a line's end or in the middle: found, named, made again."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy
import pytest
from lab import lab
from projects import JOB_FILES, ROOT, reconfigure, snakemake, would_run
from safetensors.numpy import save
from synthetic import recipe_of, write_database

from infusenet import cli
from infusenet.errors import InputError
from infusenet.evaluation.evaluate import evaluate, read_run
from infusenet.preprocess.contact_sheet import contact_sheet
from infusenet.snakemake_state.cut_outputs import ASIDE, OF_A_RUN, set_aside
from infusenet.store import Store
from infusenet.training.left_out import write_left_out
from infusenet.training.predict import predict
from infusenet.training.run_folder import DIGEST_NOTE
from infusenet.training.trainer import train

RUN = "method/gamma/seed0"
SMALL = recipe_of("off_apexnet", epochs=3)
METRICS = ("metrics.csv", "metrics.md", "heatmap.png", "reliability.png", "training.png")
LEDGER = ("ledger.csv", "ledger.html")
CUTS = {
    "empty": lambda data: b"",
    "at a line's end": lambda data: data[: data[:-1].rfind(b"\n") + 1],
    "in the middle": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),  # a power cut before the disk had more than the length
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results that the real commands wrote: one run, its tables and pictures, a ledger; and a cache."""
    root = tmp_path_factory.mktemp("results")
    for name in ("alpha", "gamma"):
        write_database(root, name, count=8)
    run, places = root / "results" / RUN, (root / "cache", root / "manifests")
    train("off_apexnet", "gamma", *places, 0, run, recipe=SMALL, device="cpu")
    predict(run, *places, device="cpu")
    evaluate([run], root / "results")
    folder = lab(root / "other") / "cache/samm"
    shutil.move(folder, root / "cache/samm")
    faces = root / "cache/samm/faces.h5"
    contact_sheet(Store(faces), faces.with_suffix(".png"))
    write_left_out([faces, faces.with_name("flow.h5")], faces.with_name("left_out.csv"))
    assert cli.main(["ledger", str(faces), "--output", str(root / "results")]) == 0
    return root


@pytest.fixture
def place(made, tmp_path):
    """A copy for one test, with the stores' second names."""
    shutil.copytree(made, tmp_path / "copy")
    for store in (tmp_path / "copy/cache/samm").glob("*.h5"):
        (kept,) = store.with_name(f".{store.name}.parts").iterdir()
        kept.unlink()
        os.link(store, kept)
    return tmp_path / "copy"


def look(place) -> list[str]:
    databases = {"samm": {"frames": "raw"}}
    return set_aside(
        {"results": str(place / "results"), "cache": str(place / "cache"), "databases": databases}
    )


def cut(path: Path, how: str) -> None:
    """Other content, under the old time."""
    facts = path.stat()
    path.write_bytes(CUTS[how](path.read_bytes()))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def files(place) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("name", [*(f"{RUN}/{name}" for name in OF_A_RUN), *METRICS, *LEDGER])
def test_every_result_file(place, capfd, name, how):
    path = place / "results" / name
    before = files(place)
    cut(path, how)
    missing = look(place)
    assert missing == ([f"{place}/results/{name}"] if name.startswith(RUN) else [])
    assert capfd.readouterr().err.startswith(f"{path}: ")
    assert not path.exists()
    assert look(place) == missing, "asked for until it is there again"
    path.write_bytes(before[f"results/{name}"])
    assert look(place) == []
    assert files(place) == before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("name", ["faces.h5", "flow.h5", "latents.h5", "left_out.csv"])
def test_a_store_and_the_list_of_clips_left_out(place, capfd, name, how):
    path = place / "cache/samm" / name
    cut(path, how)
    assert look(place) == []
    assert capfd.readouterr().err.startswith(f"{path}: ")
    assert path.with_name(f"{name}{ASIDE}").is_file()


@pytest.mark.parametrize("how", ["empty", "in the middle"])
@pytest.mark.parametrize("name", ["faces.h5.sha256", "flow.h5.sha256", "faces.png"])
def test_what_belongs_to_a_store_is_made_again_at_once(place, capfd, name, how):
    """Else its store would be built again, and all trained on it."""
    path, before = place / "cache/samm" / name, files(place)
    cut(path, how)
    assert look(place) == []
    assert capfd.readouterr().err.startswith(f"{path}: ")
    assert files(place) == before


def test_a_sidecar_whose_digest_nobody_knows(place, capfd):
    path = place / "cache/samm/flow.h5.sha256"
    shutil.rmtree(path.with_name(".flow.h5.parts"))
    cut(path, "empty")
    look(place)
    assert f"{path}: no digest; removed" in capfd.readouterr().err


def test_nothing_is_wrong_with_whole_files(place, capfd):
    before = files(place)
    for path in place.rglob("*"):
        os.utime(path)
    assert look(place) == []
    assert (capfd.readouterr().err, files(place)) == ("", before)


@pytest.mark.parametrize("how", CUTS)
def test_results_of_a_version_that_noted_no_sizes(place, capfd, how):
    """Files without a note of their size show a cut by their content: of tables in CSV, and predictions, a cut at a line's end does not show."""
    for note in place.rglob(".*.sizes"):
        note.unlink()
    names = [*(f"{RUN}/{name}" for name in OF_A_RUN), *METRICS, *LEDGER]
    assert look(place) == []
    for name in names:
        cut(place / "results" / name, how)
    look(place)
    left = [name for name in names if (place / "results" / name).exists()]
    unseen = ["metrics.csv", "metrics.md", "ledger.csv", f"{RUN}/predictions.csv"]
    assert sorted(left) == (sorted(unseen) if how == "at a line's end" else [])


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '"a"', "7", '{"log.csv": null}', '{"log.csv": "9"}', "\0\0"]
)
def test_a_damaged_note_of_sizes_counts_as_absent(place, capfd, text):
    notes = list(place.rglob(".*.sizes"))
    for note in notes:
        note.write_text(text)
    assert look(place) == []
    lines = capfd.readouterr().err.splitlines()
    assert sorted(line.partition(": damaged; delete it")[0] for line in lines) == sorted(map(str, notes))
    cut(place / "results" / RUN / "log.csv", "in the middle")
    assert look(place) == [f"{place}/results/{RUN}/log.csv"], "seen without the note"


@pytest.mark.parametrize("how", CUTS)
def test_readers_refuse_cut_predictions(place, tmp_path, how):
    run = place / "results" / RUN
    cut(run / "predictions.csv", how)
    rows = {"empty": 0, "at a line's end": 7, "in the middle": 4, "zeros": 0}[how]
    expected = f"predictions.csv: {rows} rows; run.json notes 8 rows and another digest.*infusenet predict"
    for read in (lambda: read_run(run), lambda: evaluate([run], tmp_path / "out")):
        with pytest.raises(InputError, match=expected):
            read()
    assert cli.main(["compare", str(run), str(run)]) == 1


def test_readers_refuse_other_predictions_of_the_same_length(place):
    path = place / "results" / RUN / "predictions.csv"
    text = path.read_text()
    path.write_text(text[:-2] + ("0\n" if text[-2] == "1" else "1\n"))
    with pytest.raises(InputError, match="8 rows; run.json notes 8 rows and another digest"):
        read_run(place / "results" / RUN)


def test_weights_that_were_copied_in_part_are_refused(place, capsys):
    """Their length and their header are right, and the second half is zeros: each reader of them says so."""
    weights, places = place / "results" / RUN / "weights.safetensors", (place / "cache", place / "manifests")
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert look(place) == [], "the parse reads the ends of files alone"
    with pytest.raises(InputError, match=r"weights\.safetensors: damaged, or a copy that broke off"):
        predict(weights.parent, *places, device="cpu")
    weights.with_name(DIGEST_NOTE).write_text("no digest")
    predict(weights.parent, *places, device="cpu")  # as of a version that noted none


@pytest.mark.parametrize("text", ["", '{"heads": ["mag"', "[]", "\0" * 20, "null", "{}", '{"recipe": []}'])
def test_readers_refuse_a_cut_run_json(place, text):
    run = place / "results" / RUN
    (run / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: cut or damaged.*infusenet predict"):
        read_run(run)


def test_predictions_of_an_older_version_are_taken_with_one_remark(place, capfd, tmp_path):
    runs = [place / "results" / RUN, shutil.copytree(place / "results" / RUN, place / "second")]
    for number, run in enumerate(runs):
        facts = json.loads((run / "run.json").read_text())
        del facts["predicted"]["sha256"], facts["predicted"]["rows"]
        (run / "run.json").write_text(json.dumps(facts | {"seed": number}))
    evaluate(runs, tmp_path / "out")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"2 of 2 runs, first {runs[0]}: an older version predicted them")


TENSORS = save({"a": numpy.zeros(900)}, {"infusenet": '{"recipe": {"epochs": 8}}'})
COMMAND = (
    JOB_FILES
    + f"""
import json
from pathlib import Path
sys.path.append({str(ROOT)!r})
from infusenet.files import note_sizes
HEADER = bytes.fromhex({TENSORS[: -900 * 8].hex()!r})
"""
    + """
rows = "".join(f"{{words[0]}},{{row}}\\n" for row in range(9))
contents = {{
    ".png": rows.encode() + b"IEND\\xaeB`\\x82", ".html": rows.encode() + b"</html>\\n",
    ".json": (json.dumps(dict(rows=rows), indent=1) + "\\n").encode(),
    ".safetensors": HEADER + bytes(900 * 8),
}}
for file in map(Path, files or [output]):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(contents.get(file.suffix, rows.encode()))
if files:
    folders, names = zip(*map(os.path.split, files))
    note_sizes(Path(folders[0]), names)
else:
    Path(f"{{output}}.sha256").write_text("0" * 64 + "\\n")
if "--contact-sheet" in words:
    Path(words[words.index("--contact-sheet") + 1]).write_bytes(contents[".png"])
"""
)


def test_the_next_run_makes_all_of_it_again(project):
    """Every file of every job below the results, and tables of clips, cut in one go."""
    (project / "bin/infusenet").write_text(COMMAND.format(python=sys.executable))
    reconfigure(project, lambda config: config["databases"].popitem())
    targets = ("all_folds", "ledger", "figure2")
    done = snakemake(project, "--", *targets)
    assert done.returncode == 0, done.stderr
    before = files(project)
    ends = (".log", ".tsv", ".sizes")
    names = [name for name in before if name.startswith("results/") and not name.endswith(ends)]
    assert len(names) == 4 * 2 + len(METRICS) + 2 + 1
    names += ["data_manifests/one.csv", "cache/one/clips.csv", "cache/three/audit.csv"]
    for how in CUTS:
        for name in names:
            cut(project / name, how)
        done = snakemake(project, "--", *targets)
        assert done.returncode == 0, done.stderr
        assert [name for name in names if f"{name}: " not in done.stdout + done.stderr] == []
        after = files(project)
        assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert would_run(project) == {}
    assert not list(project.rglob(f"*{ASIDE}"))
