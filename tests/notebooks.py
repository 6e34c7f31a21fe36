"""Execution of a notebook without a Jupyter server: its cells run one after the other in one namespace.

``python tests/notebooks.py docs/tour.ipynb`` executes it in the folder of the notebook's repository and saves it with
its outputs: what was printed, and each cell's figures as PNG. What goes to stderr is not kept.
"""

import base64
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402


def load(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def execute(notebook, parameters=()):
    """Run every cell, and put its outputs into it; returns the namespace.

    ``parameters`` replace values of the cell with the tag ``parameters``. An error in a cell is raised.
    """
    plt.close("all")  # those of others in this process are not the first cell's
    namespace = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"<cell {count}>", "exec"), namespace)
        if "parameters" in cell["metadata"].get("tags", ()):
            namespace.update(parameters)
        cell["execution_count"], cell["outputs"] = count, outputs(printed.getvalue())
    return namespace


def outputs(printed):
    streams = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    pictures = [
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": png(plt.figure(number))}}
        for number in plt.get_fignums()
    ]
    plt.close("all")
    return streams + pictures


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    notebook = load(path)
    execute(notebook)
    path.write_text(
        json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
