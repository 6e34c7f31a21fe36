"""All subcommands of ``infusenet``, one entry each: name, help, options and action.

The options and the action of a subcommand are two functions in the file of its group in this folder. Heavy
imports stay inside the actions, so that the command line answers at once.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from infusenet.cli import databases, magnifier, plan_and_doctor, preprocess, report, store, training


class Subcommand(NamedTuple):
    """``name`` is of two words for the part of another subcommand, which has neither options nor action.

    ``add_options`` takes the parser of the subcommand, ``action`` the parsed arguments; it returns an exit
    status, or None for 0.
    """

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None] | None = None
    action: Callable[[argparse.Namespace], int | None] | None = None


# The order of the help follows the data.
SUBCOMMANDS = (
    Subcommand("standins", "write six synthetic databases in the real native layouts",
               databases.add_standins_options, databases.standins),
    Subcommand("read", "read an owner's workbook and frame folders into a manifest",
               databases.add_read_options, databases.read),
    Subcommand("import", "split a joint cross-database table into manifests",
               databases.add_import_joint_options, databases.import_joint),
    Subcommand("summary", "clips, subjects and AU positives by database",
               databases.add_summary_options, databases.summary),
    Subcommand("audit", "what looks wrong with a configured database, and what becomes of it",
               databases.add_audit_options, databases.audit),
    Subcommand("faces", "detect, align and crop the frames that later stages need",
               preprocess.add_faces_options, preprocess.faces),
    Subcommand("flow", "TV-L1 optical flow and strain, onset to apex",
               preprocess.add_flow_options, preprocess.flow),
    Subcommand("latents", "magnified latents of the onset-apex pairs",
               preprocess.add_latents_options, preprocess.latents),
    Subcommand("left-out", "list the clips that failed in any of a database's stores",
               preprocess.add_left_out_options, preprocess.left_out),
    Subcommand("store", "verify, describe, repair and share stores"),
    Subcommand("store verify", "check bytes, structure, checksums, keys, values and counts",
               store.add_verify_options, store.verify),
    Subcommand("store info", "the origin of a store on one screen",
               store.add_info_options, store.info),
    Subcommand("store diff", "compare stores of two labs: the first difference in data or recipe",
               store.add_diff_options, store.diff),
    Subcommand("store export", "bundle a database's stores for another lab",
               store.add_export_options, store.export),
    Subcommand("store import", "check bundles and print what to configure",
               store.add_import_options, store.import_),
    Subcommand("store repair", "withdraw a damaged store, so that the next build computes its damaged clips",
               store.add_repair_options, store.repair),
    Subcommand("magnifier", "the motion magnifier's own commands"),
    Subcommand("magnifier train", "train the magnifier on procedural sub-pixel motion",
               magnifier.add_train_options, magnifier.train),
    Subcommand("magnifier evaluate", "measure magnifiers on known motion",
               magnifier.add_evaluate_options, magnifier.evaluate),
    Subcommand("methods", "list every method: inputs, parameters, recipe, source",
               training.add_methods_options, training.methods),
    Subcommand("train", "train one method on all databases but one",
               training.add_train_options, training.train),
    Subcommand("predict", "score a run's held-out database",
               training.add_predict_options, training.predict),
    Subcommand("compare", "why two runs differ: the first difference, data to metric",
               report.add_compare_options, report.compare),
    Subcommand("evaluate", "F1 tables and a heat map from runs' predictions",
               report.add_evaluate_options, report.evaluate),
    Subcommand("report", "a table or figure of the paper from finished runs",
               report.add_report_options, report.report),
    Subcommand("ledger", "one table and page of all failed, recovered and excluded clips",
               report.add_ledger_options, report.ledger),
    Subcommand("nuisance-bench", "does infusion work? the methods on known artefacts",
               report.add_nuisance_bench_options, report.nuisance_bench),
    Subcommand("plan", "what a run would do and why, before it runs",
               plan_and_doctor.add_plan_options, plan_and_doctor.plan),
    Subcommand("doctor", "is this machine ready? what to fix, and how",
               plan_and_doctor.add_doctor_options, plan_and_doctor.doctor),
)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infusenet", description="Micro-AU detection across databases.")
    parser.add_argument("--log", type=Path, help="write what goes to stderr into this file too")
    groups = {"": parser.add_subparsers(dest="command", required=True, metavar="COMMAND")}
    for command in SUBCOMMANDS:
        group, _, name = command.name.rpartition(" ")
        sub = groups[group].add_parser(name, help=command.help, description=command.help)
        if command.action is None:
            groups[name] = sub.add_subparsers(dest="part", required=True, metavar="PART")
        else:
            command.add_options(sub)
            sub.set_defaults(action=command.action)
    return parser
