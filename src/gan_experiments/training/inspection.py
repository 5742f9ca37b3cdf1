"""Whether a file is a whole checkpoint that claims no more than it has, found out before torch reads it.

torch's own reader checks no CRC, unpacks what is compressed, and takes the sizes of tensors as they are claimed.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from torch.utils._python_dispatch import TorchDispatchMode

MAX_PICKLE = 4 << 20  # bytes of a checkpoint's structure; tensors lie beside it
MAX_PARTS = 200_000
BLOCK = 1 << 20
FACTORIES = ("empty", "empty_strided", "zeros", "ones", "full", "rand", "randn")
INERT = re.compile(
    r"torch (Size|device|bool|bfloat16|u?int\d+|float\d+\w*|complex\d+)|_codecs encode|__builtin__ set"
)


class DamagedError(Exception):
    """What is wrong with a file that should be a checkpoint."""


def inspect(file: BinaryIO) -> None:
    """Check the sums of all parts, that none is compressed, and that no tensor claims more than its part holds.

    Nothing of the file is executed, and memory is bounded by the size of the file. Raises DamagedError.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = _parts(archive, file.seek(0, 2))
            structure = archive.read(parts["data.pkl"])
        _Claims(structure, {name: info.file_size for name, info in parts.items()}).load()
    except (DamagedError, OSError, MemoryError):
        raise
    except zipfile.BadZipFile as error:
        raise DamagedError(
            "it is cut off, or is no checkpoint" if "not a zip" in str(error) else str(error)
        ) from error
    except Exception as error:  # what is not written by torch can fail in any way
        raise DamagedError(f"its structure cannot be read ({type(error).__name__})") from error


def _parts(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The parts by their names below the archive's one folder, read once for their sums."""
    entries = archive.infolist()
    if len(entries) > MAX_PARTS or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise DamagedError("it is packed otherwise than checkpoints are")
    if sum(entry.file_size for entry in entries) > size:
        raise DamagedError("its parts claim more than the file holds")
    parts = {entry.filename.partition("/")[2]: entry for entry in entries}
    if len(parts) < len(entries) or "data.pkl" not in parts or parts["data.pkl"].file_size > MAX_PICKLE:
        raise DamagedError("its parts are not those of a checkpoint")
    for entry in entries:
        with archive.open(entry) as part:
            while part.read(BLOCK):  # raises BadZipFile where the sum is wrong
                pass
    return parts


class Allowance(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets no more than `limit` bytes of new tensors be made while it is entered; raises DamagedError before more.

    For networks that are built as a file's settings say: they cannot be much larger than the file's weights.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.left = limit

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in FACTORIES and args and isinstance(args[0], (list, tuple)):
            self.left -= 4 * math.prod(args[0])
            if self.left < 0:
                raise DamagedError("its settings describe larger networks than its weights are")
        return func(*args, **(kwargs or {}))


class _Claims(pickle._Unpickler):
    """Goes through the structure with stand-ins for tensors, and compares what they claim with what is there.

    It is the unpickler in Python, since the one in C makes a list as long as the highest number of a reference.
    """

    def __init__(self, structure: bytes, sizes: Mapping[str, int]) -> None:
        super().__init__(io.BytesIO(structure), encoding="utf-8")
        self.sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return _itemsize(name)
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter") or INERT.fullmatch(f"{module} {name}"):
            return _inert
        raise DamagedError(f"it holds {module}.{name}, which no checkpoint of gan-train does")

    def persistent_load(self, claim: Any) -> int:
        """The number of elements of a storage ("storage", type, part, device, elements)."""
        _, itemsize, part, _, count = claim
        if not 0 <= count * itemsize <= self.sizes[f"data/{part}"]:
            raise DamagedError("a tensor claims more than the file holds")
        return int(count)


def _tensor(storage: int, offset: int, size: Sequence[int], stride: Sequence[int], *rest: Any) -> None:
    end = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) + 1 if all(size) else 0
    if min([offset, *size, *stride]) < 0 or end > storage:
        raise DamagedError("a tensor claims more than the file holds")


def _inert(*arguments: Any) -> None:
    return None


def _itemsize(storage: str) -> int:
    """Bytes of an element of torch.FloatStorage and its kin."""
    kinds = {"ComplexDouble": 16, "Double": 8, "ComplexFloat": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2}
    kinds |= {"BFloat16": 2, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1}
    return kinds[storage.removesuffix("Storage")]
