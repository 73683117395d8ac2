"""Reads a pickle of tensors without executing anything: names in it are looked up in a table and never imported.

    unpickle(stream, storage_of) -> value of tables, lists, texts, numbers and StoredTensors

`pickletools` splits the stream into opcodes. Only those that torch.save writes are known; anything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from .layout import ITEM_BYTES, MOST_TENSORS, Storage, StoredTensor, checked_shape

MOST_PICKLE_BYTES = 8 << 20
MOST_OPCODES = 300_000
"""About twenty for each tensor; read in a second."""


class Refused(ValueError):
    """A pickle that asks for more than tensors; the text is what it asks for."""


class UnusualTensors(ValueError):
    """Sparse, quantized, complex or meta tensors."""


@dataclass(frozen=True)
class Global:
    """What a pickle names, as "torch FloatStorage"."""

    name: str


@dataclass(eq=False)
class Unused:
    """What a known, harmless name would make: training programs leave such things beside the tensors."""

    of: str
    state: Any = None


STORAGES = {
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}  # fmt: skip
UNTYPED = ("torch.storage UntypedStorage", "torch UntypedStorage")
DTYPES = {
    "torch float8_e4m3fn": "F8_E4M3", "torch float8_e5m2": "F8_E5M2", "torch float32": "F32", "torch float16": "F16",
    "torch bfloat16": "BF16", "torch float64": "F64", "torch int64": "I64", "torch int32": "I32",
}  # fmt: skip
TABLES = ("collections OrderedDict", "torch.nn.modules.container ParameterDict", "builtins dict", "__builtin__ dict")
TENSORS = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
PARAMETERS = ("torch._utils _rebuild_parameter", "torch.nn.parameter Parameter")
BESIDE_TENSORS = (
    "pytorch_lightning.callbacks model_checkpoint", "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint",
    "numpy.core.multiarray scalar", "numpy.core.multiarray _reconstruct", "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct", "numpy dtype", "numpy ndarray", "_codecs encode", "__builtin__ set",
)  # fmt: skip
"""What training programs leave beside tensors, as far as the WebUI lets it in (its modules/safe.py), and numpy's names
since version 2 for the same. Nothing of it is made: it stands for itself."""


StorageOf = Callable[[tuple[Any, ...]], Storage | Global]
"""Finds what a persistent id stands for."""


def unpickle(stream: BinaryIO, storage_of: StorageOf) -> Any:
    """The value of the next pickle in the stream.

    Args:
        storage_of: finds the storage, or the class, of a persistent id.

    Raises:
        Refused: it asks for something else than tensors.
        ValueError, IndexError, KeyError, TypeError: it is damaged.
    """
    machine = _Machine(storage_of)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("Any", _Bounded(stream)))):
        if count > MOST_OPCODES:
            raise ValueError("too many opcodes")
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise ValueError("no end")


class _Bounded:
    """The part of a stream that one pickle may take."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = MOST_PICKLE_BYTES

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._left:
            raise ValueError("too long")
        self._left -= count
        return self._stream.read(count)

    def readline(self) -> bytes:
        line = self._stream.readline(min(self._left, 1000))
        self._left -= len(line)
        return line


