"""The checkpoint of a training that is under way: from it an interrupted training resumes."""

import sys
import zipfile
from pathlib import Path

import torch

from infusenet.files import aside
from infusenet.hashing import digest
from infusenet.tensor_files import read_checkpoint


def save(run: Path, facts: dict, rows: list[dict], **parts) -> None:
    """Publish the state after an epoch: ``parts`` (model, optimizer, scheduler), log and torch's RNG."""
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"facts": digest(facts), "rows": rows, "rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda_rng"] = torch.cuda.get_rng_state()
    with aside(run / "checkpoint.pt") as temporary:
        torch.save(state, temporary)


def resume(run: Path, facts: dict, **parts) -> list[dict]:
    """Bring ``parts`` to the epoch of the checkpoint and return the log rows so far; [] to start afresh.

    A checkpoint of another recipe, other inputs or another environment is not used, nor a damaged one; both are
    reported on stderr. On a CPU one of the version before `precision` was an option is continued, with the same bits.
    """
    # Temporary files of a killed training: nothing else would delete them.
    for orphan in run.glob(".*.tmp"):
        orphan.unlink()
    path = run / "checkpoint.pt"
    if not path.is_file():
        return []
    # torch does not compare the checksums that its own format carries.
    if not zipfile.is_zipfile(path) or zipfile.ZipFile(path).testzip():
        print(f"{path}: damaged, training starts from the first epoch", file=sys.stderr)
        return []
    state = read_checkpoint(path)
    if state.get("facts") not in (digest(facts), _digest_before_precisions(facts)):
        print(
            f"{path}: made by another recipe, other inputs or another environment; "
            "training starts from the first epoch",
            file=sys.stderr,
        )
        return []
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["rng"])
    if "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"])
    return state["rows"]


def _digest_before_precisions(facts: dict) -> str | None:
    """The digest that the same facts had when every training was in float32 and none said so. On a GPU such a
    checkpoint has other settings of Adam."""
    if (facts["device"], facts["precision"]) != ("cpu", "float32"):
        return None
    return digest({name: value for name, value in facts.items() if name != "precision"})
