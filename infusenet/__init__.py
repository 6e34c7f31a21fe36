"""infusenet: micro-expression Action Unit detection across databases.

The names below are the public interface, described in docs/api.md. Each is imported when it is first used, so that
``import infusenet`` loads neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the names once more, for editors and type checkers
    from infusenet.api.frame_functions import crop_face as crop_face
    from infusenet.api.frame_functions import flow_and_strain as flow_and_strain
    from infusenet.api.frame_functions import magnified_latents as magnified_latents
    from infusenet.api.model_functions import create_model as create_model
    from infusenet.api.model_functions import f1_by_scope as f1_by_scope
    from infusenet.api.model_functions import score_clips as score_clips
    from infusenet.databases.clip_table import read_manifest as read_manifest
    from infusenet.detection.detector import Detector as Detector
    from infusenet.errors import InputError as InputError
    from infusenet.magnifier.checkpoint import load as load_magnifier  # noqa: F401
    from infusenet.models.infusion import minmax as infusion_mask  # noqa: F401
    from infusenet.preprocess.face_detection import detect as detect_face  # noqa: F401
    from infusenet.preprocess.images import read_rgb as read_frame  # noqa: F401
    from infusenet.standins.truth import motion as true_motion  # noqa: F401
    from infusenet.standins.truth import read as read_truth  # noqa: F401
    from infusenet.store.reader import Store as Store
    from infusenet.training.trained_run import restore as load_run  # noqa: F401

__version__ = "0.1.0"

# Public name -> module below infusenet, and the name there. In the order of docs/api.md, which follows the data.
PUBLIC = {
    "InputError": ("errors", "InputError"),
    "read_manifest": ("databases.clip_table", "read_manifest"),
    "read_frame": ("preprocess.images", "read_rgb"),
    "detect_face": ("preprocess.face_detection", "detect"),
    "crop_face": ("api.frame_functions", "crop_face"),
    "flow_and_strain": ("api.frame_functions", "flow_and_strain"),
    "load_magnifier": ("magnifier.checkpoint", "load"),
    "magnified_latents": ("api.frame_functions", "magnified_latents"),
    "Store": ("store.reader", "Store"),
    "create_model": ("api.model_functions", "create_model"),
    "infusion_mask": ("models.infusion", "minmax"),
    "load_run": ("training.trained_run", "restore"),
    "score_clips": ("api.model_functions", "score_clips"),
    "Detector": ("detection.detector", "Detector"),
    "f1_by_scope": ("api.model_functions", "f1_by_scope"),
    "read_truth": ("standins.truth", "read"),
    "true_motion": ("standins.truth", "motion"),
}
__all__ = list(PUBLIC)


def __getattr__(name: str):
    if name not in PUBLIC:
        raise AttributeError(f"module 'infusenet' has no attribute '{name}'; docs/api.md lists its names")
    module, attribute = PUBLIC[name]
    return getattr(import_module(f"infusenet.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
