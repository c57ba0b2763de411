"""French search: comments are found by the words of their text and of their author's name, alike on both databases.

What Python folded and stemmed stands in a column, and each database indexes it in its own way. The index is made of the
column alone, so it is no part of the migrations' history: `index` brings it back after each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    and_,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from models.comments import Comment
from models.text import chunks, stem

_TABLE = (
    "CREATE VIRTUAL TABLE comment_search USING fts5(search_text, content='comment', content_rowid='id', detail=none)",
    "INSERT INTO comment_search (comment_search) VALUES ('rebuild')",
)
_FORGET = "INSERT INTO comment_search (comment_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);"
_LEARN = "INSERT INTO comment_search (rowid, search_text) VALUES (new.id, new.search_text);"
_TRIGGERS = (
    f"CREATE TRIGGER IF NOT EXISTS comment_search_insert AFTER INSERT ON comment BEGIN {_LEARN} END",
    f"""CREATE TRIGGER IF NOT EXISTS comment_search_update AFTER UPDATE OF search_text ON comment
    BEGIN {_FORGET} {_LEARN} END""",
    f"CREATE TRIGGER IF NOT EXISTS comment_search_delete AFTER DELETE ON comment BEGIN {_FORGET} END",
)
"""What SQLite's index is told of a comment: it keeps no text of its own."""


def index(connection: Connection) -> None:
    """Make what is missing of the index, in the caller's transaction."""
    if connection.dialect.name == "postgresql":
        vector = "to_tsvector('simple', coalesce(search_text, ''))"
        connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS comment_search ON comment USING gin ({vector})")
        return
    there = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'comment_search'").scalar()
    for statement in _TRIGGERS if there else (*_TABLE, *_TRIGGERS):
        connection.exec_driver_sql(statement)


def text_of(*texts: str | None) -> str:
    """What is indexed of some texts: each word once; what hyphens or apostrophes join is one word too."""
    words: dict[str, None] = {}
    for text in texts:
        for whole, parts in chunks(text or ""):
            words.update(dict.fromkeys(map(stem, [*parts, whole])))
    return " ".join(words)


class _Said(FunctionElement[bool]):
    """Of one comment: two ways to say that it has some words, SQLite's and PostgreSQL's."""

    type = Boolean()
    inherit_cache = True


@compiles(_Said, "sqlite")
def _on_sqlite(element: _Said, compiler: Any, **how: Any) -> str:
    return f"({compiler.process(element.clauses.clauses[0], **how)})"


@compiles(_Said, "postgresql")
def _on_postgresql(element: _Said, compiler: Any, **how: Any) -> str:
    return f"({compiler.process(element.clauses.clauses[1], **how)})"


FEW = 10_000
"""Comments of whose words it is less work to look at each than to walk a list until enough of them were met."""


def few(session: Session, words: str) -> Select[int] | None:
    """The ids of the comments that have all of these words, in any form of them, if they are few; None: they are not.
    Nothing has what is no word.
    """
    found, counted = _found(words, session.connection().dialect.name)
    return found if (session.scalar(counted) or 0) <= FEW else None


@lru_cache(maxsize=128)
def _found(words: str, dialect: str) -> tuple[Select[int], Select[int]]:
    """The ids, and how many they are, counted to one more than few. For the same words they are the same statements."""
    wanted = list(_wanted(words))
    if not wanted:
        found = select(Comment.id).where(false())
    elif dialect == "postgresql":
        found = select(Comment.id).where(_vector(wanted))
    else:
        found = select(_INDEX.c.rowid).where(_INDEX.c.comment_search.op("MATCH")(_query(wanted, "AND", "OR")))
    return found, select(func.count()).select_from(found.limit(FEW + 1).subquery())


def said(words: str) -> ColumnElement[bool]:
    """Whether one comment has all of these words; for a walk over comments many of which have."""
    wanted = list(_wanted(words))
    if not wanted:
        return false()
    kept = " " + func.coalesce(Comment.search_text, "") + " "

    def has(word: str) -> ColumnElement[bool]:
        return func.instr(kept, f" {word} ") > 0

    each = [or_(and_(*map(has, parts)), has(whole)) for parts, whole in wanted]
    return _Said(and_(*each), _vector(wanted))


def _wanted(words: str) -> Iterator[tuple[list[str], str]]:
    """Of each thing that is looked for: the words that it is made of, and the one that it is written as."""
    for whole, parts in chunks(words):
        yield list(map(stem, parts)), stem(whole)


def _query(wanted: Sequence[tuple[list[str], str]], both: str, either: str) -> str:
    each = [f"(({f' {both} '.join(parts)}) {either} {whole})" for parts, whole in wanted]
    return f" {both} ".join(each)


def _vector(wanted: Sequence[tuple[list[str], str]]) -> ColumnElement[bool]:
    # As the index has it, letter by letter.
    vector = func.to_tsvector(literal_column("'simple'"), func.coalesce(Comment.search_text, literal_column("''")))
    return vector.op("@@")(func.to_tsquery(literal_column("'simple'"), _query(wanted, "&", "|")))


_INDEX = table("comment_search", column("rowid", Integer), column("comment_search", Text))
