"""The files of ``ui/node_modules`` at ``/front/…`` (see ``ui/server/front.py``)."""

from pathlib import PurePosixPath
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from ui.server import front

DAY_S = 86_400


class FrontFiles(StaticFiles):
    """Only the packages of ``package.json``. What leads out of the folder, by dots or by a link, Starlette refuses.

    Scripts are text/javascript whatever the machine's registry of types says: browsers refuse to run others.
    """

    def __init__(self) -> None:
        super().__init__(directory=front.FOLDER, check_dir=False)

    async def check_config(self) -> None:
        """A folder that is not there (yet) has no files; that is no error."""

    def lookup_path(self, path: str) -> tuple[str, Any]:
        package = next(iter(PurePosixPath(path).parts), "")
        return super().lookup_path(path) if package in front.versions() else ("", None)

    def file_response(self, full_path: Any, *given: Any, **more: Any) -> Response:
        response = super().file_response(full_path, *given, **more)
        response.headers["Cache-Control"] = f"public, max-age={DAY_S}"
        if str(full_path).endswith(".js"):
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        return response
