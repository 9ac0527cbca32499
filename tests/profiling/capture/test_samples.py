"""py-spy's documents, cleaned and summed."""

import json
from typing import Any

from dynogate.profiling.capture import samples
from dynogate.profiling.capture.samples import RawFrame, Samples, read_samples

SCRIPT = "/srv/app/slow.py"
CHILD = "/site-packages/dynogate/profiling/capture/child"
SCALENE = "/site-packages/scalene"

Place = tuple[str, str, int]

MAIN: Place = ("<module>", SCRIPT, 20)
WORK: Place = ("work", SCRIPT, 7)
LIBRARY: Place = ("dumps", "/lib/python3.11/json/__init__.py", 231)
START: tuple[Place, ...] = (
    ('process 12:"python a;b"', "", 0),
    ("<module>", f"{CHILD}/entry.py", 1),
    ("Scalene.profile_code", f"{SCALENE}/scalene_profiler.py", 1559),
    ("Program._run_once", f"{CHILD}/program.py", 120),
)


def document(*stacks: tuple[Place, ...], table: list[dict[str, Any]] | None = None) -> bytes:
    frames: list[Place] = sorted({frame for stack in stacks for frame in stack})
    return json.dumps(
        {
            "shared": {
                "frames": table
                or [
                    {"name": name, "file": file, "line": n, "col": None} for name, file, n in frames
                ]
            },
            "profiles": [{"samples": [[frames.index(frame) for frame in s] for s in stacks]}],
        }
    ).encode()


def read(*stacks: tuple[Place, ...]) -> Samples:
    return read_samples([document(*stacks)], lambda file: file.startswith("/srv/app"))


def test_the_innermost_profiled_line_gets_the_sample() -> None:
    """Time in a library goes to the program's line that called it."""
    seen = read((*START, MAIN, WORK, LIBRARY))
    assert seen.lines == {(SCRIPT, 7): 1}


def test_stacks_begin_with_the_program() -> None:
    """Our frames and Scalene's before the program are no part of the stack; a library's are."""
    (stack,) = read((*START, MAIN, WORK, LIBRARY)).stacks
    assert [frame.function for frame in stack] == ["<module>", "work", "dumps"]


def test_the_profilers_own_time_is_not_counted() -> None:
    """A sample in a signal handler of Scalene's, or before the program, is no sample."""
    handler: Place = ("Scalene.cpu_signal_handler", f"{SCALENE}/scalene_profiler.py", 900)
    recorder: Place = ("Recorder._run", f"{CHILD}/memory_recorder.py", 100)
    assert read((*START, MAIN, WORK, handler), START[:3], START[:1], (recorder,)).total == 0


def test_a_wrapped_function_counts_for_its_caller() -> None:
    """Scalene's stand-ins for functions of the library are looked through."""
    wrapper: Place = (
        "signal_blocking_wrapper.<locals>.wrapped",
        f"{SCALENE}/scalene_utility.py",
        9,
    )
    executed: Place = ("exec_replacement", f"{SCALENE}/replacement_exec.py", 122)
    seen = read((*START, MAIN, wrapper), (*START, MAIN, executed, WORK))
    assert seen.lines == {(SCRIPT, 20): 1, (SCRIPT, 7): 1}


def test_a_forked_child_starts_anew() -> None:
    """What a multiprocessing child does is not on the stack of the line that started it."""
    bootstrap: Place = ("BaseProcess._bootstrap", "/lib/python3.11/multiprocessing/process.py", 314)
    (stack,) = read((*START, MAIN, bootstrap, WORK)).stacks
    assert [frame.function for frame in stack] == ["work"]


def test_code_outside_the_files_counts_in_the_total() -> None:
    """A thread that runs only library code is part of the program's time, but of no line."""
    seen = read((LIBRARY,), (*START, MAIN))
    assert (seen.total, seen.lines) == (2, {(SCRIPT, 20): 1})


def test_broken_documents_are_left_out() -> None:
    """Half a document, or none, counts nothing; the others do."""
    good = document((MAIN,))
    assert read_samples([b"", good[:-5], good], lambda _: True).total == 1


def test_indices_beyond_the_table_are_left_out() -> None:
    """A program could write the document itself."""
    raw = json.dumps({"shared": {"frames": []}, "profiles": [{"samples": [[5], [-1], []]}]})
    assert read_samples([raw.encode()], lambda _: True).total == 0


def test_deep_stacks_keep_both_ends() -> None:
    """Of a very deep stack the middle is left out."""
    deep = tuple(("f", SCRIPT, n) for n in range(1, 1001))
    (stack,) = read((*START, *deep)).stacks
    assert len(stack) == samples.MAX_DEPTH
    assert (stack[0].lineno, stack[-1].lineno) == (1, 1000)


def test_rare_stacks_are_folded_and_none_is_lost(monkeypatch: Any) -> None:
    """Beyond the bound the rarest stacks keep their last frame only; the total stays."""
    monkeypatch.setattr(samples, "MAX_STACKS", 10)
    stacks = [(*START, MAIN, ("f", SCRIPT, n % 50), ("g", SCRIPT, n)) for n in range(100, 200)]
    seen = read(*stacks, *[(*START, MAIN, WORK)] * 5)
    assert sum(seen.stacks.values()) == seen.total == 105
    assert len(seen.stacks) <= 10
    common = tuple(RawFrame(file, name, n) for name, file, n in (MAIN, WORK))
    assert seen.stacks[common] == 5
