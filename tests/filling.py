"""A stage whose items cost nothing, in this process or as a builder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

import infusenet
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.preprocess import build_store
from infusenet.store import Failure, Item

RECIPE = {"stage": "flow", "revision": 1}
CLIPS = [(f"s{n % 3}/c{n}", f"{n:064x}") for n in range(70)]


def array(key: str) -> np.ndarray:
    """The item of the clip with that content key."""
    return np.random.default_rng(int(key, 16)).normal(size=(3, 16, 16)).astype(np.float16)


def work(clips, *, keys=None, bad=(), crash="", pause=0.0, trace=None, brake=""):
    """Items of clips: after a ``pause`` in seconds each, none while there is a file ``brake``."""
    keys = keys or dict(CLIPS)
    for clip in clips:
        time.sleep(pause)
        while os.path.exists(brake):
            time.sleep(0.01)
        if trace:
            with open(trace, "a") as file:
                file.write(f"{clip}\n")
        if clip == crash:
            raise InputError("the frames are odd")
        if clip in bad:
            yield Failure(clip, "no_face", "nothing found")
        else:
            yield Item({"flow": array(keys[clip])})


def end_at_once(*_) -> None:
    """As the system ends a process. It is here, where a worker process that imports it need not import torch."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill(output, work=work, clips=CLIPS, recipe=RECIPE, faces="0" * 64, **options) -> str:
    """Build the store; returns its sha256."""
    build_store.fill(
        Path(output), stage="flow", database="casme", recipe=recipe, source={"faces": faces}, clips=clips,
        work=work, **options,
    )  # fmt: skip
    return file_digest(output)


def builder(output, options=None, cwd=None, env=None, **settings) -> subprocess.Popen:
    """A process, in a session of its own, that fills ``output``: ``settings`` are those of `work`,
    ``options`` those of `fill`, with ``lists`` of clips for one
    build after the other and the ``rest`` between them in seconds."""
    words = [str(output), json.dumps(settings), json.dumps(options or {})]
    path = {"PYTHONPATH": str(Path(infusenet.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, __file__, *words], cwd=cwd, env=os.environ | path | (env or {}),
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


if __name__ == "__main__":
    settings, options = map(json.loads, sys.argv[2:])
    rest = options.pop("rest", 0)
    try:
        for clips in options.pop("lists", [CLIPS]):
            fill(sys.argv[1], partial(work, **settings), clips=clips, **options)
            time.sleep(rest)
    except InputError as error:
        sys.exit(f"infusenet: {error}")
