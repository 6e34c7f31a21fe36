"""The magnifier bench (``infusenet magnifier evaluate``): magnifiers compared on exactly known motion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tqdm import tqdm

from infusenet.config.stage_recipes import SHIPPED_WEIGHTS, weights_path
from infusenet.devices import prepare
from infusenet.experiments.magnifier_bench import frame_measures, known_motion, latent_measures, picture
from infusenet.experiments.magnifier_bench.candidates import Candidate, network
from infusenet.experiments.magnifier_bench.figures import Figure, nested, page, table
from infusenet.experiments.magnifier_bench.summary import summarise
from infusenet.files import write_if_changed
from infusenet.hashing import file_digest
from infusenet.magnifier.checkpoint import load
from infusenet.magnifier.network import Magnifier

SHIPPED = "shipped"
SIZES = (224, 64)  # px, the default's and the demo's: latents are measured on faces of both


def evaluate(
    weights: Sequence[Path],
    output: Path,
    device: str = "auto",
    threads: int | None = None,
    adapters: Mapping[str, Candidate] = MappingProxyType({}),
) -> dict[str, list[Figure]]:
    """Measure checkpoints, other magnifiers and the shipped one; write a table (Markdown, CSV) and a picture.

    Parameters
    ----------
    weights : checkpoint files
    output : folder for ``magnifier.md``, ``magnifier.csv`` and ``magnifier.png``
    device, threads : as for training
    adapters : {name: candidate} of other magnifiers, see `candidates.adapter`

    Returns
    -------
    {name of the candidate: its figures}

    Raises
    ------
    InputError
        A file is no magnifier's checkpoint; the bench starts only when all are loaded.
    """
    device = prepare(device, threads)
    paths = _names(weights)
    networks = {name: network(load(path).to(device)) for name, path in paths.items()}
    candidates = dict(adapters) | networks
    figures_of = {name: measure(candidate, name) for name, candidate in candidates.items()}
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    digests = {name: file_digest(path) for name, path in paths.items()}
    write_if_changed(output / "magnifier.csv", table(figures_of))
    write_if_changed(output / "magnifier.md", page(figures_of, digests))
    picture.draw(candidates, figures_of, known_motion.moving()[0], output / "magnifier.png")
    return figures_of


def measure(candidate: Candidate, name: str = "bench") -> list[Figure]:
    """All figures of one magnifier, the summary first."""
    everything = known_motion.stand_ins() + known_motion.scenes()
    parts = [
        (frame_measures.gains, everything),
        (frame_measures.frames, everything),
        (frame_measures.protocol, known_motion.scenes()),
    ]
    face = known_motion.moving()[0].frame()
    if candidate(face, face).latent:
        faces = [face for size in SIZES for face in known_motion.moving(size)]
        parts.append((latent_measures.latents, faces))
    figures = []
    for part, materials in tqdm(parts, desc=name, unit="table", disable=None):
        figures += part(candidate, materials)
    return summarise(figures) + figures


def record(model: Magnifier) -> dict[str, dict[str, dict[str, float]]]:
    """All figures of one checkpoint in the form that its training record holds."""
    return nested(measure(network(model)))


def _names(weights: Sequence[Path]) -> dict[str, Path]:
    """A short name for each file: its stem, or the whole path where two stems are equal."""
    paths = [weights_path(path) for path in dict.fromkeys(weights)]
    paths = [path for path in paths if path.resolve() != SHIPPED_WEIGHTS.resolve()]
    stems = [path.stem for path in paths]
    names = [p.stem if stems.count(p.stem) == 1 and p.stem != SHIPPED else str(p) for p in paths]
    return dict(zip(names, paths, strict=True)) | {SHIPPED: SHIPPED_WEIGHTS}
