"""A small client of the Language Server Protocol, over the stdio of a real process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from lsprotocol import converters, types

PATIENCE = 60.0
"""Seconds after which an answer will not come any more; the machine may be slow."""

PROGRAM = "import sys; from ctcdsl.cli.main import main; main(sys.argv[1:])"
_CONVERTER = converters.get_converter()

GOOGLENET = """\
net Small   pad same
def inc(a, r3,n3, p) = { (1,a) | (1,r3) (3,n3) | 3/1 (1,p) }
stem: (7,64)/2 3/2
i3:   inc(64,96,128,32) inc(128,128,192,64) 3/2
head: gap fc
"""


class Client:
    """One session. Answers are checked against the protocol's own types.

    `before` is Python that runs in the server's process first.
    """

    def __init__(self, folder: Path, *, before: str = "") -> None:
        self.folder = folder
        self._log = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", before + PROGRAM, "lsp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=folder,
        )
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        self._said: Queue[dict[str, Any]] = Queue()
        self.stray = b""
        """What came over standard output and is no message."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._count = 0
        self.capabilities: dict[str, Any] = {}
        """What the server offers, once the session has begun."""

    # ---------------------------------------------------------------- messages

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            if not header.lower().startswith(b"content-"):
                self.stray += header.strip()
                continue
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while stream.readline().strip():
                    pass
                message = json.loads(stream.read(length))
                if "method" in message:
                    self._said.put(message)
                else:
                    self._answers[message["id"]].put(message)

    def send(self, message: dict[str, Any]) -> None:
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def send_raw(self, body: bytes) -> None:
        stream = self._process.stdin
        assert stream is not None
        stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.flush()

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, params: Any = None) -> Any:
        """Ask, and wait for the answer: its result, as plain data."""
        answer = self._answer(method, params)
        assert "error" not in answer, answer["error"]
        kind: Any = types.METHOD_TO_TYPES[method][1]
        _CONVERTER.structure(answer, kind)
        return answer["result"]

    def refusal(self, method: str, params: Any) -> str:
        """Ask what the server refuses: its reason."""
        answer = self._answer(method, params)
        assert "result" not in answer, answer["result"]
        return str(answer["error"]["message"])

    def _answer(self, method: str, params: Any) -> dict[str, Any]:
        self._count += 1
        number = self._count
        self._answers[number] = Queue()
        self.send({"id": number, "method": method, "params": params})
        return self._answers[number].get(timeout=PATIENCE)

    def said(self, method: str) -> Any:
        """Wait for a notification; those of other methods are passed over."""
        while True:
            message = self._said.get(timeout=PATIENCE)
            if message["method"] == method:
                _CONVERTER.structure(message, types.METHOD_TO_TYPES[method][0])
                return message["params"]

    def asked(self, method: str) -> Any:
        """Wait for a request of the server; its id, to answer it by."""
        while True:
            message = self._said.get(timeout=PATIENCE)
            if message["method"] == method:
                return message["id"]

    # ----------------------------------------------------------------- session

    def start(
        self,
        encodings: list[str] | None = None,
        *,
        options: Any = None,
        workspace: dict[str, Any] | None = None,
    ) -> Any:
        """Begin a session; what the server offers. `options` are the editor's settings."""
        general = {"positionEncodings": encodings} if encodings else {}
        result = self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": None,
                "capabilities": {"general": general, "workspace": workspace or {}},
                "initializationOptions": options,
            },
        )
        self.capabilities = result["capabilities"]
        self.notify("initialized", {})
        return result["capabilities"]

    def stop(self, *, politely: bool = True) -> int:
        """End the session; the exit code."""
        if politely:
            assert self.request("shutdown") is None
        self.notify("exit")
        return self.wait()

    def hang_up(self) -> int:
        """Close the pipe, as an editor does that crashes; the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        code = self._process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        return code

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream is not None
            stream.close()

    @property
    def log(self) -> str:
        """What the server wrote to standard error."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    # ------------------------------------------------------------------- texts

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def document(self, name: str, text: str) -> Any:
        item = {"uri": self.uri(name), "languageId": "ctc", "version": 1, "text": text}
        return {"textDocument": item}

    def open(self, name: str, text: str) -> list[Any]:
        """Open a text; its diagnostics."""
        self.notify("textDocument/didOpen", self.document(name, text))
        return self.diagnostics(name)

    def change(self, name: str, text: str) -> None:
        self.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self.uri(name), "version": 2},
                "contentChanges": [{"text": text}],
            },
        )

    def diagnostics(self, name: str) -> list[Any]:
        params = self.said("textDocument/publishDiagnostics")
        assert params["uri"] == self.uri(name)
        found = params["diagnostics"]
        assert isinstance(found, list)
        return found

    def ask(self, method: str, name: str, line: int, character: int, **more: Any) -> Any:
        """Ask about a place in a text."""
        return self.request(f"textDocument/{method}", self.place(name, line, character, **more))

    def about(self, method: str, name: str, **more: Any) -> Any:
        """Ask about a whole text."""
        return self.request(
            f"textDocument/{method}", {"textDocument": {"uri": self.uri(name)}, **more}
        )

    def place(self, name: str, line: int, character: int, **more: Any) -> Any:
        """The parameters of a request about a place in a text."""
        position = {"line": line, "character": character}
        return {"textDocument": {"uri": self.uri(name)}, "position": position, **more}

    def hover(self, name: str, line: int, character: int) -> str:
        answer = self.ask("hover", name, line, character)
        return "" if answer is None else str(answer["contents"]["value"])


@contextmanager
def session(folder: Path) -> Iterator[Client]:
    """One session that has begun, for tests that only ask; it must end well."""
    client = Client(folder)
    try:
        client.start()
        yield client
        assert client.stop() == 0
        assert client.stray == b""
    finally:
        client.close()


def at(text: str, mark: str, *, inside: int = 0, last: bool = False) -> tuple[int, int]:
    """The position of a mark in a text without wide characters before it."""
    offset = text.rindex(mark) if last else text.index(mark)
    before = text[: offset + inside]
    return before.count("\n"), len(before) - before.rfind("\n") - 1


def applied(text: str, edits: list[Any]) -> str:
    """A text without wide characters after some changes."""
    lines = text.splitlines(keepends=True) or [""]

    def offset(place: Any) -> int:
        return sum(map(len, lines[: place["line"]])) + int(place["character"])

    places = [(offset(e["range"]["start"]), offset(e["range"]["end"]), e) for e in edits]
    for first, last, edit in sorted(places, key=lambda place: -place[0]):
        text = text[:first] + edit["newText"] + text[last:]
    return text


def start(found: Any) -> tuple[int, int]:
    return found["range"]["start"]["line"], found["range"]["start"]["character"]
