"""The states of a circuit breaker under any sequence of calls, outcomes and times."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dynogate.resilience.circuit import Circuit, Limits, Permit, Refusal, State


class Histories(RuleBasedStateMachine):
    """Judges a circuit by its history, which is all that the rules are about."""

    @initialize(
        failures=st.integers(1, 4),
        successes=st.integers(1, 3),
        probes=st.integers(1, 3),
        recovery=st.integers(1, 20),
        patience=st.integers(1, 20),
    )
    def start(
        self, failures: int, successes: int, probes: int, recovery: int, patience: int
    ) -> None:
        self.limits = Limits(
            failure_threshold=failures,
            recovery_timeout=recovery,
            success_threshold=successes,
            half_open_probes=probes,
            probe_timeout=patience,
        )
        self.circuit = self.make(self.limits)
        self.now = 0.0
        self.calls: list[tuple[Permit, int]] = []  # under way, and the chapter they began in
        self.chapter = 0
        self.opened_at: float | None = None  # where calls are probed or refused
        self.in_a_row = 0  # failures while closed, successes of probes since
        self.probing: dict[int, float] = {}  # probes under way and since when, this chapter's

    def make(self, limits: Limits) -> Circuit:
        return Circuit(limits)

    @rule(seconds=st.integers(0, 25))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        self.give_up_on_probes()
        answer = self.circuit.enter(self.now)
        if self.opened_at is None:
            assert isinstance(answer, Permit)
        elif self.now < self.opened_at + self.limits.recovery_timeout:
            assert answer == Refusal(self.opened_at + self.limits.recovery_timeout - self.now)
        elif len(self.probing) < self.limits.half_open_probes:
            assert isinstance(answer, Permit)
            assert answer.probe is not None
            self.probing[answer.probe] = self.now
        else:
            assert isinstance(answer, Refusal)
            assert 0 < answer.retry_after <= 1
        if isinstance(answer, Permit):
            self.calls.append((answer, self.chapter))

    @rule(which=st.randoms(use_true_random=False), failed=st.sampled_from([True, False, None]))
    def end(self, which: Any, failed: bool | None) -> None:
        if not self.calls:
            return
        permit, chapter = self.calls.pop(which.randrange(len(self.calls)))
        self.circuit.leave(permit, self.now, failed=failed)
        if chapter != self.chapter:
            return  # what it tells is of times that are over
        if permit.probe is not None:
            del self.probing[permit.probe]
        if failed is None:
            return
        if self.opened_at is None:
            self.in_a_row = self.in_a_row + 1 if failed else 0
            if self.in_a_row == self.limits.failure_threshold:
                self.turn(opened_at=self.now)
        elif failed:
            self.turn(opened_at=self.now)
        else:
            self.in_a_row += 1
            if self.in_a_row == self.limits.success_threshold:
                self.turn(opened_at=None)

    def turn(self, opened_at: float | None) -> None:
        self.chapter += 1
        self.opened_at, self.in_a_row = opened_at, 0
        self.probing.clear()

    def give_up_on_probes(self) -> None:
        ends = [began + self.limits.probe_timeout for began in self.probing.values()]
        if ends and min(ends) <= self.now:
            self.turn(opened_at=min(ends))

    @invariant()
    def agree(self) -> None:
        self.give_up_on_probes()
        state = self.circuit.look(self.now)
        if self.opened_at is None:
            assert state is State.CLOSED
        elif self.now < self.opened_at + self.limits.recovery_timeout:
            assert state is State.OPEN
        else:
            assert state is State.HALF_OPEN
            assert len(self.circuit.probes) == len(self.probing) <= self.limits.half_open_probes


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failure_threshold": 0},
        {"success_threshold": 0},
        {"half_open_probes": 0},
        {"recovery_timeout": 0.0},
        {"probe_timeout": float("nan")},
    ],
)
def test_figures_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    """By name."""
    good = {
        "failure_threshold": 1,
        "recovery_timeout": 1.0,
        "success_threshold": 1,
        "half_open_probes": 1,
        "probe_timeout": 1.0,
    }
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**{**good, **wrong})
