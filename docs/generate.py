"""Write the files that follow from the tables of words: `make generate`.

`python docs/generate.py` writes them; with `--check` it fails where one is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ctcdsl.highlighting import textmate
from ctcdsl.layers import ACTIVATIONS, NORMS, WORDS
from ctcdsl.layers.arguments import Declaration, Flag, Integer, Integers, Real
from ctcdsl.layers.base import Word
from ctcdsl.storage.atomic import write_atomic
from ctcdsl.syntax.words import KEYWORDS, TAG_PREFIXES, words

ROOT = Path(__file__).parent.parent

_WORDS = """\
# Words

Every word of the language, from the tables that the compiler reads: `make generate` writes this
page. [The language](language.md) documents them by example. Numbers come first, in the order shown,
then words; what has a value here may be left out.
"""


def generated() -> dict[Path, str]:
    """The text of each file."""
    return {
        ROOT / "docs" / "words.md": words_page(),
        ROOT / "grammar" / "ctc.tmLanguage.json": textmate.written(),
    }


def words_page() -> str:
    """The page that lists every word."""
    layers = [entry for entry in WORDS.values() if entry.group == "layer"]
    parts = [
        _WORDS,
        "## Layers\n",
        _table(
            ("layer", "meaning", "example"),
            ((f"`{form(x)}`", x.summary, f"`{x.example}`" if x.example else "") for x in layers),
        ),
        "## Activations\n",
        _table(
            ("word", "name", "value", "PyTorch"),
            (
                (f"`{_with_constant(x.word, x.constant)}`", x.title, x.summary, f"`{x.module}`")
                for x in ACTIVATIONS.values()
            ),
        ),
        "## Norms\n",
        _table(
            ("word", "name", "eps", "momentum"),
            (
                (f"`{x.word}`", x.title, f"{x.eps:g}", f"{x.momentum:g}" if x.momentum else "")
                for x in NORMS.values()
            ),
        ),
        "## Tags\n",
        _table(
            ("tag", "meaning", "example"),
            (
                *((f"`{letter}1`", noun, "") for letter, noun in TAG_PREFIXES.items()),
                *_keywords("tag"),
            ),
        ),
        "## Headers, operators, padding rules, styles\n",
        _table(
            ("word", "meaning", "example"),
            (row for kind in ("header", "operator", "rule", "style") for row in _keywords(kind)),
        ),
    ]
    return "\n".join(parts)


def form(word: Word) -> str:
    """A layer with its arguments: `lrn(size=5, alpha=0.0001, beta=0.75, k=1, within)`."""
    arguments = ", ".join(_argument(argument) for argument in word.arguments)
    return f"{word.word}({arguments})" if arguments else word.word


def _argument(argument: Declaration) -> str:
    match argument:
        case Integers(name=name):
            return f"{name}, …"
        case Flag(word=word):
            return word
        case Integer(name=name, default=default) | Real(name=name, default=default):
            return name if default is None else f"{name}={default:g}"
        case _:
            return argument.name


def _with_constant(word: str, constant: float | None) -> str:
    return word if constant is None else f"{word}({constant:g})"


def _keywords(kind: str) -> Iterable[tuple[str, str, str]]:
    for word in words(kind):
        entry = KEYWORDS[word]
        yield f"`{word}`", entry.summary, f"`{entry.example}`" if entry.example else ""


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [titles, ["---"] * len(titles), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` compare them."""
    check = list(arguments) == ["--check"]
    if arguments and not check:
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    stale = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        name = path.relative_to(ROOT)
        if check:
            print(f"{name} is out of date: `make generate` writes it", file=sys.stderr)
        else:
            write_atomic(str(path), generated()[path].encode())
            print(f"wrote {name}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
