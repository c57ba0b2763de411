"""The bare floor that every figure is a ratio of: FastAPI, SQLAlchemy, one row inserted in one durable transaction.

It has what nobody would leave out (the same SQLite settings as the product, a body, an index) and nothing else: no
signature, no log, no headers, no metrics.
"""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from sqlalchemy import DateTime, Engine, Index, LargeBinary, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "row"
    __table_args__ = (Index("ix_row_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    network: Mapped[str] = mapped_column(String(20))
    received_at: Mapped[datetime] = mapped_column(DateTime())
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(20))


def engine(home: Path, url: str = "") -> Engine:
    """A new database with the durability of the product's: WAL, synchronous=FULL. With `url`, tables in that one."""
    if url:
        made = create_engine(url, pool_size=40)
        Base.metadata.create_all(made)
        return made
    made = create_engine(f"sqlite:///{home / 'floor.db'}", pool_size=40, connect_args={"timeout": 30})

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    Base.metadata.create_all(made)
    return made


async def raw_body(request: Request) -> bytes:
    return await request.body()


def create_floor(home: Path, url: str) -> FastAPI:
    """`POST /row` keeps its body; `GET /ping` does nothing."""
    app, database = FastAPI(), engine(home, url)

    @app.post("/row")
    def keep(raw: Annotated[bytes, Depends(raw_body)]) -> Response:
        with Session(database) as session, session.begin():
            session.add(Row(network="facebook", received_at=datetime.now(UTC), raw=raw, state="received"))
        return Response()

    @app.get("/ping")
    def ping() -> dict[str, str]:
        return {"status": "ok"}

    return app


def serve(home: Path, port: int, url: str) -> None:
    """Serve the floor as `parvis serve` serves the product."""
    uvicorn.run(
        create_floor(home, url), host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False
    )


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
