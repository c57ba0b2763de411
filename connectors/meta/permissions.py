"""Meta's permissions: what the work needs on a Page and on an Instagram account, and what is not done without each.

https://developers.facebook.com/docs/permissions.
"""

from __future__ import annotations

from connectors.base import Permission
from models.vocabulary import N_

LIST = "pages_show_list"
READ_POSTS, READ_COMMENTS = "pages_read_engagement", "pages_read_user_content"
READ_ADS, READ_COSTS, READ_FIGURES = "pages_manage_ads", "ads_read", "read_insights"
MODERATE, WRITE_PRIVATELY = "pages_manage_engagement", "pages_messaging"
PUBLISH = "pages_manage_posts"
TASK = "MODERATE"
"""A task of the person on the Page, not of the token: without it comments come without their ids."""
SUBSCRIBE = "pages_manage_metadata"
"""To webhooks; Instagram's come through the Page that the account is linked to."""
IG_READ, IG_MODERATE = "instagram_basic", "instagram_manage_comments"
IG_PUBLISH, IG_DELETE = "instagram_content_publish", "instagram_manage_contents"
IG_MEASURE, IG_TALK = "instagram_manage_insights", "instagram_manage_messages"

FOR_PAGES = (READ_POSTS, READ_COMMENTS, READ_ADS, MODERATE, PUBLISH, WRITE_PRIVATELY, READ_FIGURES, SUBSCRIBE)
FOR_INSTAGRAM = (IG_READ, IG_MODERATE, IG_PUBLISH, IG_MEASURE, READ_POSTS, SUBSCRIBE)

PERMISSIONS = {
    LIST: Permission(N_("Without it, the city’s pages cannot be listed.")),
    READ_POSTS: Permission(N_("Without it, nothing is read."), reads=True),
    READ_COMMENTS: Permission(N_("Without it, neither comments, nor mentions, nor reviews are read."), reads=True),
    MODERATE: Permission(N_("Without it, no reply, no hiding and no deleting.")),
    TASK: Permission(
        N_("Without this right on the Page, comments come without their ids and cannot be kept."), reads=True
    ),
    PUBLISH: Permission(N_("Without it, nothing is published.")),
    SUBSCRIBE: Permission(N_("Without it, comments come at the next reading instead of at once.")),
    WRITE_PRIVATELY: Permission(
        N_("Without it, private messages are neither read nor answered, and no private reply leaves.")
    ),
    READ_ADS: Permission(N_("Without it, comments under advertisements are not read."), reads=True),
    READ_COSTS: Permission(N_("Without it, what advertisements cost is not known.")),
    READ_FIGURES: Permission(N_("Without it, reach, views and clicks are not measured.")),
    IG_READ: Permission(N_("Without it, nothing is read on Instagram."), reads=True),
    IG_MODERATE: Permission(N_("Without it, Instagram comments are neither read nor moderated."), reads=True),
    IG_PUBLISH: Permission(N_("Without it, nothing is published on Instagram.")),
    IG_DELETE: Permission(N_("Without it, Instagram posts cannot be deleted, nor their comments closed.")),
    IG_MEASURE: Permission(N_("Without it, reach and views are not measured on Instagram.")),
    IG_TALK: Permission(
        N_("Without it, private messages of Instagram are neither read nor answered, and no private reply leaves.")
    ),
}
