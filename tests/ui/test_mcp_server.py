"""An assistant asks through the SDK's own client, in memory and through the command."""

import json
import sys
from typing import Any

import pytest

mcp = pytest.importorskip("mcp")
anyio = pytest.importorskip("anyio")

from index.places.world_names import names_are_known  # noqa: E402
from retrieval import Space  # noqa: E402
from ui.mcp_server import server_of  # noqa: E402


def call(server: Any, tool: str, **given: Any) -> Any:
    async def ask() -> Any:
        async with mcp.Client(server) as client:
            return await client.call_tool(tool, given)

    return anyio.run(ask)


@pytest.fixture(scope="module")
def server(_trained) -> Any:
    return server_of(Space.open(_trained.checkpoint, _trained.folder))


def test_all_tools_say_that_they_only_read(server) -> None:
    async def listed() -> Any:
        async with mcp.Client(server) as client:
            return (await client.list_tools()).tools

    tools = anyio.run(listed)
    assert {tool.name for tool in tools} == {"search", "locate", "heat", "classify", "about"}
    for tool in tools:
        assert tool.annotations.read_only_hint is True
        assert tool.description


def test_a_search_answers_as_the_space_does(server, world) -> None:
    said = call(
        server, "search", text="ice and snow", kinds=["articles"], k=3, filter={"bbox": "60,-180,90,180"}
    ).structured_content
    space = Space.open(world.checkpoint, world.folder)
    expected = space.search("ice and snow", kinds=("articles",), k=3, filter={"bbox": "60,-180,90,180"}).as_dict()
    assert [hit["id"] for hit in said["hits"]["articles"]] == [hit["id"] for hit in expected["hits"]["articles"]]
    near = call(server, "search", place=[70.0, 0.0], kinds=["locations"], k=1).structured_content
    assert near["hits"]["locations"][0]["lat"] == pytest.approx(70.0)


def test_heat_and_classes_come_with_a_map(server) -> None:
    for tool, given in (
        ("heat", {"text": "ice and snow"}),
        ("classify", {"examples": [[70, 0], [70, 90]], "counter_examples": [[5, 0], [5, 90]]}),
    ):
        text, picture = call(server, tool, **given).content
        assert picture.mime_type == "image/png"
        assert isinstance(json.loads(text.text), dict)


@pytest.mark.skipif(not names_are_known(), reason="needs the [demo] extra")
def test_names_of_a_text_are_located(server) -> None:
    (place,) = call(server, "locate", text="We drove to Linz.").structured_content["places"]
    assert (place["text"], place["country"]) == ("Linz", "AT")


@pytest.mark.parametrize(
    ("tool", "given", "why"),
    [
        ("search", {}, "ask with a text"),
        ("search", {"text": "x", "filter": {"nosuch": 1}}, "there is no filter 'nosuch'"),
        ("search", {"text": "x", "k": 5000}, "less than or equal to 50"),
        ("search", {"place": [95, 0]}, "less than or equal to 90"),
        ("classify", {"examples": [[70, 0]]}, "at least two labels"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence_for_the_assistant(server, tool: str, given: dict[str, Any], why: str) -> None:
    refused = call(server, tool, **given)
    assert refused.is_error
    assert why in refused.content[0].text
    assert "Traceback" not in refused.content[0].text


def test_the_command_speaks_over_standard_input_and_output(world) -> None:
    command = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-m", "ui", "mcp", "--catalogue", str(world.folder), "--checkpoint", str(world.checkpoint)],
    )
    assert call(command, "about").structured_content["records"] == {"articles": 48, "tiles": 24, "locations": 200}
