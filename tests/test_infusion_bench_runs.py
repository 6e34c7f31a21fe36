"""The infusion bench's runs of Snakemake: of a bench that was cut short nothing is made twice."""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from projects import STAND_IN_COMMAND, environment, snakemake

from infusenet.experiments import infusion_bench as nuisance
from infusenet.experiments.infusion_bench.conditions import Plan
from infusenet.hashing import file_digest
from infusenet.standins import layouts
from infusenet.standins.clip_plans import plan
from infusenet.standins.database_sizes import FULL
from infusenet.store.writer import write

# Of a store, the folder and the command line of its job in place of its content.
COMMAND_LINES = """
if "--recipe" in words and output.endswith(".h5"):
    with open(output, "w") as opened:
        opened.write("\\0".join([os.getcwd(), *words]))
"""


def fill_stores(root):
    """Faces and flow are linked into caches where Snakemake did not make them, so it looks into them there.

    They are written here and not by each job, which would load h5py for it.
    """
    for path in root.rglob("*.h5"):
        if not (content := path.read_bytes()).startswith(b"\x89HDF"):
            time = path.stat().st_mtime_ns
            folder, *words = content.decode().split("\0")
            recipe = json.loads(words[words.index("--recipe") + 1])
            source = {"clips": file_digest(Path(folder, words[1]))}
            path.unlink()
            write(
                path,
                stage=words[0],
                database=path.parent.name,
                recipe=recipe,
                source=source,
                clips=[],
                outcomes=[],
            )
            os.utime(path, ns=(time, time))


def write_unfilmed(root, processes, nuisance):
    """The stand-ins' first clips, tables and frames; a frame holds its own path in place of a picture."""
    for database in FULL:
        clips = plan(database, "demo", 0)[:1]
        layouts.write_table(database, clips, root / database)
        for frame in layouts.frame_paths(clips[0], root / database).values():
            frame.parent.mkdir(parents=True, exist_ok=True)
            frame.write_text(str(frame))


def test_a_bench_that_was_cut_short_makes_what_is_missing_and_nothing_twice(tmp_path, monkeypatch):
    """Snakemake as it is, with a command that only writes its outputs and notes what it was asked for."""
    bin, notes, root = environment(tmp_path), tmp_path / "notes", tmp_path / "bench"
    noting = f"open({str(notes)!r}, 'a').write(sys.argv[3] + chr(10))"
    text = STAND_IN_COMMAND.format(python=sys.executable).replace("words = ", f"{noting}\nwords = ", 1)
    (bin / "infusenet").write_text(text + COMMAND_LINES)
    (bin / "infusenet").chmod(0o755)

    def run(command, **_):
        words = list(map(str, command))
        assert words[:3] == [str(bin / "python"), "-m", "snakemake"]
        done = snakemake(tmp_path, *words[3:])
        fill_stores(root)
        return done

    interpreter_of_jobs = SimpleNamespace(executable=str(bin / "python"), stderr=sys.stderr)
    monkeypatch.setattr(nuisance, "sys", interpreter_of_jobs)
    monkeypatch.setattr(nuisance, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr(nuisance.standins, "write", write_unfilmed)
    monkeypatch.setattr(nuisance, "score", lambda *_: [])
    monkeypatch.setattr(nuisance, "write", lambda rows, folder: None)
    small = Plan(levels=("mild",), infusions=(), held_out=("samm",), seeds=(0,))

    def asked() -> Counter:
        notes.write_text("")
        nuisance.bench(root, cores=2, plan=small)
        return Counter(notes.read_text().split())

    assert asked() == {"faces": 6, "flow": 6, "latents": 12, "train": 7, "predict": 7}
    assert asked() == {}
    for lost in root.glob("mild/ours-global/paper/late_fusion/samm/seed0/*"):
        lost.unlink()
    assert asked() == {"train": 1, "predict": 1}
