import re

import pytest

from dynogate.tools.context import ToolContext
from dynogate.tools.prompts import PromptMessage
from dynogate.wire.results import ResourceLink, TextContent
from tests.tools.profiling.conftest import REGISTRY

GIVEN = {
    "find_bottleneck": {"script_path": "app/main.py"},
    "explain_regression": {"before_id": "prof_one", "after_id": "prof_two"},
    "cut_suite_time": {"tests_path": "tests/unit"},
}


async def written(context: ToolContext, name: str) -> list[PromptMessage]:
    return await REGISTRY.prompts[name].write(context, **GIVEN[name])


def text_of(messages: list[PromptMessage]) -> str:
    return "\n".join(
        each.content.text for each in messages if isinstance(each.content, TextContent)
    )


def test_these_are_the_investigations() -> None:
    """Each with its arguments described and completed."""
    assert set(REGISTRY.prompts) == set(GIVEN)
    for prompt in REGISTRY.prompts.values():
        arguments = prompt.arguments.model_fields
        assert set(GIVEN[prompt.name]) == set(arguments) == set(prompt.complete)
        assert all(info.description for info in arguments.values())


@pytest.mark.parametrize("name", GIVEN)
async def test_a_prompt_names_only_tools_and_arguments_that_exist(
    context: ToolContext, name: str
) -> None:
    """A model that follows it to the letter is never told that something is unknown."""
    text = text_of(await written(context, name))
    tools = {tool: REGISTRY.get(tool) for tool in re.findall(r"`(\w+)`", text)}
    assert tools
    assert None not in tools.values(), tools
    known = {
        argument
        for tool in tools.values()
        if tool
        for argument in tool.input_schema()["properties"]
    }
    named = set(re.findall(r"\b(\w+)=", text)) | {
        word for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text) if word not in tools
    }
    assert named - known <= {"no_change", "profile_id", *GIVEN[name].values()}


@pytest.mark.parametrize("name", GIVEN)
async def test_a_prompt_says_what_it_was_given(context: ToolContext, name: str) -> None:
    """Word by word, so that nothing has to be filled in."""
    text = text_of(await written(context, name))
    assert all(value in text for value in GIVEN[name].values())


async def test_two_profiles_are_linked(context: ToolContext) -> None:
    """A host may read them before the model asks."""
    messages = await written(context, "explain_regression")
    links = [each.content.uri for each in messages if isinstance(each.content, ResourceLink)]
    assert links == ["profile://prof_one", "profile://prof_two"]
