"""What a user reads when something cannot be done: one coded line, never a traceback."""


class UserError(Exception):
    """Bad input or a failed environment, told as ``NU-xxx: what, where, what to do``.

    Parameters
    ----------
    code : stable key of the message, ``NU-`` + room letter + two digits (docs/troubleshooting.md lists them)
    what : what is wrong, with the value seen
    where : the file, layer or setting it concerns
    fix : what the user can do about it
    """

    def __init__(self, code: str, what: str, where: str, fix: str) -> None:
        super().__init__(f"{code}: {what}, {where}, {fix}")
        self.code = code
        self.what = what
        self.where = where
        self.fix = fix

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str, str, str]]:
        return type(self), (self.code, self.what, self.where, self.fix)  # an exception is rebuilt from one line else
