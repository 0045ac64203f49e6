"""How a command fails: one line that says what is wrong, and an exit status."""

__all__ = ["CommandFailed", "explain_os_error"]


class CommandFailed(Exception):
    """The command cannot go on; `main` prints the message and exits, without a traceback.

    Attributes:
        status: The exit status, 1 to 255.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def explain_os_error(error: OSError) -> str:
    """Return what the operating system says, without its number and without Python's words around it."""
    # asyncio wraps the text of a failed bind in a sentence of its own; the part after the colon is the system's.
    text = error.strerror or str(error) or type(error).__name__
    return text.rsplit(": ", 1)[-1]
