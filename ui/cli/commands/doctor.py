"""``placebind doctor``: whether everything PlaceBind needs is here."""

from index.errors import InputError
from ui.cli.flags import JsonFlag
from ui.console import print_json


def doctor(as_json: JsonFlag = False) -> None:
    """Check that everything PlaceBind needs is installed and works; exit code 2 if not."""
    from ui.cli.doctor import check_all
    from ui.cli.tables import print_checks

    checks = check_all()
    if as_json:
        print_json([check.as_dict() for check in checks])
    else:
        print_checks(checks)
    if any(check.needed and not check.ok for check in checks):
        raise InputError("something that PlaceBind needs is missing; follow the remedies above")
