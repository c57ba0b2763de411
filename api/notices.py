"""What a page says once of what was just done on it, by the code in its address."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import N_

NOTICES: Mapping[str, str] = {
    "password": N_("Your password is changed."),
    "welcome": N_("Your password is set. Sign in."),
    "saved": N_("Saved."),
    "confirmation-asked": N_("Asked. Another administrator says yes or no on this page."),
    "session-closed": N_("The session is closed."),
    "sessions-closed": N_("Every other session is closed."),
    "signed-out": N_("You are signed out."),
    "second-factor-on": N_("The second factor is on."),
    "second-factor-off": N_("The second factor is off."),
    "number-written": N_("The number is kept: citizens see it and no other."),
    "sent-again": N_("It leaves again for the other system."),
    "undone": N_("Undone: the comment waits again."),
    "note-done": N_("The note is kept."),
    "assign-done": N_("Assigned."),
    "snooze-done": N_("Put off: it comes back by itself."),
    "view-kept": N_("The view is kept."),
    "view-forgotten": N_("The view is kept no more."),
    "taken-back": N_("Taken back."),
    "second-taken": N_("The second one is being deleted on the network."),
    "second-kept": N_("Both stay on the network."),
    "proposed": N_("It is asked for: a second person must say yes."),
    "confirmed": N_("Confirmed: the comment will be hidden in a few seconds."),
    "declined": N_("Declined: the comment goes on waiting, with your reason."),
    "withdrawn": N_("Taken back: nobody is asked any more."),
    "connected": N_("Connected. The first reading begins by itself."),
    "check-asked": N_("The network is being asked; the answer appears here in a few seconds."),
    "reading-asked": N_("The reading begins in a few seconds."),
    "corrected": N_("Corrected: the queue follows."),
    "submitted": N_("Approval is asked for."),
    "approved": N_("Approved."),
    "sent-back": N_("Sent back to whoever wrote it."),
    "scheduled": N_("Scheduled."),
    "hold-began": N_("Paused: nothing that was scheduled there leaves."),
    "hold-ended": N_("The pause is over. Each post that it stopped is to be reviewed below."),
    "campaign-saved": N_("The campaign is kept."),
    "campaign-removed": N_("The campaign is forgotten."),
    "feed-revoked": N_("The address serves no more."),
    "moved": N_("Moved."),
    "moved-submitted": N_("Moved: it waits for approval again."),
    "put-back": N_("It is a draft again."),
    "pictures-added": N_("The pictures are in the library. Say what each one shows."),
    "picture-removed": N_("The picture is forgotten."),
    "unscheduled": N_("Out of the schedule."),
}
