"""The limits of a job: memory, processes, file sizes."""

from pathlib import Path

from dynogate.jobs.child import ChildEnd
from dynogate.jobs.limits import Limits
from tests.jobs.conftest import RunPython


def test_a_program_that_allocates_without_end_is_stopped(python: RunPython) -> None:
    """It is stopped long before the machine feels it."""
    result = python(
        "data = []\nwhile True: data.append(bytearray(2**20))",
        limits=Limits(memory_mb=200, timeout_sec=30),
    )
    assert result.end == ChildEnd.MEMORY_EXCEEDED
    assert 200 < result.max_rss_mb < 1500


def test_a_little_too_much_memory_is_asked_to_stop(python: RunPython) -> None:
    """Below one and a half times the limit a program may still save what it has."""
    result = python(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))
        data = bytearray(120 * 2**20)
        time.sleep(60)
        """,
        limits=Limits(memory_mb=100, timeout_sec=30),
    )
    assert (result.end, result.stdout) == (ChildEnd.MEMORY_EXCEEDED, "saved\n")


def test_the_memory_of_many_small_processes_adds_up(python: RunPython) -> None:
    """The limit is the tree's."""
    result = python(
        """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                data = bytearray(40 * 2**20); time.sleep(60)
        time.sleep(60)
        """,
        limits=Limits(memory_mb=150, timeout_sec=30, grace_sec=1),
    )
    assert result.end == ChildEnd.MEMORY_EXCEEDED


def test_memory_that_forked_processes_share_counts_once(python: RunPython) -> None:
    """Eight workers that inherited 60 MB are no 540 MB."""
    result = python(
        """
        import os, time
        data = bytearray(60 * 2**20)
        for _ in range(8):
            if os.fork() == 0:
                time.sleep(1); os._exit(0)
        for _ in range(8): os.wait()
        """,
        limits=Limits(memory_mb=200, timeout_sec=30),
    )
    assert (result.end, result.returncode) == (ChildEnd.EXITED, 0)


def test_files_in_the_memory_of_a_sandbox_count_as_memory(sandboxed_python: RunPython) -> None:
    """Its /tmp and /dev/shm would otherwise be a way around the limit."""
    result = sandboxed_python(
        """
        import time
        for name in ('/tmp/a', '/dev/shm/b'):
            with open(name, 'wb') as file: file.write(bytes(80 * 2**20))
        time.sleep(60)
        """,
        limits=Limits(memory_mb=150, timeout_sec=30, grace_sec=1),
    )
    assert result.end == ChildEnd.MEMORY_EXCEEDED


def test_shared_memory_in_a_sandbox_counts_once(sandboxed_python: RunPython) -> None:
    """A mapped file in memory is seen both as a file and in the processes that map it."""
    result = sandboxed_python(
        """
        import mmap, time
        with open('/dev/shm/a', 'w+b') as file:
            file.truncate(80 * 2**20)
            shared = mmap.mmap(file.fileno(), 0)
            shared.write(bytes(80 * 2**20))
        time.sleep(0.5)
        """,
        limits=Limits(memory_mb=150, timeout_sec=30),
    )
    assert (result.end, result.returncode) == (ChildEnd.EXITED, 0)


def test_a_few_processes_too_many_are_asked_to_stop(python: RunPython) -> None:
    """Up to twice the limit the tree gets its grace time."""
    result = python(
        """
        import os, signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for _ in range(6):
            if os.fork() == 0: time.sleep(60)
        signal.sigwait({signal.SIGTERM})
        print('saved')
        """,
        limits=Limits(processes=5, timeout_sec=30),
    )
    assert (result.end, result.stdout) == (ChildEnd.PROCESSES_EXCEEDED, "saved\n")


def test_a_file_may_not_grow_beyond_the_limit(python: RunPython, tmp_path: Path) -> None:
    """Python programs see an ``OSError``; what fits is kept."""
    file = tmp_path / "big"
    result = python(
        f"open({str(file)!r}, 'wb', buffering=0).write(bytes(2 * 2**20))\n"
        f"open({str(file)!r}, 'ab', buffering=0).write(b'x')",
        limits=Limits(file_size_mb=1),
        writable=(tmp_path,),
    )
    assert "File too large" in result.stderr
    assert file.stat().st_size == 2**20


def test_no_core_file_is_written(python: RunPython) -> None:
    """A crash leaves no image of the memory behind."""
    result = python("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
    assert result.stdout == "(0, 0)\n"
