"""Run docs/tour.ipynb and compare its outputs: `python docs/notebook.py`; `--update` records them.

A cell with the tag `varies` must run; what it prints depends on the machine and is not compared.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

PATH = Path(__file__).parent / "tour.ipynb"


def output_text(cell: Any) -> str:
    """The outputs of a cell as one text; a stream may come in one piece or in several."""
    return "".join(output.get("text") or output["data"]["text/plain"] for output in cell.outputs)


def main(update: bool) -> int:
    """Run all cells; 1 where an output changed. An error in a cell ends it with a traceback."""
    recorded = nbformat.read(PATH, as_version=4)
    notebook = nbformat.read(PATH, as_version=4)
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}  # where the notebook writes its runs
        NotebookClient(notebook, timeout=600, resources=resources).execute()
    changed = 0
    for old, new in zip(recorded.cells, notebook.cells, strict=True):
        new.metadata.pop("execution", None)  # times of day
        varies = "varies" in new.metadata.get("tags", [])
        if new.cell_type == "code" and not varies and output_text(old) != output_text(new):
            changed = 1
            print(f"{new.source}\nshows\n{output_text(old)}\nand gives\n{output_text(new)}\n")
    if update:
        notebook.metadata.pop("language_info", None)  # the version of this Python
        nbformat.write(notebook, PATH)
    return changed and not update


if __name__ == "__main__":
    sys.exit(main("--update" in sys.argv))
