"""The wall clock of one program, set while it runs; its monotonic clock stays right."""

import shutil
import struct
import subprocess
from pathlib import Path

from dynogate.errors import RigFailed

_SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """What the rig's gateway takes for the time.

    Args:
        folder: where the library is built, and where the offset lies.

    Raises:
        RigFailed: there is no C compiler, or it could not build the library.
    """

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "clock-offset"
        self._library = folder / "clock.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RigFailed("no C compiler: install gcc and libc6-dev to set a program's clock")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE)]
        built = subprocess.run([*command, "-ldl"], capture_output=True, text=True, check=False)
        if built.returncode:
            raise RigFailed(f"{_SOURCE.name} could not be built: {built.stderr[-500:]}")
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        """For the program whose clock it shall be."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Let the clock be so many seconds ahead from now on; behind where negative."""
        if not self._offset.exists():
            self._offset.write_bytes(bytes(8))
        with self._offset.open("r+b") as file:  # in place: the program has it mapped
            file.write(struct.pack("=q", seconds))
