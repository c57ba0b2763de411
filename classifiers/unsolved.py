"""Whether somebody says that what was said to be solved is not: a few ways to say so, read as they are written."""

from __future__ import annotations

import re

from classifiers.text import Text

_DONE = (
    r"(?:regle|repare|resolu|corrige|arrange|fait|fini|termine|ramasse|deneige|deglace|nettoye|bouche|remplace|change"
    r"|passe|venu|fixe)e?s?"
)
_STATE = r"(?:brise|casse|bloque|bouche|fendu|dangereux|dangereuse|plein|sale|pareil|eteint|en panne)e?s?"
_SAYING = (
    rf"(?<!pour )(?<!etait )(?<!avait )\b(?:pas|jamais)(?: (?:encore|toujours|du tout|ete|vraiment))* {_DONE}\b",
    rf"\b(?:toujours|encore) (?:la|pas|rien|{_STATE})\b(?! (?:pour|que))",
    r"\brien(?: (?:de|n'|a|ete))* (?:change|bouge|fait|regle|repare)\b",
    r"\b(?:recommence|persiste|coule (?:encore|toujours))\b",
    r"\bprobleme (?:continue|revient|est (?:toujours|encore))\b",
    r"\bnot (?:yet )?(?:been )?(?:fixed|done|solved|resolved|repaired)\b",
    r"\bstill (?:there|broken|not|leaking|the same|waiting)\b",
)
_SAID = re.compile("|".join(_SAYING))
_OTHERWISE = re.compile(r"\bpas (?:mal|pire|de probleme)\b|\bmerci\b(?!.*\bmais\b)")
"""What, with it, says the contrary, or thanks for what was done."""


def says(text: Text) -> bool:
    """Whether the text says that something is not solved."""
    read = " ".join(token.form for token in text.tokens)
    return _SAID.search(read) is not None and _OTHERWISE.search(read) is None
