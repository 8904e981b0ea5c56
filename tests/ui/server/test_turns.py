import asyncio

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ui.server import turns
from ui.server.api import build_api
from ui.server.routes import atlas, heat, pictures, search
from ui.server.security import Rules
from ui.server.turns import TooBusyError, Turns


class Watched:
    """Work that takes a turn, and how many did it at once."""

    def __init__(self, running: int, waiting: int) -> None:
        self.turns = Turns("things", running, waiting)
        self.at_once, self.most, self.order = 0, 0, list[int]()

    async def work(self, number: int, lasts_s: float = 0.01) -> None:
        async for _ in self.turns.take():
            self.order.append(number)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(lasts_s)
            self.at_once -= 1


def run(watched: Watched, count: int, **how: float) -> list[BaseException | None]:
    async def together() -> list[BaseException | None]:
        return await asyncio.gather(*(watched.work(number, **how) for number in range(count)), return_exceptions=True)

    return asyncio.run(together())


def test_no_more_run_at_once_than_may_and_they_come_in_their_order() -> None:
    watched = Watched(running=2, waiting=10)
    assert run(watched, 9) == [None] * 9
    assert (watched.most, watched.order) == (2, list(range(9)))
    assert run(watched, 2) == [None] * 2, "all turns were given back, for another loop too"


def test_who_finds_the_line_full_is_sent_away_at_once() -> None:
    watched = Watched(running=1, waiting=2)
    came = run(watched, 5)
    assert [isinstance(each, TooBusyError) for each in came] == [False, False, False, True, True]
    assert watched.order == [0, 1, 2]


def test_who_waits_too_long_is_sent_away_and_holds_no_turn(monkeypatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.02)
    watched = Watched(running=1, waiting=5)
    came = run(watched, 3, lasts_s=0.1)
    assert [isinstance(each, TooBusyError) for each in came] == [False, True, True]
    assert run(watched, 1) == [None]


def test_who_hangs_up_in_the_line_leaves_it() -> None:
    watched = Watched(running=1, waiting=1)

    async def hang_up() -> None:
        first, second = asyncio.create_task(watched.work(0, 0.05)), asyncio.create_task(watched.work(1))
        await asyncio.sleep(0.01)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.gather(first, watched.work(2))

    asyncio.run(hang_up())
    assert watched.order == [0, 2]


def test_a_server_that_is_too_busy_says_when_to_come_again() -> None:
    full = Turns("things", running=0, waiting=0)
    app: FastAPI = build_api(Rules())
    app.add_api_route("/dear", lambda: "done", dependencies=[full.needed])
    answer = TestClient(app).get("/dear")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(turns.RETRY_AFTER_S))
    assert answer.json() == {"error": "the server has as many things to work at as it can; ask again in 5 seconds"}


def test_every_dear_route_takes_a_turn() -> None:
    routes = [route for each in (atlas, heat, pictures, search) for route in each.router.routes]
    taken = {route.path: [each.dependency.__self__ for each in route.dependencies] for route in routes if route.dependencies}
    assert taken["/search"] == taken["/embed"] == [turns.SEARCHES]
    assert taken["/uploads"] == [turns.UPLOADS]
    assert taken["/export.{ending}"] == taken["/heat/{name}.tif"] == taken["/heat/{name}.png"] == [turns.EXPORTS]
    assert taken["/heat"] == taken["/heat/{name}/{z}/{x}/{y}.png"] == [turns.HEATS]
    tiles = [of for path, of in taken.items() if path.startswith("/atlas")]
    assert tiles == [[turns.ATLAS]] * 3
