"""The message of an error in one line, as part of another message; libraries may fill pages."""


def one_line(error: BaseException, longest: int | None = None) -> str:
    r"""All of it with every run of blanks made one space, at most `longest` characters; of an empty one, the type.

    >>> one_line(ValueError("no weights\n  here")), one_line(ValueError("no weights"), longest=4), one_line(KeyboardInterrupt())
    ('no weights here', 'no w', 'KeyboardInterrupt')
    """
    return " ".join(str(error).split())[:longest] or type(error).__name__


def first_line(error: BaseException, longest: int | None = None) -> str:
    r"""Its first line that is not blank, at most `longest` characters; "" where there is none.

    >>> first_line(ValueError("\n no weights \nat line 1 of ..."))
    'no weights'
    """
    return next((line for text in str(error).splitlines() if (line := text.strip())), "")[:longest]
