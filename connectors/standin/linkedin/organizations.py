"""Pages, their figures, their files and who administers them, on the pretend LinkedIn.

https://learn.microsoft.com/linkedin/marketing/community-management/organizations, and beside it the Images and Videos
APIs.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.standin.linkedin.state import Asset, Organization, Share, organizations
from connectors.standin.linkedin.wire import (
    ADMIN,
    READ_POSTS,
    WRITE_POSTS,
    Caller,
    counted,
    denied,
    empty,
    illegal,
    missing,
)
from connectors.standin.state import Standin
from connectors.standin.wire import Answer, Call

PART = 4 * 1024 * 1024
"""Bytes of each part of a video but the last."""
KEPT = 60 * 86_400_000
"""Milliseconds during which a notification can be asked for."""


class Pages(Caller):
    """A resource is a method of its name."""

    # ------------------------------------------------------------------------------------- files
    def assets(self, urn: str) -> Answer:
        """Of all three kinds. What was uploaded is AVAILABLE after some looks."""
        self.need(WRITE_POSTS)
        kind = self.call.path.partition("/")[0].removesuffix("s")
        if urn:
            return Answer(200, {"id": urn, "status": self._asset(urn).status()})
        if self.query.get("action") == "finalizeUpload":
            asked = self.body["finalizeUploadRequest"]
            asset = self._asset(asked[kind])
            parts = [_etag(asset.parts[part]) for part in sorted(asset.parts)]
            if asked["uploadedPartIds"] != parts or sum(map(len, asset.parts.values())) != asset.size:
                raise illegal("/uploadedPartIds :: parts are missing")
            asset.finalized = True
            return empty(200)
        asked = self.body["initializeUploadRequest"]
        page, number = self.organization(asked["owner"]), self.state.number()
        made = Asset(f"urn:li:{kind}:C4E{number}", f"put{number}", int(asked.get("fileSizeBytes", 0)), page.polls)
        made.failed = page.failing
        page.assets[made.urn] = made
        base = f"{page.upload_base or self.call.base_url}dms-uploads/{made.upload}"
        if kind != "video":
            return Answer(200, {"value": {"uploadUrl": base, kind: made.urn}})
        instructions = [
            {"uploadUrl": f"{base}/{at // PART}", "firstByte": at, "lastByte": min(at + PART, made.size) - 1}
            for at in range(0, made.size, PART)
        ]
        return Answer(200, {"value": {"uploadInstructions": instructions, "video": made.urn, "uploadToken": ""}})

    def _asset(self, urn: str) -> Asset:
        for page in self.pages.values():
            if urn in page.assets:
                return page.assets[urn]
        raise missing(urn)

    # ------------------------------------------------------------------------------------- figures
    def followers(self, urn: str) -> Answer:
        page = self.organization(urn)
        if self.query.get("edgeType") != "COMPANY_FOLLOWED_BY_MEMBER":
            raise illegal("edgeType is invalid")
        return Answer(200, {"firstDegreeSize": page.followers})

    def share_statistics(self, _: str) -> Answer:
        """Posts without any activity are left out, as LinkedIn does; without posts asked about, of the whole page."""
        self.need(ADMIN)
        page = self.organization(self.query.get("organizationalEntity"))
        asked = {name: self.query.get(name, []) for name in ("shares", "ugcPosts")}
        elements = []
        for urn in asked["shares"] + asked["ugcPosts"]:
            post = self.state.posts.get(urn)
            if isinstance(post, Share) and post.page is page and post.figures:
                kind = "share" if urn in asked["shares"] else "ugcPost"
                elements.append({kind: urn, **self._statistics(page, post.figures)})
        if not any(asked.values()):
            elements = [self._statistics(page, {})]
        return Answer(200, {"elements": elements, "paging": {"start": 0, "count": 10, "links": []}})

    def _statistics(self, page: Organization, figures: dict[str, int]) -> dict[str, Any]:
        names = ("impressionCount", "uniqueImpressionsCount", "clickCount", "likeCount", "commentCount", "shareCount")
        return {
            "organizationalEntity": page.urn,
            "totalShareStatistics": {**counted(figures, *names), "engagement": 0.0},
        }

    def follower_statistics(self, _: str) -> Answer:
        self.need(ADMIN)
        page = self.organization(self.query.get("organizationalEntity"))
        counts = {"organicFollowerCount": page.followers, "paidFollowerCount": 0}
        by_type = [{"associationType": "EMPLOYEE", "followerCounts": counts}]
        return Answer(
            200, {"elements": [{"organizationalEntity": page.urn, "followerCountsByAssociationType": by_type}]}
        )

    # ------------------------------------------------------------------------------------- what happened
    def notifications(self, _: str) -> Answer:
        """Those of two months, the newest first."""
        self.need(ADMIN)
        page = self.organization(self.query.get("organizationalEntity"))
        if self.query.get("q") != "criteria":
            raise illegal("Resource method could not be resolved from request parameters.")
        asked = re.search(r"timeRange=\(start:(\d+),end:(\d+)\)", unquote(urlsplit(self.call.url).query))
        start, end = (int(asked[1]), int(asked[2])) if asked else (0, 1 << 62)
        actions = self.query.get("actions")
        rows = [
            one
            for one in page.notifications
            if start <= one["lastModifiedAt"] <= end and (actions is None or one["action"] in actions)
        ]
        return self.paged(rows[::-1], lambda one: one)

    def subscriptions(self, key: str) -> Answer:
        """A webhook of one page: `PUT`, `GET`, `DELETE`."""
        self.need(ADMIN)
        entity = re.search(r"entity:(urn:li:organization:\d+)", key)
        page = self.organization(entity[1] if entity else "")
        if self.call.method == "PUT":
            page.subscription = str(self.body["webhook"])
            return empty(204)
        if self.call.method == "DELETE":
            page.subscription = None
            return empty(204)
        if page.subscription is None:
            raise missing(key)
        return Answer(200, {"webhook": page.subscription, "expiresAt": 0})

    # ------------------------------------------------------------------------------------- who may
    def acls(self, _: str) -> Answer:
        self.need(ADMIN)
        rows = [
            {"organization": page.urn, "role": page.role, "roleAssignee": "urn:li:person:member", "state": "APPROVED"}
            for page in self.pages.values()
            if self.query.get("role") in (None, page.role)
        ]
        return self.paged(rows, lambda one: one)

    def organizations(self, number: str) -> Answer:
        self.need(ADMIN, READ_POSTS)
        asked = [number] if number else self.query.get("ids", [])
        pages = [self.pages.get(f"urn:li:organization:{one}") for one in asked]
        if any(page.refused for page in pages if page is not None):
            raise denied(self.call)
        if number:
            return Answer(200, _organization(self.organization(f"urn:li:organization:{number}")))
        found = {one: self.pages.get(f"urn:li:organization:{one}") for one in self.query.get("ids", [])}
        results = {one: _organization(page) for one, page in found.items() if page is not None}
        return Answer(200, {"results": results, "statuses": {}, "errors": {}})


def upload(state: Standin, call: Call) -> Answer:
    """`PUT` of bytes to the address that an upload was given; the address is the secret, and no version is asked."""
    secret, _, part = call.path.partition("/")
    for asset in (asset for page in organizations(state) for asset in page.assets.values()):
        if asset.upload == secret and call.method == "PUT":
            asset.parts[int(part or 0)] = call.body
            asset.finalized = asset.finalized or asset.kind != "video"
            return empty(200 if asset.kind == "video" else 201, etag=_etag(call.body))
    return empty(404)


def _organization(page: Organization) -> dict[str, Any]:
    return {"id": int(page.id), "localizedName": page.name, "vanityName": page.id, "$URN": page.urn}


def _etag(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest()[:32]
