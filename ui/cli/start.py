"""Where ``placebind`` and ``python -m ui`` begin: the version needs no command line."""

import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        print(f"placebind {version('placebind')}")
        return
    from ui.cli.main import main as run

    run()
