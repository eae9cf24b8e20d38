"""What callers of the library may pass, checked: a wrong argument is named, with what to give."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import isfinite
from operator import index
from typing import TYPE_CHECKING, TypeVar

from ctcdsl.loading import parse_values
from ctcdsl.text import Source, error

if TYPE_CHECKING:
    from torch import Tensor

    from ctcdsl.budgets import Budget
    from ctcdsl.metrics.latency_table import LatencyTable
    from ctcdsl.passes import Frozen, Interval


Choice = TypeVar("Choice", bound=str)


def spec_text(text: str) -> Source:
    """A text as a source; it is no file's name."""
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"expected the text of a spec, a str, not {kind}: `load` takes a path")
    if text.endswith(".ctc") and len(text.split()) == 1:
        raise error(
            "CTC005",
            f"`{text}` is the name of a file, where a str is the text of a spec",
            hint=f'ctcdsl.load("{text}"), or ctcdsl.check(Path("{text}"))',
        )
    return Source("<text>", text)


def parameters(params: Mapping[str, float | str] | None) -> dict[str, float]:
    """The values of a spec's `let`s."""
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise TypeError(f'params is {params!r}: give a dict, as in {{"w": 64}}')
    return {name: _number(name, value) for name, value in params.items()}


def at_least_one(name: str, number: int) -> int:
    """An argument that counts; integers of numpy are made Python's."""
    if not hasattr(number, "__index__") or isinstance(number, bool) or number < 1:
        raise error("CTC605", f"{name} is {number!r}", hint="it is a whole number from 1 on")
    return index(number)


def one_of(name: str, value: str, *choices: Choice) -> Choice:
    """An argument that is one of some words."""
    for choice in choices:
        if value == choice:
            return choice
    hint = f"it is {', '.join(choices[:-1])} or {choices[-1]}"
    raise error("CTC605", f"{name} is {value!r}", hint=hint)


def names(name: str, given: Sequence[str]) -> list[str]:
    """An argument of several names; of a str every letter would be one."""
    if isinstance(given, str):
        raise TypeError(f"{name} is {given!r}: give a list, [{given!r}]")
    return list(given)


def budget(
    given: Budget | Mapping[str, str | int] | str | os.PathLike[str],
) -> Budget:
    """What networks may cost: of a file, of a dict, or itself."""
    from ctcdsl.budgets import Budget

    match given:
        case Budget():
            return given
        case Mapping():
            return Budget.of(given)
        case str() | os.PathLike():
            return Budget.read(given)
        case _:
            kind = type(given).__name__
            raise TypeError(f"a budget is the path of a TOML file or a dict, not {kind}")


def latency_table(table: LatencyTable | str | os.PathLike[str]) -> LatencyTable:
    """The table of a device: itself, or read from its path."""
    from ctcdsl.metrics.latency_table import LatencyTable, read_table, require_accurate

    if isinstance(table, LatencyTable):
        require_accurate(table)
        return table
    if not isinstance(table, (str, os.PathLike)):
        kind = type(table).__name__
        raise TypeError(f"latency is the path of a device's table, or the table, not {kind}")
    return read_table(table)


def require_passes(passes: Sequence[object]) -> None:
    """Raise unless there are passes, each a text or an object that runs."""
    if not passes:
        raise ValueError("name at least one pass: `ctcdsl passes` lists them")
    for item in passes:
        if not isinstance(item, str) and (isinstance(item, type) or not hasattr(item, "run")):
            raise TypeError(f"{item!r} is not a pass: give a text such as 'widen:stage=2,width=96'")


def interval(within: tuple[float, float]) -> Interval:
    """The allowed change of the MACs, from shares of them."""
    from ctcdsl.passes import Interval

    try:
        low, high = map(float, within)
    except (TypeError, ValueError):
        low, high = 0.0, -1.0
    if not -1 <= low <= high:
        raise ValueError(f"within is {within!r}: give shares of the MACs, as in (-0.07, 0.03)")
    return Interval(low, high)


def frozen_parts(parts: Sequence[str]) -> list[Frozen]:
    """The parts of a network that no pass may change, by their names."""
    from ctcdsl.passes import Frozen

    known = list(Frozen)
    if parts is None or isinstance(parts, str) or not all(part in known for part in parts):
        words = ", ".join(repr(str(part)) for part in known)
        raise ValueError(f"frozen is {parts!r}: give a list of {words}")
    return [Frozen(part) for part in parts]


def tensors(weights: Mapping[str, Tensor] | str | os.PathLike[str]) -> dict[str, Tensor]:
    """A state dict: itself, or read from a file or the newest checkpoint of a run."""
    if isinstance(weights, Mapping):
        return dict(weights)
    from ctcdsl.runs.checkpoint import read_weights

    if not isinstance(weights, (str, os.PathLike)):
        kind = type(weights).__name__
        raise TypeError(f"weights are a state dict, a file, or the folder of a run, not {kind}")
    return read_weights(os.fspath(weights))


def _number(name: str, value: float | str) -> float:
    """The value of a parameter; numbers of numpy are made Python's, `"3/4"` is one."""
    try:
        if isinstance(value, str):
            (value,) = parse_values(value)
        if isfinite(value):
            return int(value) if value == int(value) else float(value)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"params: {name} is {value!r}, not a finite number")
