"""All subcommands of ``infusenet``, one entry each: name, help, options and action.

The options and the action of a subcommand are two functions in the file of its group in this folder. Heavy
imports stay inside the actions, so that the command line answers at once.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from infusenet.cli import (
    databases,
    detect,
    magnifier,
    model,
    plan_and_doctor,
    preprocess,
    report,
    store,
    train_and_predict,
)


class Subcommand(NamedTuple):
    """``name`` is of two words for the part of another subcommand, which has neither options nor action.

    ``example`` is a call without the word ``infusenet``, shown at the end of the help.
    ``add_options`` takes the parser of the subcommand, ``action`` the parsed arguments; it returns an exit
    status, or None for 0.
    """

    name: str
    help: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None] | None = None
    action: Callable[[argparse.Namespace], int | None] | None = None


# The order of the help follows the data.
SUBCOMMANDS = (
    Subcommand("standins", "write six synthetic databases in the real native layouts",
               "standins standins --amplitude 0.2",
               databases.add_standins_options, databases.standins),
    Subcommand("read", "read an owner's workbook and frame folders into a manifest",
               "read samm --annotations SAMM_Micro_FACS_Codes_v2.xlsx --frames SAMM --output data_manifests/samm.csv",
               databases.add_read_options, databases.read),
    Subcommand("import", "split a joint cross-database table into manifests",
               "import cd6me.csv --output data_manifests --frames samm=SAMM casme2=CASME2_RAW_selected",
               databases.add_import_joint_options, databases.import_joint),
    Subcommand("summary", "clips, subjects and AU positives by database",
               "summary data_manifests/samm.csv data_manifests/casme2.csv",
               databases.add_summary_options, databases.summary),
    Subcommand("audit", "what looks wrong with a configured database, and what becomes of it",
               "audit samm --output audit.csv",
               databases.add_audit_options, databases.audit),
    Subcommand("faces", "detect, align and crop the frames that later stages need",
               "faces data_manifests/samm.csv --frames SAMM --output cache/samm/faces.h5 --processes 4",
               preprocess.add_faces_options, preprocess.faces),
    Subcommand("flow", "TV-L1 optical flow and strain, onset to apex",
               "flow cache/samm/faces.h5 --output cache/samm/flow.h5 --processes 4",
               preprocess.add_flow_options, preprocess.flow),
    Subcommand("latents", "magnified latents of the onset-apex pairs",
               "latents cache/samm/faces.h5 --output cache/samm/latents.h5 --device auto",
               preprocess.add_latents_options, preprocess.latents),
    Subcommand("left-out", "list the clips that failed in any of a database's stores",
               "left-out cache/samm/faces.h5 cache/samm/flow.h5 --output left_out.csv",
               preprocess.add_left_out_options, preprocess.left_out),
    Subcommand("store", "verify, describe, repair and share stores",
               "store verify cache/samm/flow.h5"),
    Subcommand("store verify", "check bytes, structure, checksums, keys, values and counts",
               "store verify cache/samm/faces.h5 cache/samm/flow.h5",
               store.add_verify_options, store.verify),
    Subcommand("store info", "the origin of a store on one screen",
               "store info cache/samm/flow.h5",
               store.add_info_options, store.info),
    Subcommand("store diff", "compare stores of two labs: the first difference in data or recipe",
               "store diff cache/samm shared/samm",
               store.add_diff_options, store.diff),
    Subcommand("store export", "bundle a database's stores for another lab",
               "store export samm --without-faces",
               store.add_export_options, store.export),
    Subcommand("store import", "check bundles and print what to configure",
               "store import samm.tar",
               store.add_import_options, store.import_),
    Subcommand("store repair", "withdraw a damaged store, so that the next build computes its damaged clips",
               "store repair cache/samm/flow.h5",
               store.add_repair_options, store.repair),
    Subcommand("magnifier", "the motion magnifier's own commands",
               "magnifier evaluate --weights magnifier.safetensors"),
    Subcommand("magnifier train", "train the magnifier on procedural sub-pixel motion",
               "magnifier train --output magnifier.safetensors --seed 1",
               magnifier.add_train_options, magnifier.train),
    Subcommand("magnifier evaluate", "measure magnifiers on known motion",
               "magnifier evaluate --weights magnifier.safetensors --output results/magnifier",
               magnifier.add_evaluate_options, magnifier.evaluate),
    Subcommand("methods", "list every method: inputs, parameters, recipe, source",
               "methods",
               train_and_predict.add_methods_options, train_and_predict.methods),
    Subcommand("train", "train one method on all databases but one",
               "train infusenet_resnet18 --held-out samm --stores cache --manifests data_manifests --output results/infusenet_resnet18/samm/seed0",
               train_and_predict.add_train_options, train_and_predict.train),
    Subcommand("predict", "score a run's held-out database",
               "predict results/infusenet_resnet18/samm/seed0 --stores cache --manifests data_manifests",
               train_and_predict.add_predict_options, train_and_predict.predict),
    Subcommand("detect", "find Action Units in new footage: scores and a page with pictures per clip",
               "detect clip_folder --model results/infusenet_resnet18/samm/seed0 --onset 1 --apex 12 --output detected",
               detect.add_detect_options, detect.detect),
    Subcommand("model", "share trained models, check and describe them",
               "model info results/infusenet_resnet18/samm/seed0"),
    Subcommand("model export", "bundle trained models with recipes, magnifier, figures and a model card",
               "model export results/infusenet_resnet18/samm/seed0 results/infusenet_resnet18/casme2/seed0 --output infusenet.tar --licence LICENCE.txt",
               model.add_export_options, model.export),
    Subcommand("model import", "check a bundle of models and unpack it",
               "model import infusenet.tar --output models/infusenet",
               model.add_import_options, model.import_),
    Subcommand("model info", "the origin of trained models on one screen",
               "model info infusenet.tar",
               model.add_info_options, model.info),
    Subcommand("compare", "why two runs differ: the first difference, data to metric",
               "compare results/infusenet_resnet18/samm/seed0 ../other_clone/results/infusenet_resnet18/samm/seed0",
               report.add_compare_options, report.compare),
    Subcommand("evaluate", "F1 tables and a heat map from runs' predictions",
               "evaluate results/infusenet_resnet18/samm/seed0 results/infusenet_resnet18/casme2/seed0 --output results",
               report.add_evaluate_options, report.evaluate),
    Subcommand("report", "a table or figure of the paper from finished runs",
               "report table2 results/late_fusion/samm/seed0 results/infusenet_resnet18/samm/seed0 --output results",
               report.add_report_options, report.report),
    Subcommand("ledger", "one table and page of all failed, recovered and excluded clips",
               "ledger cache/samm/faces.h5 cache/samm/flow.h5 --output results",
               report.add_ledger_options, report.ledger),
    Subcommand("nuisance-bench", "does infusion work? the methods on known artefacts",
               "nuisance-bench --output results/nuisance_bench --cores 2",
               report.add_nuisance_bench_options, report.nuisance_bench),
    Subcommand("plan", "what a run would do and why, before it runs",
               "plan table1",
               plan_and_doctor.add_plan_options, plan_and_doctor.plan),
    Subcommand("doctor", "is this machine ready? what to fix, and how",
               "doctor",
               plan_and_doctor.add_doctor_options, plan_and_doctor.doctor),
)  # fmt: skip


# The example in the help of the command itself.
EXAMPLE = "plan all_folds"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infusenet", description="Micro-AU detection across databases.", **_example(EXAMPLE)
    )
    parser.add_argument("--log", type=Path, help="write what goes to stderr into this file too")
    groups = {"": parser.add_subparsers(dest="command", required=True, metavar="COMMAND")}
    for command in SUBCOMMANDS:
        group, _, name = command.name.rpartition(" ")
        sub = groups[group].add_parser(
            name, help=command.help, description=command.help, **_example(command.example)
        )
        if command.action is None:
            groups[name] = sub.add_subparsers(dest="part", required=True, metavar="PART")
        else:
            command.add_options(sub)
            sub.set_defaults(action=command.action)
    return parser


def _example(words: str) -> dict:
    """Keywords of a parser that shows an example on one line, to be copied."""
    return {
        "epilog": f"example: infusenet {words}",
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
