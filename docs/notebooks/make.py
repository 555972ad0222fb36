"""The tutorials as executed notebooks, `python docs/notebooks/make.py`: text as it stands, commands and Python run.

With names it makes those alone. A test holds every notebook to its tutorial, and runs one again.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TUTORIALS = HERE.parent / "tutorials"
LONG = ("reproduce", "claims --all", "judge", "check ", "claims", "vocabulary")
"""Commands whose first lines are enough for a page; training is shown and not run."""


def cells(name: str) -> list[tuple[str, str]]:
    """(kind, source) of every cell of a tutorial's notebook."""
    text = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    found = []
    for part in re.split(r"(^```.*?^```$)", text, flags=re.S | re.M):
        block = re.fullmatch(r"```(\w*)\n(.*)\n```", part, re.S)
        if block is None:
            found += [("markdown", part.strip())] if part.strip() else []
        elif block[1] == "python":
            found.append(("code", python(block[2])))
        elif block[1] == "" and block[2].startswith("bnverify"):
            lines = [
                line for line in block[2].splitlines() if not re.match(r"bnverify (reproduce|judge)", line)
            ]
            source = "\n".join(["%%bash --no-raise-error", *map(shell, lines)])
            found += [("code", source)] if lines else [("markdown", part)]
        else:
            found.append(("markdown", part))
    return found


def python(source: str) -> str:
    """A block of Python as a cell: one that names its file is written to it, and what is only sketched is a text."""
    file = re.match(r"# (\w+\.py)\n", source)
    if file:
        return f"%%writefile {file[1]}\n{source}"
    return source


def shell(line: str) -> str:
    """A command as a cell; of long output the first 25 lines."""
    words = line.removeprefix("bnverify ")
    return line + (" | head -25" if words.startswith(LONG) else "")


def notebook(name: str) -> Any:
    """The notebook of a tutorial, not executed."""
    made = nbformat.v4.new_notebook()
    for number, (kind, source) in enumerate(cells(name)):
        cell = (nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell)(source)
        cell["id"] = f"{name}-{number}"
        made.cells.append(cell)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def executed(name: str) -> Any:
    """The notebook of a tutorial with the output of its cells.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    made = notebook(name)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ.update(COLUMNS="100", PYTHONWARNINGS="ignore", NO_COLOR="1", TERM="dumb")
    with TemporaryDirectory() as place:
        NotebookClient(made, timeout=600, resources={"metadata": {"path": place}}).execute()
    for cell in made.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    made.metadata.pop("language_info", None)
    return made


def joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream as one: where a kernel cuts them differs from run to run."""
    found: list[Any] = []
    for output in outputs:
        if found and output.get("name") is not None and output.get("name") == found[-1].get("name"):
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def main() -> None:
    for name in sys.argv[1:] or sorted(path.stem for path in TUTORIALS.glob("*.md")):
        nbformat.write(executed(name), HERE / f"{name}.ipynb")
        print(f"docs/notebooks/{name}.ipynb")


if __name__ == "__main__":
    main()
