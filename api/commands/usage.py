"""What the command line's library says by itself, in the reader's language: its headings, and what was typed wrongly.

The library's own sentences are English and mostly not for translation, so that they are known here by their shape. One
that is not known is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import typer

from api.i18n import N_, _

HEADINGS = {"Arguments": N_("Arguments"), "Options": N_("Options"), "Commands": N_("Commands")}
KINDS = {
    "str": N_("text"),
    "path": N_("path"),
    "int": N_("number"),
    "int range": N_("number"),
    "float": N_("number"),
    "bool": N_("yes or no"),
}
"""What an option takes."""
NAMES = {
    "file": N_("file"),
    "network": N_("network"),
    "external_id": N_("id"),
    "email": N_("e-mail"),
    "name": N_("name"),
    "code": N_("code"),
    "target_url": N_("address"),
}
"""Arguments of our commands."""
NOTES = {
    r"\[required\]": N_("[required]"),
    r"\[required; ": N_("[required; "),
    r"\[default: ": N_("[default: "),
    r"; required\]": N_("; required]"),
    r"^Show this message and exit\.$": N_("Show this help."),
}
FAULTS: Mapping[str, str] = {
    r"Missing command\.": N_("Say which command: --help names them."),
    r"No such command (?P<what>'.*?')\. Did you mean (?P<near>.*)\?": N_(
        "There is no command %(what)s. Do you mean %(near)s?"
    ),
    r"No such command (?P<what>'.*')\.": N_("There is no command %(what)s."),
    r"No such option: (?P<what>\S+) \(Possible options: (?P<near>.*)\)": N_(
        "There is no option %(what)s. Do you mean %(near)s?"
    ),
    r"No such option: (?P<what>\S+)": N_("There is no option %(what)s."),
    r"Missing (?:argument|option|parameter) (?P<what>'.*?')\..*": N_("%(what)s is missing."),
    r"Invalid value for (?P<what>'.*?'): (?P<why>.*)": N_("%(what)s: %(why)s."),
    r"Got unexpected extra argument(?:\(s\)|s)? \((?P<what>.*)\)": N_("Nothing more is expected after it: %(what)s."),
    r"Option (?P<what>'.*?') does not take a value\.": N_("The option %(what)s takes no value."),
    r"Option (?P<what>'.*?') requires .*": N_("The option %(what)s needs a value."),
    r"Argument (?P<what>'.*?') takes (?P<n>\d+) values\.": N_("%(what)s takes %(n)s values."),
}
"""Whole sentences, the more exact first."""
WHYS: Mapping[str, str] = {
    r"Input should be a valid integer.*|.* is not a valid int(?:eger)?.*": N_("must be a whole number"),
    r"Input should be a valid (?:number|decimal).*|.* is not a valid float.*": N_("must be a number"),
    r"Input should be greater than or equal to (?P<n>\S+)": N_("must be %(n)s or more"),
    r"Input should be less than or equal to (?P<n>\S+)": N_("must be %(n)s or less"),
    r"(?P<n>\S+) is not in the range .*": N_("is out of the range that is possible"),
    r"\w+ (?P<n>.+) does not exist\.": N_("there is no %(n)s"),
    r"\w+ (?P<n>.+) is a directory\.": N_("%(n)s is a folder"),
    r"\w+ (?P<n>.+) is a file\.": N_("%(n)s is a file"),
    r"\w+ (?P<n>.+) is not (?:readable|writable)\.": N_("%(n)s cannot be opened"),
    r".*": N_("cannot be used"),
}
"""Why a value is refused; a clause."""

_Usual = typer.Context.formatter_class


class _Formatter(_Usual):  # type: ignore[misc,valid-type]  # The library exports it under no name.
    """The library's, with the words around ours in the reader's language."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        args = re.sub(r"\{(\w+)\}", lambda found: "{" + _named(found[1]) + "}", args)
        args = re.sub(r"\[(\w+)\](?!\.)", lambda found: f"[{_named(found[1])}]", args)
        args = args.replace("[OPTIONS]", _("[OPTIONS]")).replace("COMMAND [ARGS]...", _("COMMAND [ARGUMENTS]…"))
        super().write_usage(prog, args, prefix or _("Usage: "))

    def write_heading(self, heading: str) -> None:
        self._heading = heading
        colon = _(": ").rstrip(" ")
        self.write(f"{'':>{self.current_indent}}{_(HEADINGS.get(heading, heading))}{colon}\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], **more: int) -> None:
        super().write_dl([(self._first(first), _noted(said)) for first, said in rows], **more)

    def _first(self, column: str) -> str:
        if self._heading == "Arguments":
            name, _space, kind = column.partition(" ")
            column = f"{_named(name)} {kind}".rstrip()
        return re.sub(r"<([a-z ]+)>", lambda found: f"<{_(KINDS.get(found[1], found[1]))}>", column)


class _Context(typer.Context):
    formatter_class = _Formatter


def worded(command: object) -> None:
    """Have a command, and those in it, speak the reader's language in their help."""
    command.context_class = _Context  # type: ignore[attr-defined]
    for one in getattr(command, "commands", {}).values():
        worded(one)


def fault(error: typer.TyperException) -> str:
    """What was typed wrongly, in a sentence."""
    return _worded(error.format_message(), FAULTS)


def _worded(said: str, table: Mapping[str, str]) -> str:
    for shape, sentence in table.items():
        if (found := re.fullmatch(shape, said, re.DOTALL)) is not None:
            parts = {name: _quoted(value) for name, value in found.groupdict().items()}
            if "why" in parts:
                parts["why"] = _worded(found["why"], WHYS)
            return _(sentence, **parts)
    return said


def _quoted(value: str) -> str:
    """Names as our sentences quote them: 'file' becomes “file”."""
    return re.sub(r"'([^']*)'", lambda found: _("“%(name)s”", name=_named(found[1])), value)


def _noted(said: str) -> str:
    for shape, words in NOTES.items():
        said = re.sub(shape, lambda _found, words=words: _(words), said)  # type: ignore[misc]
    return re.sub(r"\.\.\.$", "…", said)


def _named(name: str) -> str:
    return _(NAMES[name]) if name in NAMES else name
