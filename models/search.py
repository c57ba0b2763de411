"""French search: comments are found by the words of their text and of their author's name, alike on both databases.

What Python folded and stemmed stands in a column, and each database indexes it in its own way. The index is made of the
column alone, so it is no part of the migrations' history: `index` brings it back after each of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Text, bindparam, false
from sqlalchemy.ext.compiler import compiles
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


def compared(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether alembic compares a table or an index with the code's own tables."""
    return kind not in {"table", "index"} or not (name or "").startswith("comment_search")


def text_of(*texts: str | None) -> str:
    """What is indexed of some texts: each word once; what hyphens or apostrophes join is one word too."""
    words: dict[str, None] = {}
    for text in texts:
        for whole, parts in chunks(text or ""):
            words.update(dict.fromkeys(map(stem, [*parts, whole])))
    return " ".join(words)


class _Found(FunctionElement[bool]):
    """Of the key of a comment, its indexed text, and a query in the language of each database."""

    type = Boolean()
    inherit_cache = True


@compiles(_Found, "sqlite")
def _on_sqlite(element: _Found, compiler: Any, **how: Any) -> str:
    key, _, query, _ = element.clauses
    found = "SELECT rowid FROM comment_search WHERE comment_search MATCH"
    return f"{compiler.process(key, **how)} IN ({found} {compiler.process(query, **how)})"


@compiles(_Found, "postgresql")
def _on_postgresql(element: _Found, compiler: Any, **how: Any) -> str:
    _, text, _, query = element.clauses
    vector = f"to_tsvector('simple', coalesce({compiler.process(text, **how)}, ''))"
    return f"{vector} @@ to_tsquery('simple', {compiler.process(query, **how)})"


def found_by(words: str) -> ColumnElement[bool]:
    """Whether a comment has all of these words, in any form of them; nothing has what is no word."""
    wanted = [(list(map(stem, parts)), stem(whole)) for whole, parts in chunks(words)]
    if not wanted:
        return false()

    def query(both: str, either: str) -> str:
        each = [f"(({f' {both} '.join(parts)}) {either} {whole})" for parts, whole in wanted]
        return f" {both} ".join(each)

    fts5, tsquery = (bindparam(None, query(*marks), Text()) for marks in (("AND", "OR"), ("&", "|")))
    return _Found(Comment.id, Comment.search_text, fts5, tsquery)
