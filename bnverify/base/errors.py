"""The errors a user can cause, and what the command line makes of them."""


class InputError(Exception):
    """The input or the machine is at fault: one line with the thing, the value, the expectation, the way out.

    The command line prints the message and ends with exit code 2.
    """
