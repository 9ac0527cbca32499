"""The one tool that every subject serves, among as many others as ``BENCH_TOOLS`` says."""

import os
from typing import Annotated

from pydantic import BaseModel, Field

NAME = "echo"
NAMES = [NAME, *(f"echo_{n}" for n in range(1, int(os.environ.get("BENCH_TOOLS", "50"))))]
ARGUMENTS = {"say": "hello", "times": 2}
DESCRIPTION = "Say something back."

Say = Annotated[str, Field(description="what to say", max_length=100)]
Times = Annotated[int, Field(description="how often", ge=1, le=5)]


class Said(BaseModel):
    """What was said."""

    said: str

    def text(self) -> str:
        """The same for a reader."""
        return self.said
