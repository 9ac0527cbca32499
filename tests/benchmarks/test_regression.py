"""The regression check: what it counts, what it blocks, and what it says where it cannot know."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.regression import baseline, counting, planting, run, timing, trees
from benchmarks.regression.baseline import Baseline, this_machine
from benchmarks.regression.counting import Counted
from benchmarks.regression.planting import PLACES, loop, scratch
from benchmarks.regression.run import NAMES, judged, main
from benchmarks.regression.trees import HERE, BadRevision, NotMeasured, Tree
from dynogate.statistics import PairedRatio

PATH = "limiter"
TURNS = 30
"""Of a planted loop, which add about a tenth to it."""


def counted(**counts: int) -> Counted:
    return Counted(counts, {})


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A main line of two commits, and a branch with one more."""
    package = tmp_path / trees.PACKAGE
    package.mkdir(parents=True)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for number in range(3):
        if number == 2:
            git(tmp_path, "switch", "--quiet", "--create=topic")
        (package / "__init__.py").write_text(f"number = {number}\n")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", str(number))
    return tmp_path


def test_identical_code_holds_and_a_planted_tenth_is_blocked() -> None:
    """The count is of the work, not of the moment: as much as was planted shows."""
    with scratch() as same, scratch(PATH, loop(TURNS)) as slower:
        plain, again, planted = counting.count([HERE, same, slower], [PATH])
    assert judged("x", plain, again, [PATH]).passed
    assert plain.counts[PATH] == pytest.approx(again.counts[PATH], rel=0.005)
    assert planted.counts[PATH] / plain.counts[PATH] == pytest.approx(1.1, abs=0.04)
    assert not judged("x", plain, planted, [PATH]).passed


def test_times_are_of_both_trees() -> None:
    """A wait shows in the time, whoever begins."""
    with scratch(PATH, planting.wait(1e-5)) as slower:
        found = timing.compare(HERE, slower, [PATH], launches=6)
    assert found[PATH].low > 1.1


def test_every_hot_path_has_a_place_to_plant() -> None:
    """The proof knows a function of each, and it is there."""
    assert set(PLACES) == set(NAMES)
    with scratch() as tree:
        for name in NAMES:
            planting.plant(tree, name, f"planted = {name!r}")
            text = (tree.folder / trees.PACKAGE / PLACES[name][0]).read_text()
            assert f"planted = {name!r}" in text


def test_growth_beyond_the_limit_is_a_regression() -> None:
    """Three percent hold, more does not; what only the time tells counts as well."""
    then = counted(rpc=1000, store=1000)
    names = ["rpc", "store"]
    assert judged("x", then, counted(rpc=1030, store=900), names).passed
    assert not judged("x", then, counted(rpc=1031, store=900), names).passed
    slow = {"rpc": PairedRatio(1.3, 1.11, 1.5, 0.01)}
    doubtful = {"rpc": PairedRatio(1.3, 1.09, 1.5, 0.01)}
    assert not judged("x", then, then, names, slow).passed
    assert judged("x", then, then, names, doubtful).passed


def test_a_renewed_baseline_accepts_what_a_change_costs() -> None:
    """The table still tells it."""
    report = judged("x", counted(rpc=100), counted(rpc=150), ["rpc"], accepted=True)
    assert report.passed
    assert "accepted" in report.bars[0].limit


def test_a_path_that_is_new_is_told_and_not_judged() -> None:
    """There is nothing to compare it with; where that goes for all of them, there is no answer."""
    then = Counted({"rpc": 100}, {"store": "ImportError: no store"})
    report = judged("x", then, counted(rpc=100, store=1), ["rpc", "store"])
    assert [bar.what for bar in report.bars] == ["rpc: instructions, times x"]
    assert "new (ImportError: no store)" in report.rows[1]
    with pytest.raises(NotMeasured, match="no store"):
        judged("x", then, counted(store=1), ["store"])
    with pytest.raises(NotMeasured, match="cannot be built"):
        judged("x", then, Counted({}, {"rpc": "ImportError: none"}), ["rpc"])


