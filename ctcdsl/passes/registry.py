"""The registered passes: built-in and third-party ones, by one entry point group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint
from types import UnionType
from typing import Any, NamedTuple, get_args, get_type_hints

from ctcdsl.passes.base import Guarantee, Pass
from ctcdsl.syntax.words import did_you_mean
from ctcdsl.text import error
from ctcdsl.text.plugins import entry_points_by_name, package_of

GROUP = "ctcdsl.passes"
_INTERNAL = "budget"  # a field that the manager sets
_TYPE_NAMES = {int: "an integer", float: "a number", str: "a word", bool: "true or false"}


class Entry(NamedTuple):
    """A registered pass: its name, its package, and its entry point."""

    name: str
    package: str
    point: EntryPoint

    @property
    def kind(self) -> type[Pass]:
        """Its class, loaded when it is first needed: other passes cost nothing and break nothing.

        Raises:
            UserError: CTC503 where it cannot be loaded or is not a pass.
        """
        return _load(self.point)


class Option(NamedTuple):
    """An option of a pass; without a `default` it may be left out unless it is `required`."""

    name: str
    type: str
    default: str | None
    required: bool


@cache
def registered() -> dict[str, Entry]:
    """Every pass by name, looked up once in a process.

    Raises:
        UserError: CTC502 where two packages bring a pass of one name.
    """
    points = entry_points_by_name(GROUP, "pass")
    return {name: Entry(name, package_of(point), point) for name, point in points.items()}


def _load(point: EntryPoint) -> type[Pass]:
    subject = f"the pass `{point.name}` of {package_of(point)}"
    try:
        kind = point.load()
        wrong = _wrong(kind, point.name)
        if wrong is None:
            options(kind)  # reads the types of its fields
    except Exception as cause:  # whatever a third-party module raises
        raise error(
            "CTC503",
            f"{subject} cannot be loaded: {type(cause).__name__}: {cause}",
            hint="install the package again, or uninstall it",
        ) from cause
    if wrong is not None:
        raise error("CTC503", f"{subject} {wrong}", hint="`ctcdsl.passes.Pass` says what a pass is")
    known: type[Pass] = kind
    return known


def _wrong(kind: object, name: str) -> str | None:
    """What keeps an object from being a pass of that name."""
    if not isinstance(kind, type) or not is_dataclass(kind):
        return "is not a dataclass"
    parts = ("name", "summary", "section", "preserves", "run")
    missing = [part for part in parts if not hasattr(kind, part)]
    if missing:
        return f"lacks {', '.join(missing)}"
    if kind.name != name:  # type: ignore[attr-defined]  # seen just above
        return f"calls itself `{kind.name}`"  # type: ignore[attr-defined]
    if not isinstance(kind.preserves, Guarantee):  # type: ignore[attr-defined]  # the same
        return "preserves something other than a `Guarantee`"
    return None


def options(kind: type[Pass]) -> list[Option]:
    """The options of a pass, from its fields."""
    hints = get_type_hints(kind)
    return [
        Option(
            field.name,
            " or ".join(t.__name__ for t in _types(hints[field.name])),
            None if field.default in (MISSING, None) else str(field.default),
            field.default is MISSING,
        )
        for field in fields(kind)  # type: ignore[arg-type]  # a pass is a dataclass
        if field.name != _INTERNAL
    ]


def create(text: str, known: dict[str, Entry]) -> Pass:
    """Make a pass of `NAME` or `NAME:key=value,…`.

    Raises:
        UserError: CTC401 for an unknown name, CTC402 for a wrong, a missing or an unknown
            option.
    """
    name, _, rest = text.partition(":")
    if name not in known:
        hint = did_you_mean(name, known, "`ctcdsl passes` lists them")
        raise error("CTC401", f"there is no pass `{name}`", hint=hint)
    kind = known[name].kind
    values: dict[str, Any] = {}
    takes = options(kind)
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if key not in [option.name for option in takes]:
            hint = did_you_mean(key, (option.name for option in takes), _takes(takes))
            raise error("CTC402", f"`{name}` has no option `{key}`", hint=hint)
        if key in values or not equals:
            problem = f"gives `{key}` twice" if key in values else f"gives `{key}` no value"
            raise error("CTC402", f"`{text}` {problem}", hint=f"write `{name}:{key}=…`")
        values[key] = _value(name, key, value, _types(get_type_hints(kind)[key]))
    missing = [option.name for option in takes if option.required and option.name not in values]
    if missing:
        raise error(
            "CTC402",
            f"`{name}` needs {' and '.join(f'`{option}`' for option in missing)}",
            hint=_takes(takes),
        )
    try:
        return kind(**values)
    except ValueError as cause:  # from a `__post_init__`
        raise error("CTC402", f"`{text}`: {cause}", hint=_takes(takes)) from cause


def format_pass(step: Pass) -> str:
    """A pass as the command line writes it: `depth-for-size:stage=3,to=2`."""
    values = [
        f"{field.name}={getattr(step, field.name)}"
        for field in fields(step)  # type: ignore[arg-type]  # a pass is a dataclass
        if field.name != _INTERNAL and getattr(step, field.name) != field.default
    ]
    return f"{step.name}:{','.join(values)}" if values else step.name


def usage(takes: Sequence[Option]) -> str:
    """Options as help shows them: `stage=…, [multiple=32]`."""
    shown = (f"{option.name}={option.default or '…'}" for option in takes)
    return ", ".join(
        text if option.required else f"[{text}]" for text, option in zip(shown, takes, strict=True)
    )


def _takes(takes: Sequence[Option]) -> str:
    return f"it takes {usage(takes) or 'no options'}"


def _types(hint: Any) -> list[type]:
    """The types that a value may have: None is only a default."""
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return [part for part in parts if part is not type(None)]


def _value(name: str, key: str, text: str, types: list[type]) -> object:
    for kind in types:
        try:
            if kind is bool:
                return {"true": True, "false": False}[text]
            return kind(text)
        except (ValueError, KeyError):
            continue
    expected = " or ".join(_TYPE_NAMES.get(kind, kind.__name__) for kind in types)
    raise error("CTC402", f"`{key}` of `{name}` is {expected}, not `{text}`")
