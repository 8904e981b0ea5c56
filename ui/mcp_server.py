"""An MCP server over one space: an assistant searches, looks up names, draws heat maps and teaches classes. It only reads.

    server_of(Space.open(catalogue="world")).run()        # over standard input and output, as `placebind mcp` does

Each tool is a method of ``Space`` with its answer as JSON. What is wrong with a question is the text of the tool's error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from index.errors import PlaceBindError
from index.extras import extra
from index.records import Modality, Place
from retrieval import Space
from retrieval.asking.names.documents import LEAST
from retrieval.asking.names.lookup import distinct
from retrieval.asking.names.resolve import names_in
from retrieval.heat.grids import WorldGrid
from retrieval.labels.labels import Labels
from retrieval.labels.maps import teach

if TYPE_CHECKING:
    from mcp.server import MCPServer

INSTRUCTIONS = (
    "Search the Earth by what is written about a place, what it looks like from space, and where it is. Texts may hold place "
    "names, coordinates and conditions ('villages above 2,000 m in Africa'). Positions are WGS84 degrees, distances geodesic km. "
    "Answers are of the model's training data and the catalogue: say how sure they are (confidence) when you pass them on."
)
MAP = WorldGrid(1024, 512)
Position = tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=180)]]  # lat, lon
Text = Annotated[str, Field(max_length=20_000)]
Positions = Annotated[list[Position], Field(max_length=1000, description="[lat, lon] each")]


def server_of(space: Space) -> MCPServer:
    """Raises ``MissingExtraError`` without the SDK."""
    sdk = extra("mcp.server")
    image = extra("mcp.server.mcpserver").Image
    refused = extra("mcp.server.mcpserver.exceptions").ToolError
    reads = extra("mcp.types").ToolAnnotations(readOnlyHint=True, openWorldHint=False)
    server: MCPServer = sdk.MCPServer("placebind", version=version("placebind"), instructions=INSTRUCTIONS)

    def tool(structured_output: bool | None = None) -> Callable[[Callable[..., Any]], Any]:
        """A function as a tool that only reads; our errors are sentences for the assistant, not crashes."""

        def as_tool(function: Callable[..., Any]) -> Any:
            @wraps(function)
            def answer(*given: Any, **named: Any) -> Any:
                try:
                    return function(*given, **named)
                except PlaceBindError as error:
                    raise refused(str(error)) from error

            return server.tool(annotations=reads, structured_output=structured_output)(answer)

        return as_tool

    @tool()
    def search(
        text: Annotated[Text, Field(description="what to look for, in words; may be empty where a place is given")] = "",
        place: Annotated[Position | None, Field(description="[lat, lon]: what is like this place")] = None,
        kinds: Annotated[list[Modality], Field(description="articles, tiles or locations; all if empty")] = [],  # noqa: B006
        k: Annotated[int, Field(ge=1, le=50, description="hits of each kind")] = 5,
        filter: Annotated[
            dict[str, Any],
            Field(
                description="as in the HTTP API: inside, outside, near 'lat,lon,km', bbox, coast_km, elevation_m, countries, where"
            ),
        ] = {},  # noqa: B006
    ) -> dict[str, Any]:
        """Places, articles and satellite tiles that fit a text or are like a place, best first, with how sure the answer is."""
        at = None if place is None else Place(lat=place[0], lon=place[1])
        return space.search(text or None, place=at, kinds=tuple(kinds), k=k, filter=filter).as_dict()

    @tool()
    def locate(text: Annotated[Text, Field(description="any text")]) -> dict[str, Any]:
        """Every place that a text names, with position, country, confidence and offsets. No model is used."""
        return {"places": [named.as_dict() for named in names_in(text, space.gazetteers, least=LEAST)]}

    @tool(structured_output=False)
    def heat(
        text: Annotated[Text, Field(description="what to look for, in words")],
        peaks: Annotated[int, Field(ge=1, le=20, description="best places to name, at least 500 km apart")] = 5,
    ) -> list[Any]:
        """How well every place on Earth fits a text: the best places, and a map of the best tenth of the land."""
        found = space.heat(text)
        best = [{"lat": each.place.lat, "lon": each.place.lon, "score": each.cosine} for each in found.peaks(peaks)]
        said = {"peaks": best, "notes": [*found.notes, *(named.sentence for named in distinct(found.names))]}
        return [said, image(data=found.png(MAP, transparent_below=90.0), format="png")]

    @tool(structured_output=False)
    def classify(
        examples: Annotated[Positions, Field(description="places that are what is looked for")],
        counter_examples: Annotated[Positions, Field(description="places that are not; random ones if empty")] = [],  # noqa: B006
    ) -> list[Any]:
        """Teach a class by examples: where else it is, how far that can be believed, where another example would tell most."""
        yes, no = ([Place(lat=lat, lon=lon) for lat, lon in each] for each in (examples, counter_examples))
        taught = teach(space.cells, space.embed_places, Labels.of(yes, no))
        unsure = [{"lat": each.place.lat, "lon": each.place.lon, "probability": each.probability} for each in taught.next_places()]
        said = {"verdict": taught.verdict.as_dict(), "notes": list(taught.notes), "label_next": unsure}
        return [said, image(data=taught.png(MAP), format="png")]

    @tool()
    def about() -> dict[str, Any]:
        """What is indexed here, and by which model."""
        rows = {modality: manifest.rows for modality, manifest in space.manifests.items()}
        return {"records": rows, "model": space.checkpoint.digest, "dimensions": space.dim}

    return server
