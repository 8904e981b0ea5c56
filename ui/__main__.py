"""``python -m ui``: the command line, where the script ``placebind`` is not on the path."""

from ui.cli.start import main

main()
