"""The command `editproof`, and `python -m editproof`."""

import sys
import traceback
from io import TextIOWrapper
from tempfile import NamedTemporaryFile

INCOMPLETE = 3


def main() -> None:
    """Run the command line.

    Whatever it did not foresee ends with exit code 3, never 1, which means a regression; the
    traceback goes to a file.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    from editproof.harness.commands.stopping import (
        STOPPED,
        exit_code_of,
        leave_at_once,
        take_sigterm,
    )

    try:
        take_sigterm()
        from editproof.harness.commands.cli import app

        app(prog_name="editproof")
    except KeyboardInterrupt as stop:  # before a command took over
        leave_at_once(exit_code_of(stop))
    except SystemExit as end:
        if end.code in STOPPED:
            leave_at_once(int(end.code))
        raise
    except Exception as error:  # noqa: BLE001 - the outermost boundary: an exit code that CI can't take for a verdict
        with NamedTemporaryFile("w", prefix="editproof-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        line = " ".join(f"{type(error).__name__}: {error}".split())
        line = "".join(char if char.isprintable() else "�" for char in line)
        sys.stderr.write(f"editproof: this is a bug: {line}. Please report it with {file.name}\n")
        sys.exit(INCOMPLETE)


if __name__ == "__main__":
    main()