MARK = object()
PLAIN = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": list}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    def __init__(self, storage_of: StorageOf) -> None:
        self.stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._storage_of = storage_of
        self._tensors = 0

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
        if name in PLAIN:
            self.stack.append(_whole_text(argument))
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in EMPTY:
            self.stack.append(EMPTY[name]())
        elif name in TUPLES:
            items = self.stack[-TUPLES[name] :]
            del self.stack[-TUPLES[name] :]
            self.stack.append(tuple(items))
        else:
            action = self._ACTIONS.get(name)
            if action is None:
                raise Refused(f"the opcode {name}")
            action(self, argument)

    def _mark(self, _: Any) -> None:
        self.stack.append(MARK)

    def _to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:  # at the bottom an IndexError: no mark
            place -= 1
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _tuple(self, _: Any) -> None:
        items = tuple(self._to_mark())
        self.stack.append(items)

    def _put(self, index: int | None) -> None:
        self._memo[len(self._memo) if index is None else index] = self.stack[-1]

    def _get(self, index: int) -> None:
        self.stack.append(self._memo[index])

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        _list(self.stack[-1]).append(item)

    def _appends(self, _: Any) -> None:
        items = self._to_mark()
        _list(self.stack[-1]).extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _table(self.stack[-1])[_key(key)] = value

    def _set_items(self, _: Any) -> None:
        items = self._to_mark()
        _table(self.stack[-1]).update(zip(map(_key, items[::2]), items[1::2], strict=True))

    def _global(self, name: str) -> None:
        self.stack.append(_known(name))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_known(f"{_text(module)} {_text(name)}"))

    def _persistent(self, _: Any) -> None:
        self.stack.append(self._storage_of(self.stack.pop()))

    def _call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise Refused("a call")
        self.stack.append(self._made(function.name, cast("tuple[Any, ...]", arguments)))

    def _made(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name in TENSORS:
            return self._tensor(*arguments[:4])
        if name == "torch._utils _rebuild_tensor_v3":
            return self._tensor(*arguments[:4], dtype=DTYPES[arguments[6].name])
        if name in PARAMETERS:
            return arguments[0]
        if name in TABLES:
            return dict(map(_pair, arguments[0])) if arguments else {}
        if name in BESIDE_TENSORS:
            return Unused(name)
        raise Refused(name)

    def _tensor(self, storage: Any, offset: Any, shape: Any, stride: Any, dtype: str = "") -> StoredTensor:
        self._tensors += 1
        if not isinstance(storage, Storage) or type(offset) is not int or self._tensors > MOST_TENSORS:
            raise ValueError("no tensor")
        if dtype and storage.dtype != dtype:  # of bytes until now
            storage.dtype, storage.elements = dtype, storage.elements // ITEM_BYTES[dtype]
        return StoredTensor(storage, checked_shape(shape), offset, checked_shape(stride))

    def _build(self, _: Any) -> None:
        state, thing = self.stack.pop(), self.stack[-1]
        if isinstance(thing, Unused):
            thing.state = state
        elif isinstance(thing, dict):  # a ParameterDict; an OrderedDict's own attributes (`_metadata`) are not needed
            inner = _table(state).get("_parameters", {})
            cast("dict[Any, Any]", thing).update(_table(inner))
        elif not isinstance(thing, StoredTensor):
            raise Refused("the state of an object")

    _ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {  # noqa: RUF012
        "PROTO": lambda machine, _: None, "FRAME": lambda machine, _: None,
        "MARK": _mark, "TUPLE": _tuple, "BINPUT": _put, "LONG_BINPUT": _put, "MEMOIZE": _put, "BINGET": _get,
        "LONG_BINGET": _get, "APPEND": _append, "APPENDS": _appends, "ADDITEMS": _appends, "SETITEM": _set_item,
        "SETITEMS": _set_items, "GLOBAL": _global, "STACK_GLOBAL": _stack_global, "BINPERSID": _persistent,
        "REDUCE": _call, "NEWOBJ": _call, "BUILD": _build,
    }  # fmt: skip


def _known(name: str) -> Any:
    module, _, word = name.partition(" ")
    known = (*TENSORS, *PARAMETERS, *TABLES, *UNTYPED, *DTYPES, "torch._utils _rebuild_tensor_v3")
    if (module == "torch" and word in STORAGES) or name in known or name in BESIDE_TENSORS:
        return Global(name)
    if module.split(".")[0] == "torch" and (module != "torch" or word.endswith("Storage") or "_affine" in word):
        raise UnusualTensors(name)
    raise Refused(name.replace(" ", ".")[:100])


def _whole_text(value: Any) -> Any:
    if isinstance(value, str):
        value.encode()  # a lone surrogate, which could be neither shown nor saved
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _key(value: Any) -> Any:
    if type(value) not in (str, int, bool, float, Global):  # one inside another could be hashed for ever
        raise ValueError("no key")
    return value


def _pair(value: Any) -> tuple[Any, Any]:
    key, inner = value
    return _key(key), inner


def _table(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError("no table")
    return cast("dict[Any, Any]", value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return cast("list[Any]", value)
