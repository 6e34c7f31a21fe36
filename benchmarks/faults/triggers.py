"""Changes that Snakemake's own triggers miss or exaggerate, each with the tests of what must rerun."""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTHING = "nothing"
WORKFLOW = "test_workflow.py::test_what_reruns"
RERUNS = "test_reruns.py::test_what_else_reruns"
WORKBOOK = "test_reruns.py::test_a_workbook_that_was_saved_again_reruns_nothing"
RECIPES = "test_config.py::test_every_default_of_a_stage_is_allowed"
SPELLING = (
    "test_folder_spelling.py::test_another_spelling_reruns_nothing",
    "test_folder_spelling.py::test_a_cache_elsewhere_keeps_the_name_of_its_first_run",
)
GOLDEN = (
    "test_faces.py::test_golden_crop",
    "test_flow.py::test_golden_flow",
    "test_latents.py::test_golden_latents",
)
CHANGED_DATA = (
    "a frame: the stages of its database; a frame or a label: the trainings that read it, the predictions, "
    "the evaluation"
)


@dataclass(frozen=True)
class Trigger:
    """One line of the table: what changed, what must rerun, and the tests that try it."""

    change: str
    rerun: str
    tests: tuple[str, ...]


TRIGGERS = (
    Trigger("touched or copied again, up to 1 MB; a workbook or table saved again with the same rows", NOTHING,
            (WORKFLOW, WORKBOOK)),
    Trigger("touched or copied again, over 1 MB: stores, weights", NOTHING, (WORKFLOW, RERUNS)),
    Trigger("new content, newer time: a frame, a label", CHANGED_DATA, (WORKFLOW, RERUNS)),
    Trigger("new content, old time (`rsync -a`, `cp -p`, archives): a frame, a label",
            CHANGED_DATA, (WORKFLOW, RERUNS)),
    Trigger("a rule's command edited, new or old time", "its jobs, and what is made of their outputs", (RERUNS,)),
    Trigger("a rule's file touched", NOTHING, (RERUNS,)),
    Trigger("a module edited", "nothing, as long as it gives the same numbers", (RERUNS,)),
    Trigger("a module edited, other numbers", "golden figures fail until the stage's revision is raised; then it, "
            "and what is made of it", (*GOLDEN, RERUNS)),
    Trigger("a setting that is in no `params` of a rule", "only settings of the machine are such; they rerun nothing",
            (RECIPES, RERUNS)),
    Trigger("a setting's value", "the stage or the method that it is of, and what is made of it", (WORKFLOW,)),
    Trigger("a store or weights overwritten with garbage",
            "nothing by itself; what reads it refuses it and says which file to delete", (RERUNS,)),
    Trigger("`.snakemake` deleted, or a second working directory, and other settings",
            "nothing starts: the error lists every output made with other settings, the folder setting that keeps old "
            "and new outputs, and the command that deletes the old ones",
            (RERUNS, "test_reruns.py::test_without_records_other_settings_are_refused")),
    Trigger("a folder of the configuration written in another way: `./cache`, `cache/`, its whole path, `~`, "
            "`$NAME`, a link to it", NOTHING, SPELLING),
    Trigger("a clock: inputs dated later than now", "nothing, and nothing that was made is deleted",
            ("test_rerun_triggers.py::test_a_clock_that_is_ahead_deletes_nothing_and_reruns_nothing",)),
    Trigger("`--rerun-triggers` without params, input or code, by hand or in a profile",
            "nothing starts: what would be missed is named",
            ("test_rerun_triggers.py::test_overlooked_changes_are_refused_however_they_are_asked_for",)),
    Trigger("the clone: one environment for two",
            "each clone's jobs run its own package, whether the environment is active or not",
            ("test_two_clones.py::test_jobs_run_the_package_of_the_clone_that_snakemake_runs_in",)),
)  # fmt: skip


def line(trigger: Trigger) -> tuple[str, bool]:
    """The row in Markdown, and whether all its tests pass."""
    holds = all(passes(test) for test in trigger.tests)
    tests = ", ".join(f"`tests/{test}`" for test in trigger.tests)
    return f"| {trigger.change} | {trigger.rerun} | {tests} | {'yes' if holds else '**no**'} |", holds


@functools.cache
def passes(test: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", f"tests/{test}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
