"""The base of layer kinds and operations: immutable records that are cheap to define.

A frozen dataclass with slots takes 0.8 ms to define, since its methods are compiled and its class
is made twice: with some forty kinds and operations that is twice what a command that answers at
once may take. Records share their methods instead.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, TypeVar, dataclass_transform

_MISSING: Any = object()


class Field(NamedTuple):
    """What `field` says of a field."""

    default: Any
    compare: bool


def field(*, default: Any = _MISSING, compare: bool = True) -> Any:
    """A field; one with `compare=False` does not matter for equality."""
    return Field(default, compare)


class _RecordType(type):
    """Makes slots of annotations, and takes the defaults beside them."""

    def __new__(
        meta, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> _RecordType:
        annotations = namespace.get("__annotations__", {})
        own = [key for key, kind in annotations.items() if not str(kind).startswith("ClassVar")]
        values = {key: namespace.pop(key) for key in own if key in namespace}
        fields: dict[str, bool] = {}
        defaults: dict[str, Any] = {}
        for base in bases:
            if isinstance(base, _RecordType):
                fields |= base._compared
                defaults |= base._defaults
        for key in own:
            value = values.get(key, _MISSING)
            if not isinstance(value, Field):
                value = Field(value, compare=True)
            fields[key] = value.compare
            if value.default is not _MISSING:
                defaults[key] = value.default
        namespace["__slots__"] = (*own, *namespace.get("__slots__", ()))
        namespace["__match_args__"] = tuple(fields)
        cls = super().__new__(meta, name, bases, namespace, **options)
        compared = [key for key, compare in fields.items() if compare]
        cls._compared, cls._defaults = fields, defaults
        cls._slots = tuple((key, getattr(cls, key).__set__) for key in fields)
        cls._key = attrgetter(*compared) if compared else _nothing
        return cls

    _compared: dict[str, bool]
    _defaults: dict[str, Any]
    _slots: tuple[tuple[str, Callable[[Any, Any], None]], ...]
    _key: Callable[[Any], Any]


def _nothing(_: object) -> tuple[()]:
    return ()


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Record(metaclass=_RecordType):
    """An immutable value with named fields: equal to one of the same class with equal fields.

    Fields are annotations in the class body, given by keyword; methods may be overridden, fields
    of a base class are inherited. `match` takes `Kind(name=value)`.
    """

    __match_args__: ClassVar[tuple[str, ...]]
    __slots__ = ("_hash",)
    if TYPE_CHECKING:
        _hash: ClassVar[int]  # of each record; not a field

    def __init__(self, **values: Any) -> None:
        kind = type(self)
        given = kind._defaults | values
        slots = kind._slots
        try:
            for name, store in slots:
                store(self, given[name])
        except KeyError:
            raise TypeError(f"{kind.__name__} lacks `{name}`") from None
        if len(given) > len(slots):
            unknown = ", ".join(sorted(given.keys() - kind._compared.keys()))
            raise TypeError(f"{kind.__name__} has no field {unknown}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        kind = type(self)
        if type(other) is not kind:
            return NotImplemented
        return bool(kind._key(self) == kind._key(other))

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:  # the first time: layers are looked up in tables again and again
            kind = type(self)
            value = hash((kind, kind._key(self)))
            object.__setattr__(self, "_hash", value)
            return value

    def __repr__(self) -> str:
        fields = (
            f"{name}={getattr(self, name)!r}"
            for name, compare in type(self)._compared.items()
            if compare
        )
        return f"{type(self).__name__}({', '.join(fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: getattr(self, name) for name in type(self)._compared}
        return _rebuilt, (type(self), values)


def _rebuilt(kind: type[Record], values: dict[str, Any]) -> Record:
    return kind(**values)


R = TypeVar("R", bound=Record)


def replace(record: R, /, **changes: Any) -> R:
    """A record with some fields changed."""
    kind = type(record)
    made = object.__new__(kind)
    for name, store in kind._slots:
        store(made, changes.pop(name) if name in changes else getattr(record, name))
    if changes:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(changes))}")
    return made