def test_the_base_is_where_the_branch_left_main(repository: Path) -> None:
    """On the main line it is the commit before, or the last where something is uncommitted."""
    head, before, first = (git(repository, "rev-parse", f"topic~{n}") for n in range(3))
    assert trees.base_revision(root=repository) == before
    assert trees.base_revision("topic", root=repository) == head
    git(repository, "switch", "--quiet", "main")
    assert trees.base_revision(root=repository) == first
    (repository / trees.PACKAGE / "__init__.py").write_text("number = 9\n")
    assert trees.base_revision(root=repository) == before
    with pytest.raises(BadRevision, match="nowhere"):
        trees.base_revision("nowhere", root=repository)


def test_without_a_base_there_is_no_answer(repository: Path) -> None:
    """No repository, a first commit, a history that is cut off: each says so."""
    git(repository, "switch", "--quiet", "main")
    git(repository, "reset", "--quiet", "--hard", "main~1")
    with pytest.raises(NotMeasured, match="first commit"):
        trees.base_revision(root=repository)
    git(repository, "branch", "--quiet", "--move", "main", "other")
    with pytest.raises(NotMeasured, match="no branch main"):
        trees.base_revision(root=repository)
    shutil.rmtree(repository / ".git")
    with pytest.raises(NotMeasured, match="no git repository"):
        trees.base_revision(root=repository)


def test_a_revision_is_checked_out_as_it_was(repository: Path) -> None:
    """What is not committed is not in it."""
    (repository / trees.PACKAGE / "__init__.py").write_text("number = 9\n")
    with trees.checked_out("topic~1", root=repository) as tree:
        assert (tree.folder / trees.PACKAGE / "__init__.py").read_text() == "number = 1\n"
    with (
        pytest.raises(NotMeasured, match="deadbeef"),
        trees.checked_out("deadbeef", root=repository),
    ):
        pass


def test_a_worker_of_another_tree_is_found_out(tmp_path: Path) -> None:
    """A tree without the package would measure the installed one."""
    with (
        pytest.raises(NotMeasured, match="imported from"),
        timing.Timed(Tree("empty", tmp_path), [PATH]) as timed,
    ):
        timed.missing()


def test_the_stored_baseline_is_judged_where_it_is_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stored counts decide; those of another machine do not, and the merge base is asked."""
    monkeypatch.setattr(baseline, "ROOT", tmp_path)
    (tmp_path / baseline.FILE).parent.mkdir(parents=True)
    monkeypatch.setattr(
        counting, "count", lambda trees, names: [counted(limiter=1000)] * len(trees)
    )
    baseline.write(Baseline(this_machine(), {"limiter": 990}))
    assert main(stored=True, only=[PATH]) == 0
    baseline.write(Baseline(this_machine(), {"limiter": 900}))
    assert main(stored=True, only=[PATH]) == 1
    other = replace(this_machine(), processor="vax")
    baseline.write(Baseline(other, {"limiter": 900}))
    monkeypatch.setattr(run, "base_revision", no_base)
    assert main(stored=True, only=[PATH]) == 3
    told = capsys.readouterr().err
    assert "processor: vax" in told
    assert "not measured: nothing here" in told


def no_base(wanted: str | None) -> str:
    raise NotMeasured("nothing here")


@pytest.mark.parametrize(
    "options",
    [{"only": ["nonsense"]}, {"stored": True, "renew": True}, {"base": "HEAD", "stored": True}],
)
def test_options_that_make_no_sense_are_usage(options: dict[str, object]) -> None:
    """Status 2, before anything is counted."""
    assert main(**options) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"renew": True}, {"stored": True}, {"base": "HEAD"}])
def test_without_valgrind_nothing_is_measured(
    options: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 3, and what to install."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(run, "base_revision", lambda wanted: "HEAD")
    monkeypatch.setattr(run, "checked_out", lambda revision: scratch())
    assert main(**options) == 3  # type: ignore[arg-type]
    assert "scripts/install-system" in capsys.readouterr().err
