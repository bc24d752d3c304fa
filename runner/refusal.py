"""The one exception that ends `make run` with a plain sentence instead of a traceback."""


class Refusal(Exception):
    """The runner cannot go on; the message tells a person what is the matter and what to do."""
