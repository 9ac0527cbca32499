"""What the chaos tools return, read from what ``python -m chaos`` writes."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynogate.profiling.text import Column, clip, seconds, table


class Model(BaseModel):
    """Immutable; what a later version of the experiments adds is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Experiment(Model):
    """One experiment that can be run."""

    name: str = Field(description="Give it to run_chaos_experiment.")
    title: str = Field(description="What it claims.")
    service: str = Field(description="What is broken.")
    fault: str = Field(description="How, in a word.")
    how: str = Field(description="How, in figures.")
    quick: bool = Field(description="Whether it takes a few seconds only.")
    limit: float = Field(description="Longest that it may take, in seconds.")


class Experiments(Model):
    """The experiments there are."""

    experiments: tuple[Experiment, ...]

    def text(self) -> str:
        """As a table."""
        columns: tuple[Column, ...] = tuple(
            (name, "<") for name in ("experiment", "what is broken", "how", "quick", "claim")
        )
        rows = [
            (
                each.name,
                each.service,
                f"{each.fault}: {each.how}",
                "yes" if each.quick else "",
                each.title,
            )
            for each in self.experiments
        ]
        return "\n".join(table(columns, rows, limit=len(rows)))


class Proof(Model):
    """What showed that the fault bit, or that it did not."""

    text: str
    bit: bool


class Bar(Model):
    """One figure by which the run was judged."""

    says: str = Field(description="What was to be kept.")
    text: str = Field(description="The figure and its limits.")
    passed: bool


class Outcome(Model):
    """What became of one experiment."""

    name: str
    title: str
    state: Literal["green", "red", "not run"] = Field(
        description="green: the fault bit, and everything was kept; red: something was not; "
        "not run: it did not come to its end."
    )
    reasons: tuple[str, ...] = Field(description="Why it is not green.")
    proofs: tuple[Proof, ...] = Field(description="What showed that the fault bit.")
    bars: tuple[Bar, ...]
    recovery: float | None = Field(
        description="Seconds until calls were served as before; null where not asked for."
    )
    seconds: float = Field(description="How long all of it took.")


class Run(Model):
    """The part of a report that tells what came out."""

    experiments: tuple[Outcome, ...]


class ChaosReport(Model):
    """What came out of a run, and the id to ask for it again."""

    report_id: str = Field(description="Give it to get_chaos_report.")
    created_at: datetime
    experiments: tuple[Outcome, ...]
    document: dict[str, Any] | None = Field(
        description="The whole report, with the load second by second; null unless asked for."
    )

    def text(self) -> str:
        """The verdicts, and what each is made of."""
        lines = [f"{self.report_id}, {self.created_at:%Y-%m-%d %H:%M:%S} UTC"]
        for each in self.experiments:
            lines += ["", f"{each.state}: {each.name}, {seconds(each.seconds)}: {each.title}"]
            lines += [f"  because {clip(reason, 300)}" for reason in each.reasons]
            lines += [f"  {'proof' if p.bit else 'NO PROOF'}: {p.text}" for p in each.proofs]
            for bar in each.bars:
                lines.append(f"  {'kept' if bar.passed else 'NOT KEPT'}: {bar.says}: {bar.text}")
            if each.recovery is not None:
                lines.append(f"  recovered in {seconds(each.recovery)}")
        return "\n".join(lines)
