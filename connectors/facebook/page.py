"""Facebook Pages: what citizens write is read and moderated, posts are published, and counted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from connectors.base import (
    AccountRef,
    Capabilities,
    CommentSeen,
    Figures,
    Health,
    Operation,
    Page,
    Prepared,
    Publication,
    Receipt,
    Talks,
    Told,
)
from connectors.crawl import crawl_step
from connectors.facebook.figures import figures
from connectors.facebook.moderation import ABLE, Moderation
from connectors.facebook.publishing import LIMITS, Publishing
from connectors.facebook.reading import Reader
from connectors.limits import values
from connectors.meta.graph import Graph, GraphSettings, end_of, missing_of, token_reason
from connectors.meta.messages import Conversations
from connectors.meta.permissions import FOR_PAGES, READ_POSTS, WRITE_PRIVATELY
from connectors.wire import as_id, as_mapping
from models.errors import Gone, TokenInvalid
from models.vocabulary import MediaKind, OperationKind

logger = logging.getLogger(__name__)

CAPABILITIES = Capabilities(
    ABLE | {OperationKind.PUBLISH, OperationKind.MESSAGE},
    media=frozenset(MediaKind),
    reads_links=True,
    **values(LIMITS),
)


class FacebookPage:
    """One Page of the city (`connectors.base.Network`)."""

    def __init__(self, settings: GraphSettings, account: AccountRef) -> None:
        self._page = account.external_id
        self._graph = Graph(settings, account.token)
        self._reading = Reader(self._graph, self._page, settings.ad_accounts, settings.version)
        self._moderation = Moderation(self._graph, self._page)
        self._publishing = Publishing(self._graph, self._page)
        self._talk = Conversations(self._graph, self._page, "messenger", WRITE_PRIVATELY)

    def __repr__(self) -> str:
        return f"FacebookPage({self._page!r})"

    def health(self) -> Health:
        """Through `GET /debug_token` when the app is configured; if not, by reading the Page's own id, which says
        nothing of permissions and dates.
        """
        try:
            data = self._graph.debug_token()
            if data is None:
                self._graph.read(self._page, READ_POSTS, fields="id")
                return Health(valid=True)
        except TokenInvalid as dead:
            return Health(valid=False, reason=dead.reason)
        except Gone:
            return Health(valid=False, reason="wrong_page")
        expires_at, reason = end_of(data), None
        if data.get("is_valid") is not True:
            reason = token_reason(as_mapping(data.get("error")).get("subcode"))
        elif as_id(data.get("profile_id")) not in (None, self._page):
            reason = "wrong_page"
        if reason is not None:
            return Health(valid=False, reason=reason, expires_at=expires_at)
        return Health(valid=True, expires_at=expires_at, missing=missing_of(data, FOR_PAGES, self._page))

    def pull(self, cursor: str | None, budget: int) -> Page:
        """As `connectors.crawl` says."""
        return crawl_step(
            cursor,
            budget,
            sources=self._reading.sources,
            list_posts=self._reading.list_posts,
            read_thread=self._reading.read_thread,
            usage=lambda: self._graph.usage,
            proven=self._graph.proven,
        )

    def converse(self, cursor: str | None, budget: int) -> Talks:
        return self._talk.read(cursor, budget)

    def probe(self, comment: str) -> CommentSeen:
        return self._reading.probe(comment)

    def apply(self, operation: Operation, key: str) -> Receipt:
        logger.info("%s %s on %s for %s", operation.kind, operation.target, self._page, key)
        if operation.kind is OperationKind.MESSAGE:
            return self._graph.whole(self._talk.write(operation))
        return self._graph.whole(self._moderation.apply(operation))

    def prepare(self, publication: Publication, so_far: Prepared | None = None) -> Prepared:  # noqa: ARG002
        """All of it is ready at once: Facebook works on a video only once it is published."""
        return self._graph.whole(self._publishing.prepare(publication))

    def publish(self, publication: Publication, key: str, prepared: Prepared | None = None) -> Receipt:
        logger.info("publish on %s for %s", self._page, key)
        return self._graph.whole(self._publishing.publish(publication, prepared))

    def find(self, sought: Operation | Publication, since: datetime, taken: Collection[str]) -> Receipt | None:
        """Texts are compared as `connectors.matching` makes them."""
        if isinstance(sought, Publication):
            found = self._publishing.find(sought, since, taken)
        elif sought.kind is OperationKind.MESSAGE:
            found = self._talk.find(sought, since, taken)
        else:
            found = self._moderation.find(sought, since, taken)
        return self._graph.whole(found) if found is not None else None

    def figures(self, posts: Sequence[str]) -> Figures:
        return figures(self._graph, self._page, posts)

    def listen(self) -> Told:
        return self._graph.subscribe(self._page, "page")
