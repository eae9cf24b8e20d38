"""Packs the standard library and the installed packages, compiled for the page's interpreter.

`pack.mjs` runs it in the browser's Python: /in has the packages, /out gets stdlib.zip and site.bin.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import sys
import zipfile
from pathlib import Path

MAGIC = importlib.util.MAGIC_NUMBER
DATE = (1980, 1, 1, 0, 0, 0)
UNUSED = {
    *("_pydatetime.py", "_pydecimal.py", "_pyio.py", "_pyrepl", "argparse.py", "bdb.py"),
    *("cProfile.py", "cmd.py", "compileall.py", "configparser.py", "ctypes", "curses", "dbm"),
    *("doctest.py", "ensurepip", "filecmp.py", "fileinput.py", "ftplib.py", "gettext.py"),
    *("http", "idlelib", "imaplib.py", "lib2to3", "mailbox.py", "mimetypes.py"),
    *("modulefinder.py", "multiprocessing", "netrc.py", "nntplib.py", "optparse.py", "pdb.py"),
    *("pickletools.py", "plistlib.py", "poplib.py", "profile.py", "pstats.py", "pydoc.py"),
    *("pydoc_data", "sched.py", "shelve.py", "smtplib.py", "socketserver.py", "sqlite3"),
    *("ssl.py", "tarfile.py", "test", "timeit.py", "tkinter", "trace.py", "tracemalloc.py"),
    *("turtle.py", "unittest", "wave.py", "webbrowser.py", "wsgiref", "xml", "xmlrpc"),
    *("zipapp.py"),
}
"""Parts of the standard library that the page does not reach; the largest ones alone."""
CODE_PAGES = (
    *("big5", "cp", "euc_", "gb", "hp_", "hz", "iso", "johab", "koi8", "kz1048", "mac_", "palmos"),
    *("ptcp154", "shift_jis", "tis_620"),
)
"""Encodings of other alphabets begin so; zip files need one of them, `cp437`."""
ELSEWHERE = {
    "": {"bin"},
    "ctcdsl": {
        *("cli", "comparison", "distributed", "estimates", "evaluation", "execution", "exporters"),
        *("images", "prediction", "runs", "sweeps", "timing", "training"),
    },
    "ctcdsl/lsp": {"protocol"},
    "lark": {"tools", "__pyinstaller"},
}
"""Folders of what needs torch, NumPy, a terminal, or an editor's protocol."""


def bytecode(text: bytes, name: str) -> bytes:
    """A module as the interpreter keeps it. Docstrings of passes are their help: ours stay."""
    level = 0 if name.startswith("ctcdsl/") else 2
    code = compile(text, name, "exec", dont_inherit=True, optimize=level)
    return MAGIC + bytes(12) + marshal.dumps(code)


def pack_library(target: Path) -> None:
    """Write the modules of the standard library, uncompressed: the page's archive is compressed."""
    library = next(path for path in sys.path if path.endswith(".zip"))
    with zipfile.ZipFile(library) as source, zipfile.ZipFile(target, "w") as archive:
        for name in sorted(source.namelist()):
            first, _, rest = name.partition("/")
            page = first == "encodings" and rest.startswith(CODE_PAGES) and rest != "cp437.py"
            wanted = first not in UNUSED and not page
            if name.endswith(".py") and wanted:
                info = zipfile.ZipInfo(f"{name}c", DATE)
                archive.writestr(info, bytecode(source.read(name), name))


def packages(root: Path) -> dict[str, bytes]:
    """The installed files by name, modules compiled."""
    found: dict[str, bytes] = {}
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root).removeprefix(".")
        folders[:] = sorted(set(folders) - {"__pycache__"} - ELSEWHERE.get(inside, set()))
        for file in sorted(files):
            name = os.path.join(inside, file)
            data = Path(folder, file).read_bytes()
            if name.endswith(".py"):
                found[f"{name}c"] = bytecode(data, name)
            elif not name.endswith((".so", ".pyi", ".c", "/RECORD")):
                found[name] = data
    return found


def with_parse_tables(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files and the parse tables, which a browser reads faster than it builds them."""
    site = Path("/site")
    for name, data in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    os.environ["XDG_CACHE_HOME"] = str(site / "cache")
    sys.path.insert(0, str(site))
    importlib.import_module("bridge").ask("check", '{"text": "(7,64)/2 gap fc"}')
    tables = {str(p.relative_to(site)): p.read_bytes() for p in site.glob("cache/ctcdsl/*")}
    assert tables, "the parser kept no tables"
    return files | tables


def main() -> None:
    """Write both archives; `site.bin` is names and sizes as JSON on a line, and all bytes."""
    pack_library(Path("/out/stdlib.zip"))
    files = with_parse_tables(packages(Path("/in")))
    index = json.dumps([[name, len(data)] for name, data in files.items()])
    Path("/out/site.bin").write_bytes(index.encode() + b"\n" + b"".join(files.values()))


main()
