"""Sub-commands made from the components of a registry: a new source gets its command and its flags by being there."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:  # pydantic takes a tenth of a second to import, and `placebind --help` shows none of these
    from pydantic.fields import FieldInfo

    from index.settings import Settings

Run = Callable[[str, dict[str, Any]], None]


def sources_group(run: Run, shared: list[inspect.Parameter]) -> type[TyperGroup]:
    """A command group with one command for each source. A source's module is imported only when its command is used.

    ``run`` receives the source's name and every flag that was given; ``shared`` are flags that all commands have.
    """

    class SourcesGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            from index.registry import names

            return [name.replace("_", "-") for name in names("index.sources")]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            from index.registry import load, names

            if cmd_name.replace("-", "_") not in names("index.sources"):
                return None
            module = load("index.sources", cmd_name)
            single = typer.Typer(add_completion=False)
            single.command(name=cmd_name, help=inspect.getdoc(module))(_command(cmd_name, module.Options, run, shared))
            return typer.main.get_command(single)

    return SourcesGroup


def _command(name: str, options: type[Settings], run: Run, shared: list[inspect.Parameter]) -> Callable[..., None]:
    def command(**values: Any) -> None:
        run(name, {key: value for key, value in values.items() if value is not None and value != []})

    own = [_parameter(field_name, field) for field_name, field in options.model_fields.items()]
    command.__signature__ = inspect.Signature(own + shared)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in own + shared}
    return command


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """The flag of one field. ``Options`` owns its default: a flag that is not given is not passed on."""
    shown = "" if field.is_required() or field.default in ((), None, "") else str(field.default)
    keyword = inspect.Parameter.KEYWORD_ONLY
    if name == "paths":
        argument = typer.Argument(help=field.description, show_default=False)
        return inspect.Parameter(name, keyword, annotation=Annotated[list[Path], argument])
    flag = f"--{name.replace('_', '-')}"
    kind, many = _kind(field.annotation)
    help_text = (field.description or "") + (", separated by commas" if many else "") + (f" (default: {shown})" if shown else "")
    option = typer.Option(flag, help=help_text, parser=_split if many else None, show_default=False)
    if field.is_required():
        return inspect.Parameter(name, keyword, annotation=Annotated[kind, option])
    return inspect.Parameter(name, keyword, default=None, annotation=Annotated[kind | None, option])


def _kind(annotation: Any) -> tuple[Any, bool]:
    """(type of one value, whether there are several) of a field's annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _kind(next(each for each in arguments if each is not type(None)))
    return (str, True) if origin is tuple else (annotation, False)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))
