"""Requests of a program to the Valgrind that runs it: count from here, write down the count.

Valgrind knows them by a sequence of instructions that does nothing elsewhere; it and the numbers
are part of every program that was ever built with ``valgrind.h`` and ``callgrind.h``, and so never
change. Here they stand as machine code, since the headers would need a compiler.
"""

import ctypes
import mmap
import platform

_RUNNING_ON_VALGRIND = 0x1001
_ZERO_STATS, _DUMP_STATS_AT, _START_INSTRUMENTATION = (0x43540000 + n for n in (1, 3, 4))

_REQUEST = bytes.fromhex(
    "48 89 f8"  # mov rax, rdi: the address of the six numbers
    "31 d2"  # xor edx, edx: the answer where there is no Valgrind
    "48 c1 c7 03  48 c1 c7 0d  48 c1 c7 3d  48 c1 c7 33"  # rol rdi by 3, 13, 61, 51
    "48 87 db"  # xchg rbx, rbx
    "48 89 d0  c3"  # mov rax, rdx; ret
)


class NoValgrind(RuntimeError):
    """The program is not run by Valgrind, or on a processor whose sequence is not known here."""


class Callgrind:
    """Callgrind, seen from inside.

    Raises:
        NoValgrind: there is none.
    """

    def __init__(self) -> None:
        if platform.machine() != "x86_64":
            raise NoValgrind(f"requests are known for x86_64 only, not {platform.machine()}")
        protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=protection)
        self._code.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._ask = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)
        if not self._request(_RUNNING_ON_VALGRIND):
            raise NoValgrind("this program is not run by Valgrind")

    def start(self) -> None:
        """Begin to count; what ran before was quick."""
        self._request(_START_INSTRUMENTATION)

    def zero(self) -> None:
        """Count from here."""
        self._request(_ZERO_STATS)

    def dump(self, name: str) -> None:
        """Write down what was counted, under ``name``."""
        self._request(_DUMP_STATS_AT, ctypes.c_char_p(name.encode()))

    def _request(self, number: int, text: ctypes.c_char_p | None = None) -> int:
        pointer = ctypes.cast(text, ctypes.c_void_p).value if text is not None else 0
        return int(self._ask((ctypes.c_uint64 * 6)(number, pointer or 0, 0, 0, 0, 0)))
