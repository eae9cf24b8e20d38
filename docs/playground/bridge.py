"""What the page asks of Python: one open text, and questions about it, answered as JSON.

What only a panel needs is imported when that is opened: the page starts with the text alone.
A worker of the browser runs this, and so do the tests. The page's offsets count units of UTF-16,
as strings of JavaScript do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import ctcdsl
from ctcdsl.highlighting.patterns import PATTERNS
from ctcdsl.loading import built_in_specs
from ctcdsl.lsp.completion import completions
from ctcdsl.lsp.document import Document
from ctcdsl.lsp.hover import hover_at
from ctcdsl.lsp.inlay_hints import HintPlaces, inlay_hints
from ctcdsl.metrics import Cost, network_cost
from ctcdsl.metrics.catalog import ACTIVATION_BYTES, DEFAULT, DEPTH, MACS, PARAMS, statement
from ctcdsl.metrics.tables import Entry, overview
from ctcdsl.syntax.nodes import Choice
from ctcdsl.text import Diagnostic, UserError
from ctcdsl.text.sink import Diagnostics

if TYPE_CHECKING:
    from ctcdsl.spaces.space import Space

FILE = "playground.ctc"
"""What messages call the text."""
BARS = (*DEFAULT, ACTIVATION_BYTES)
FRONT = (DEPTH, ACTIVATION_BYTES, PARAMS, MACS)
IMAGES = 8
"""Those of the training step whose memory is drawn."""
MOST_REWRITES = 24
MOST_NETWORKS = 40
"""Those of a front that are shown."""

Answer = dict[str, Any]


class Text:
    """A version of the text, and its offsets as the page counts them."""

    def __init__(self, text: str, before: Text | None = None) -> None:
        self.document: Document = Document(
            FILE, text, before.document if before is not None else None
        )
        self._wide = any(character > "\uffff" for character in text)

    def offset(self, units: int) -> int:
        """A character's number for so many units of UTF-16."""
        if not self._wide:
            return units
        start = self.document.source.text.encode("utf-16-le")[: 2 * units]
        return len(start.decode("utf-16-le", "ignore"))

    def units(self, offset: int) -> int:
        """The units of UTF-16 before a character."""
        if not self._wide:
            return offset
        return len(self.document.source.text[:offset].encode("utf-16-le")) // 2


