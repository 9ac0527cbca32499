"""The programs and their planted truths."""

from pathlib import Path

import pytest

from benchmarks.ground_truth.corpus import Program, Spot, load, true_rates

PROGRAMS = load()


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_markers_become_the_truth_and_leave_the_text(tmp_path: Path) -> None:
    """The profiler must not see what it is expected to find."""
    write(tmp_path, "busy.py", "x = 1\ny = 2  # HOT\nz = 3  # ALLOC MAYBE\n# HOT is a word\n")
    (program,) = load(root=tmp_path)
    assert program.files["busy.py"] == "x = 1\ny = 2\nz = 3\n# HOT is a word\n"
    assert program.hot == {Spot("busy.py", 2)}
    assert program.alloc == program.maybe == {Spot("busy.py", 3)}


def test_leaks_are_known_by_name(tmp_path: Path) -> None:
    """A program with two leaks tells their rates apart by name."""
    write(tmp_path, "two.py", "a = 1  # LEAK:fast\nb = 2  # LEAK:slow\n")
    (program,) = load(root=tmp_path)
    assert program.leaks == {"fast": Spot("two.py", 1), "slow": Spot("two.py", 2)}


def test_a_folder_is_one_program_of_several_files(tmp_path: Path) -> None:
    """A truth may be planted in a module that the script imports."""
    write(tmp_path, "shop/main.py", "import pricing.engine\n")
    write(tmp_path, "shop/pricing/engine.py", "total = 1  # HOT\n")
    (program,) = load(root=tmp_path)
    script = program.lay_out(tmp_path / "copy")
    assert program.hot == {Spot("pricing/engine.py", 1)}
    assert script == tmp_path / "copy/main.py"
    assert (tmp_path / "copy/pricing/engine.py").read_text() == "total = 1\n"


def test_a_program_tells_its_own_leak_rate_last() -> None:
    """What a program prints before its measurement does not matter."""
    assert true_rates('300\n{"leaked_mb": 50.0, "seconds": 2.0}\n') == {"": 25.0}


def test_a_program_may_tell_several_rates() -> None:
    """Rates are told by the name of the leak."""
    told = '{"leaked_mb": {"fast": 8, "slow": 2}, "seconds": 4}'
    assert true_rates(told) == {"fast": 2.0, "slow": 0.5}


def test_a_program_that_tells_no_rate_has_none() -> None:
    """A run that was cut short told nothing."""
    assert true_rates("no measurement\n") == {}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_name_says_what_was_planted(program: Program) -> None:
    """A marker that was mistyped would silently make a program a clean one."""
    kind = program.name.partition("_")[0]
    planted = {"cpu": program.hot, "alloc": program.alloc, "leak": program.leaks}
    assert {name for name, spots in planted.items() if spots} == {kind} - {"clean"}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs_compile_without_their_markers(program: Program, tmp_path: Path) -> None:
    """Taking the markers out leaves valid programs with the same number of lines."""
    script = program.lay_out(tmp_path)
    assert script.is_file()
    for name, text in program.files.items():
        compile(text, name, "exec")
