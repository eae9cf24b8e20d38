"""What a step comes to, as a tree: each fork is a choice that was read before it was made.

A tree grows as it is walked. Under a choice that is made only the branch of its option is
followed, so what a step comes to is evaluated once for each combination of what it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ctcdsl.spaces.choices import Decision, Invalid, Lets, Option, Options, Undecided
from ctcdsl.spaces.step import Step
from ctcdsl.text import Diagnostic, UserError, error
from ctcdsl.text.sink import Diagnostics, quoted

MAX_PLACED = 200_000
"""More placements than this would take minutes."""

Allows = Callable[[str, Mapping[str, Option]], bool]
"""Whether conditions allow the choices made so far, of which the named one is new."""

Leaf = TypeVar("Leaf")


class _Unknown:
    """A tree that nobody has needed yet."""


class _Wrong(NamedTuple):
    """A leaf that does not check, and why."""

    error: Diagnostic


_UNKNOWN = _Unknown()


class _Fork(NamedTuple):
    """A choice that is read, and what follows from each of its options, as far as is known.

    A branch is a fork, a leaf, `_UNKNOWN`, `_Wrong`, or None for what does not check.
    """

    name: str
    options: Options
    branches: list[Any]


class _Waiting(NamedTuple):
    """A tree that is to be walked, the choices on the way to it, and how many ways there are."""

    slot: list[Any]
    which: int
    read: frozenset[str]
    in_place: tuple[Option, ...]
    made: tuple[Decision, ...]
    assignment: Mapping[str, Option]
    ways: int


class Trees(Generic[Leaf]):
    """Trees by what else than choices matters to them."""

    def __init__(
        self, lets: Lets, diagnostics: Diagnostics, failed: Callable[[Diagnostic], None]
    ) -> None:
        """No trees yet; `failed` is given the error of each leaf that is met and does not check."""
        self._lets = lets
        self._diagnostics = diagnostics
        self._failed = failed
        self._roots: dict[tuple[Any, ...], list[Any]] = {}

    def walk(
        self,
        step: Step,
        key: tuple[Any, ...],
        assignment: Mapping[str, Option],
        allows: Allows,
        evaluate: Callable[[Sequence[Option]], Leaf | None],
    ) -> Iterator[tuple[tuple[Decision, ...], Mapping[str, Option], Leaf]]:
        """The leaves of a tree that agree with an assignment; what is new is evaluated.

        Raises:
            UserError: CTC722 there are too many.
        """
        slot = self._roots.setdefault(key, [_UNKNOWN])
        # Each entry: the slot of a tree, the choices read on the way to it, decisions, assignment.
        waiting: list[_Waiting] = [_Waiting(slot, 0, frozenset(), (), (), assignment, 1)]
        while waiting:
            at = waiting.pop()
            tree = at.slot[at.which]
            if tree is _UNKNOWN:
                tree = self._evaluated(at, evaluate)
                at.slot[at.which] = tree
                if isinstance(tree, _Fork) and at.ways * len(tree.options.all) > MAX_PLACED:
                    raise too_large(step, at.ways * len(tree.options.all))
            if not isinstance(tree, _Fork):
                if isinstance(tree, _Wrong):
                    self._failed(tree.error)
                elif tree is not None:
                    yield at.made, at.assignment, tree
                continue
            known = at.assignment.get(tree.name) if tree.name else None
            following: list[_Waiting] = []
            indices = range(len(tree.options.all))
            if known is not None:
                at_known = tree.options.place[known.key]
                indices = range(at_known, at_known + 1)
            for index in indices:
                option = tree.options.all[index]
                read, in_place, made, after = at.read, at.in_place, at.made, at.assignment
                ways = at.ways * len(indices)
                if not tree.name:
                    in_place = (*in_place, option)
                    made = (*made, Decision("", option))
                else:
                    read = read | {tree.name}
                    if known is None:
                        after = {**after, tree.name: option}
                        if not allows(tree.name, after):
                            continue
                        made = (*made, Decision(tree.name, option))
                following.append(_Waiting(tree.branches, index, read, in_place, made, after, ways))
            waiting += reversed(following)

    def _evaluated(
        self,
        at: _Waiting,
        evaluate: Callable[[Sequence[Option]], Leaf | None],
    ) -> Any:
        self._lets.assignment = at.assignment
        self._lets.read.clear()
        errors = self._diagnostics.num_errors
        tree: Any
        try:
            tree = evaluate(at.in_place)
        except Undecided as choice:
            tree = _Fork(choice.name, choice.options, [_UNKNOWN] * len(choice.options.all))
        except Invalid:
            raise UserError(*self._diagnostics.reported) from None
        if self._diagnostics.num_errors > errors:
            tree = _Wrong(self._diagnostics.reported[-1])
        for name, options in reversed(self._lets.read.items()):
            if name not in at.read:  # a choice that is made, and read here for the first time
                branches: list[Any] = [_UNKNOWN] * len(options.all)
                branches[options.place[at.assignment[name].key]] = tree
                tree = _Fork(name, options, branches)
        return tree


def too_large(step: Step, placements: int, *, copies: int = 0) -> UserError:
    """The error of a space with too many placements, at the step that has them.

    Their number may be an estimate, by the states that were seen so far. So many `copies` of the
    step are still to be placed.
    """
    names = ", ".join(f"`{name}`" for name in sorted(step.names) if name[0] != "<")
    reads = [f"it reads {names}"] if names else []
    in_place = "it has choices in place: those of one layer multiply"
    if copies:
        in_place = f"each of its copies has choices of its own, {copies:,} more of them"
    reads += [in_place] if step.in_place else []
    hint = "give its choices fewer values, with a step such as `16..512 by 16` or by `-D`"
    return error(
        "CTC722",
        f"the space is too large: its layers would be placed in some {placements:,} ways up to"
        f" {quoted(step.span)}",
        at=step.span,
        notes=(", and ".join(reads),) if reads else (),
        hint=f"repeat it less often, or {hint}" if copies else hint,
    )
