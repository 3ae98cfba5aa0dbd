"""Why something is not there, and what mends it: two things, said as one sentence "why: remedy"."""

#: How the remedies of others begin (our C++ and other wheels' providers hand over whole sentences).
_VERBS = ("pip ", "install ", "reinstall ", "set ", "unset ", "check ", "uninstall ")


class Reason(str):
    """The sentence, which still knows its parts: a reason may contain colons of its own."""

    what: str
    remedy: str

    def __new__(cls, what: str, remedy: str = "") -> "Reason":
        self = super().__new__(cls, f"{what}: {remedy}" if remedy else what)
        self.what, self.remedy = what, remedy
        return self


def reason(sentence: str) -> Reason:
    """`sentence` with its parts. What follows the last ": " of a plain string is a remedy only if it reads like one."""
    if isinstance(sentence, Reason):
        return sentence
    what, colon, remedy = sentence.rpartition(": ")
    return Reason(what, remedy) if colon and remedy.lower().startswith(_VERBS) else Reason(sentence)