class Session:
    """The text that is open. Each method is a question of the page, by its name."""

    def __init__(self) -> None:
        self._text = Text("")
        self._baselines: dict[str, Cost] = {}

    def start(self) -> Answer:
        """What the page needs once: the patterns of colours, and the built-in specs."""
        return {
            "version": ctcdsl.__version__,
            "patterns": [[list(pattern.roles), pattern.expression] for pattern in PATTERNS],
            "specs": [
                {"name": spec.name, "group": spec.group, "title": spec.title}
                for spec in built_in_specs()
            ],
        }

    def spec(self, name: str) -> Answer:
        """The text of a built-in spec."""
        found = next(spec for spec in built_in_specs() if spec.name == name)
        return {"text": found.read().text}

    def check(self, text: str, baseline: str = "") -> Answer:
        """Take a text, and say what is wrong in it, its maps, and what its networks cost."""
        self._text = Text(text, self._text)
        document = self._text.document
        report, diagnostics = document.report, document.report.diagnostics
        hints = inlay_hints(document, HintPlaces.LINES, 0, len(text))
        return {
            "ok": report.ok,
            "space": document.is_space,
            "diagnostics": [self._diagnostic(each) for each in diagnostics],
            "maps": [
                {"at": self._text.units(hint.offset), "text": hint.text, "tip": hint.tooltip}
                for hint in hints
            ],
            "costs": self._costs(baseline),
        }

    def complete(self, at: int) -> Answer:
        """The words that may be written at an offset."""
        found = completions(self._text.document, self._text.offset(at))
        return {
            "from": self._text.units(found.typed.start),
            "words": [word._asdict() for word in found.candidates],
        }

    def hover(self, at: int) -> Answer:
        """What is known of the text at an offset, as Markdown."""
        found = hover_at(self._text.document, self._text.offset(at))
        if found is None:
            return {}
        start, end = (self._text.units(place) for place in (found.span.start, found.span.end))
        return {"markdown": found.markdown, "from": start, "to": end}

    def format(self) -> Answer:
        """The canonical text, where it is another."""
        return {"text": self._text.document.formatted()}

    def pictures(self, name: str, width: int) -> Answer:
        """The diagram of a network, its memory over time, and its layers with bars."""
        from ctcdsl.drawing.network import network_picture
        from ctcdsl.metrics.memory import format_bytes, network_memory
        from ctcdsl.reporting.bars import barred, largest, layer_rows
        from ctcdsl.reporting.timeline import timeline_picture

        cost = self._named(name)
        memory = network_memory(cost.network, IMAGES)
        shown = barred(BARS)
        return {
            "diagram": _drawn(lambda: network_picture(cost.network, width=width).svg()),
            "memory": timeline_picture(memory, width=width, most=memory.training.peak).svg(),
            "peak": format_bytes(memory.training.peak),
            "images": IMAGES,
            "titles": [metric.title for metric in shown],
            "layers": [
                {**row._asdict(), "bars": [bar._asdict() for bar in row.bars]}
                for row in layer_rows(cost, shown, largest([cost], shown))
            ],
        }

    def rewrites(self, name: str) -> Answer:
        """The passes that apply to a network, with what each would make of its MACs."""
        network = self._named(name).network
        found = islice(self._applicable(network), MOST_REWRITES)
        return {"rewrites": list(found)}

    def rewrite(self, name: str, applied: str) -> Answer:
        """The spec that a pass makes of a network, its equation, and what changes in the text."""
        import difflib

        from ctcdsl.passes.equation import report_line

        result = ctcdsl.rewrite(self._named(name).network, applied)
        (step,) = result.steps
        before, after = (
            text.splitlines() for text in (self._text.document.source.text, result.text)
        )
        return {
            "text": result.text,
            "equation": report_line(step, step.before),
            "notes": list(step.notes),
            "diff": [line for line in difflib.ndiff(before, after) if not line.startswith("?")],
        }

    def generate(self, name: str) -> Answer:
        """The module of a network."""
        return {"code": ctcdsl.generate(self._named(name).network)}

    def space(self) -> Answer:
        """How many networks a text with choices allows, what they cost, and its choices."""
        from ctcdsl.spaces.space import Space

        space = Space.read(self._text.document.source)
        found = space.summary()
        return {
            "name": found.pop("name"),
            "designs": found.pop("designs"),
            "extremes": [[name, least, most] for name, (least, most) in found.items()],
            "choices": list(self._choices(space)),
        }

    def front(self, millions: float | None) -> Answer:
        """The networks of a space that no other beats, with so many million MACs at most."""
        from ctcdsl.spaces.labels import usual_front
        from ctcdsl.spaces.objectives import Rails
        from ctcdsl.spaces.space import Space

        space = Space.read(self._text.document.source)
        macs = None if millions is None else int(millions * 1e6)
        found = usual_front(space, macs)
        if found is None:
            return {"error": "There are too many networks to compare here: `ctcdsl search` does."}
        rails = Rails()
        return {
            "titles": ["network", *(metric.title for metric in FRONT)],
            "networks": [
                {
                    "title": design.title,
                    "cells": [metric.text(int(design.costs[metric.name])) for metric in FRONT],
                    "spec": design.text,
                }
                for design in found[:MOST_NETWORKS]
            ],
            "left": len(found[MOST_NETWORKS:]),
            "rails": rails.text(rails.limits(any_depth=space.has_shortcuts)),
        }

    # ------------------------------------------------------------------ parts

    def _choices(self, space: Space) -> Iterator[Answer]:
        """The `let`s with several values that do not depend on others, and where they stand."""
        from ctcdsl.spaces.choices import Lets, Undecided

        lets = Lets(space.draft.definitions, space.draft.headers.classes, Diagnostics())
        for name, let in space.draft.definitions.lets.items():
            if not isinstance(let.value, Choice):
                continue
            try:
                lets.chosen(name)
            except Undecided as undecided:
                if undecided.name == name:
                    yield {
                        "name": name,
                        "from": self._text.units(let.value.span.start),
                        "to": self._text.units(let.value.span.end),
                        "options": [option.text for option in undecided.options.all],
                    }

    def _named(self, name: str) -> Cost:
        return next(cost for cost in self._text.document.costs if cost.network.name == name)

    def _diagnostic(self, diagnostic: Diagnostic) -> Answer:
        place = diagnostic.labels[0].span if diagnostic.labels else None
        return {
            "code": diagnostic.code,
            "severity": str(diagnostic.severity),
            "message": diagnostic.message,
            "notes": list(diagnostic.notes),
            "hints": [str(hint) for hint in diagnostic.hints],
            "from": self._text.units(place.start) if place is not None else 0,
            "to": self._text.units(place.end) if place is not None else 0,
            "shown": str(diagnostic),
            "fixes": [
                {
                    "title": fix.title,
                    "from": self._text.units(fix.span.start),
                    "to": self._text.units(fix.span.end),
                    "insert": fix.replacement,
                }
                for fix in diagnostic.fixes
            ],
        }

    def _costs(self, baseline: str) -> Answer:
        """The table of `ctcdsl cost`, relative to a built-in network, or to the first."""
        costs = list(self._text.document.costs)
        if not costs:
            return {}
        base = self._baseline(baseline) if baseline else costs[0]
        shown = [*costs, base] if baseline else costs
        entries = [Entry(cost=cost, file="", relative=cost.relative_to(base)) for cost in shown]
        table = overview(entries)
        return {
            "titles": table.titles,
            "rows": table.rows,
            "left": sorted(table.left),
            "names": [cost.network.name for cost in costs],
            "statement": f"{statement(DEFAULT, base.workload)} Relative: MACs over those of"
            f" {base.network.name}.",
        }

    def _baseline(self, name: str) -> Cost:
        if name not in self._baselines:
            self._baselines[name] = network_cost(ctcdsl.load_all(name)[0])
        return self._baselines[name]

    @staticmethod
    def _applicable(network: ctcdsl.Network) -> Iterator[Answer]:
        from ctcdsl.passes import run_pass
        from ctcdsl.passes.equation import report_line
        from ctcdsl.passes.lineage import candidates
        from ctcdsl.passes.registry import format_pass

        for applied in candidates(network):
            try:
                step = run_pass(network, applied)
            except UserError:
                continue
            if step.after.architecture != network.architecture:
                yield {
                    "pass": format_pass(applied),
                    "section": applied.section,
                    "relative": f"{step.after.macs / network.macs:.3f}",
                    "equation": report_line(step, network),
                }


def _drawn(draw: Callable[[], str]) -> str:
    """A picture; empty for a network that has too many layers for one."""
    try:
        return draw()
    except UserError:
        return ""


_SESSION = Session()


def ask(question: str, arguments: str) -> str:
    """Answer a question; a wrong input is `{"error": text}`, as the commands show it."""
    try:
        answer = getattr(_SESSION, question)(**json.loads(arguments))
    except UserError as failure:
        answer = {"error": str(failure)}
    return json.dumps(answer)
