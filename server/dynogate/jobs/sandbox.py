"""Bubblewrap: a view of the file system, a pid namespace and no network for one job."""

import functools
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dynogate.errors import ConfigurationError

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives"),  # the dynamic linker
    *("localtime", "timezone", "passwd", "group", "nsswitch.conf"),  # time, names
    *("ssl", "ca-certificates", "pki", "mime.types"),  # read by parts of the standard library
)
_ISOLATION = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """What a sandboxed job sees beside the system's own libraries; it has no network.

    Paths appear inside as they are outside. A deeper path decides over the folder around it,
    and ``writable`` over ``readable``.

    Attributes:
        readable: files and folders it may read.
        writable: files and folders it may change.
        devices: device files it may use, such as a GPU's.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()


def _system_mounts() -> Iterable[tuple[str, list[str]]]:
    for path in _SYSTEM:
        if Path(path).is_symlink():
            yield path, ["--symlink", str(Path(path).readlink()), path]
        else:
            yield path, ["--ro-bind-try", path, path]
    for name in _ETC:
        yield f"/etc/{name}", ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]


def _mounts(spec: SandboxSpec) -> Iterable[tuple[str, list[str]]]:
    if Path("/") not in spec.readable + spec.writable:
        yield from _system_mounts()
    yield "/proc", ["--proc", "/proc"]
    yield "/dev", ["--dev", "/dev"]
    yield "/tmp", ["--tmpfs", "/tmp"]  # noqa: S108 (the sandbox's own)
    kinds = (("--ro-bind", spec.readable), ("--bind", spec.writable), ("--dev-bind", spec.devices))
    for option, paths in kinds:
        for path in paths:
            if not path.is_absolute() or "\0" in str(path) or not path.exists():
                raise ConfigurationError(f"'{path}', wanted in the sandbox, is no existing path")
            yield str(path), [option, str(path), str(path)]


def bwrap_command(spec: SandboxSpec, *, cwd: Path, env: Mapping[str, str]) -> list[str]:
    """Bubblewrap and its arguments, without the command itself.

    Raises:
        ConfigurationError: bubblewrap is not installed, or a path of ``spec`` does not exist.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise ConfigurationError("bubblewrap (the command bwrap) is not installed")
    mounts = sorted(_mounts(spec), key=lambda mount: len(Path(mount[0]).parts))
    arguments = [word for _, words in mounts for word in words]
    for name, value in env.items():
        arguments += ["--setenv", name, value]
    return [bwrap, *_ISOLATION, *arguments, "--chdir", str(cwd)]


def memory_folders(spec: SandboxSpec) -> list[str]:
    """Folders of the sandbox whose files take memory."""
    own_tmp = Path("/tmp") not in spec.readable + spec.writable  # noqa: S108 (the sandbox's own)
    return ["/dev", "/tmp"] if own_tmp else ["/dev"]  # noqa: S108 (the sandbox's own)


@functools.cache
def sandbox_problem() -> str | None:
    """Why jobs can't be sandboxed on this machine, or None where they can.

    Runs a command in a sandbox the first time it is asked.
    """
    return try_sandbox()


def try_sandbox() -> str | None:
    """Run a command in a sandbox; why that was not possible, or None where it was."""
    try:
        command = bwrap_command(SandboxSpec(), cwd=Path("/"), env={})
        subprocess.run(
            [*command, "--", "/bin/true"],
            check=True,
            capture_output=True,
            text=True,
            timeout=20,
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
        )
    except ConfigurationError as error:
        return error.message
    except subprocess.CalledProcessError as error:
        return f"bubblewrap does not work here: {error.stderr.strip()}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    return None
