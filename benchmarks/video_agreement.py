"""Scores under compression: clips as frame folders, as lossless video and as H.264 of several qualities.

python benchmarks/video_agreement.py results/infusenet_resnet18/samm/seed0 data_manifests/samm.csv standins/samm/SAMM

Prints per kind of video the clips whose scores have the same bits as those of the frames, the share of equal
decisions, and the differences of probability. Videos are written to a temporary folder.
"""

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from infusenet import read_manifest
from infusenet.databases.clip_table import Clip
from infusenet.detection.clip_arrays import Window
from infusenet.detection.detector import clip_scores
from infusenet.detection.footage import open_footage
from infusenet.detection.trained_models import load_models

KINDS = {
    "lossless RGB": ("libx264rgb", "rgb24", {"qp": "0"}),
    "H.264, crf 18": ("libx264", "yuv420p", {"crf": "18"}),
    "H.264, crf 23": ("libx264", "yuv420p", {"crf": "23"}),
    "H.264, crf 28": ("libx264", "yuv420p", {"crf": "28"}),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("frames", type=Path, help="root of the clips' folders")
    parser.add_argument("--clips", type=int, help="the first ones; default: all")
    args = parser.parse_args()

    models = load_models([args.run])
    clips = read_manifest(args.manifest)[: args.clips]
    probabilities = {kind: [] for kind in ("frames", *KINDS)}
    same = dict.fromkeys(KINDS, 0)
    for clip in tqdm(clips, unit="clip", disable=None):
        scores = clip_scores(open_footage(args.frames / clip.frames), window_of(clip), models)
        probabilities["frames"].append(scores.probability)
        for kind, settings in KINDS.items():
            with tempfile.TemporaryDirectory() as folder:
                film, window = write_film(
                    Path(folder) / "clip.mp4", args.frames / clip.frames, clip, *settings
                )
                film_scores = clip_scores(open_footage(film), window, models)
            probabilities[kind].append(film_scores.probability)
            same[kind] += film_scores.logits.tobytes() == scores.logits.tobytes()
    report({kind: np.stack(values) for kind, values in probabilities.items()}, same)


def window_of(clip: Clip) -> Window:
    return Window(clip.onset, clip.apex, clip.offset)


def write_film(
    path: Path, folder: Path, clip: Clip, codec: str, pix_fmt: str, options: dict
) -> tuple[Path, Window]:
    """A video of the clip's frames, cut to even sides as H.264 asks for, and the clip's window in it."""
    footage = open_footage(folder)
    numbers = [number for number in footage.numbers if clip.onset <= number <= clip.offset]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        for number, frame in footage.read(numbers).items():
            if pix_fmt == "yuv420p":
                frame = np.ascontiguousarray(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2])
            if number == numbers[0]:
                stream.height, stream.width, stream.pix_fmt = *frame.shape[:2], pix_fmt
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    return path, Window(*(1 + numbers.index(number) for number in (clip.onset, clip.apex, clip.offset)))


def report(probabilities: dict[str, np.ndarray], same: dict[str, int]) -> None:
    frames = probabilities["frames"]
    print(f"{len(frames)} clips, {(frames > 0.5).mean():.1%} of the decisions on frames are positive")
    print("| video | clips of the same bits | equal decisions | mean difference of probability | largest |")
    print("|---|---|---|---|---|")
    for kind, equal in same.items():
        differences = np.abs(probabilities[kind] - frames)
        agreement = ((probabilities[kind] > 0.5) == (frames > 0.5)).mean()
        print(
            f"| {kind} | {equal} of {len(frames)} | {agreement:.2%} | {differences.mean():.4f} | {differences.max():.3f} |"
        )


if __name__ == "__main__":
    main()
