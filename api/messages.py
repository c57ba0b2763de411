"""Every code that the floors below can say, in words; and the words of the trade as people read them.

A refusal or a reason without a line here fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from api import request_words, team_words
from api.i18n import N_, _
from api.notices import NOTICES
from api.post_words import FINDINGS, POSTS, UNPUBLISHABLE
from api.post_words import LABELS as POST_LABELS
from classifiers.base import Band
from classifiers.reasons import ReasonCode
from connectors.registry import descriptor
from models.effects import Effect
from models.errors import Refused
from models.posts import Preparation
from models.vocabulary import (
    AttachmentKind,
    Breach,
    ChannelState,
    CommentKind,
    Datatype,
    DecisionKind,
    EffectState,
    Ground,
    Group311,
    HiddenBy,
    Intention,
    ItemState,
    Language,
    MailChoice,
    NoticeKind,
    OperationKind,
    Outcome,
    PostKind,
    PostState,
    Priority,
    Reason,
    RequestNature,
    RequestStatus,
    Role,
    Standing,
    Tone,
)
from publishing.checks import Finding

REFUSALS: Mapping[str, str] = {
    **POSTS,
    # people
    "own_memberships": N_("You cannot change your own roles or access; another administrator does it."),
    "password_short": N_("The password must have at least %(least)s characters."),
    "password_long": N_("The password must have at most %(most)s characters."),
    "password_common": N_("This password is among the first that anybody would try. Choose a sentence."),
    "password_is_email": N_("The password cannot be your e-mail."),
    "passwords_differ": N_("The two passwords are not the same."),
    "password_wrong": N_("The current password is not right."),
    "attempts_many": N_("Too many attempts. Wait a few minutes, then try again."),
    "administrator_removed": N_(
        "You put another administrator out less than 7 days ago: what lets somebody approve or administer waits until "
        "then, or until the operator does it on the command line."
    ),
    "own_request": N_("You asked for this yourself: another administrator says yes."),
    "passkey_wrong": N_("Your device’s answer was not recognized, came too late, or is known already. Begin again."),
    "passkey_name": N_("Give it a name, of at most 60 characters."),
    "passkeys_many": N_("You have %(most)s passkeys already: forget one first."),
    "invitation_taken": N_("This person has come meanwhile: deactivate them if they must not."),
    "role_of_directory": N_("A group of the directory gives this role: it is taken away there."),
    "directory_unknown": N_("Nobody here has this account of the City. Ask an administrator for an invitation."),
    "directory_unlinked": N_(
        "Somebody has this e-mail here already. Sign in with your password, then link the two accounts in My account."
    ),
    "directory_other": N_("Another account of the directory is linked already. An administrator unlinks it."),
    "directory_taken": N_("This account of the directory is linked to somebody else here."),
    "directory_no_email": N_("The directory does not give your e-mail: tell whoever runs Parvis."),
    "directory_closed": N_("Your access to Parvis is closed. Ask an administrator."),
    "directory_over": N_("This sign-in took too long, or was begun in another browser. Begin again."),
    "directory_denied": N_("The City’s account was not opened. Begin again, or use your password."),
    "directory_silent": N_("The City’s account does not answer for now. Use your password, or try again in a moment."),
    "directory_strange": N_("What the City’s account answered is not to be believed: tell whoever runs Parvis."),
    "directory_groups_many": N_("The directory names too many groups for you: tell whoever runs Parvis."),
    "hook_address": N_("Give an address that begins with https://, without a user name."),
    "hook_busy": N_("This message is still under way."),
    "nouns_needed": N_("Choose what it is told of."),
    "list_unknown": N_("Choose a list."),
    "days_reversed": N_("The last day comes before the first one."),
    "date_passed": N_("This date has passed."),
    "date_unreadable": N_("Give a date like 2027-06-30."),
    "hour_unreadable": N_("Give an hour like 09:30."),
    "key_unfit": N_("One character that a key produces; digits choose in lists."),
    "key_doubled": N_("“%(key)s” does something else already, further up."),
    "code_wrong": N_("The code is not right, or was used already."),
    "email_unreadable": N_("This is not an e-mail address."),
    "email_taken": N_("Somebody has this e-mail already."),
    "role_unknown": N_("Choose a role among %(known)s."),
    "network_unknown": N_("Choose a network among %(known)s."),
    "not_justified": N_("%(setting)s must say who allowed these pages to be read, and why."),
    "scope_unreadable": N_("Choose where the role holds."),
    "one_scope": N_("A role holds in one place: the city, a borough or an account."),
    "admin_everywhere": N_("Administration is for the whole city: who invites people can give any role."),
    "person_inactive": N_("This person is inactive; activate them first."),
    "borough_code": N_("A borough's code is one to sixty letters, digits or hyphens."),
    "borough_unknown": N_("There is no borough with the code %(borough)s."),
    "external_id_unreadable": N_("The account’s id on the network is missing or too long."),
    "token_unreadable": N_("The token is missing, or has a space in it."),
    "scope_unknown": N_("Unknown scope %(scope)s; the scopes are %(known)s."),
    "words_too_long": N_("At most %(most)s characters."),
    "name_needed": N_("A name is needed, of at most 100 characters."),
    "name_taken": N_("The name %(name)s is taken."),
    # decisions
    "assigned_meanwhile": N_("Somebody has assigned this comment meanwhile; it is now for: %(by)s."),
    "danger_waits": N_("An immediate danger is never put off."),
    "not_a_colleague": N_("Choose somebody who may decide about this comment."),
    "not_yours": N_("Only whoever wrote this note takes it back."),
    "note_empty": N_("Write a note first."),
    "snooze_time": N_("Choose a time to come, within %(most)s days."),
    "danger_alone": N_("An immediate danger is decided alone."),
    "left_before": N_("It was left the first time that this was sent."),
    "not_opened": N_("It was not opened and confirmed."),
    "nothing_selected": N_("Select at least one comment."),
    "place_blank": N_("Nothing fills %(place)s here: write it, or take it out."),
    "place_unknown": N_("%(place)s is filled by nothing; what Parvis fills is: %(known)s."),
    "template_changed": N_("Somebody has worded it anew since you opened this page. Here is how it reads now."),
    "nothing_narrowed": N_("Narrow the queue first: a view keeps its filters."),
    "not_for_team": N_("Views of the team are kept by those who work on the queue."),
    "too_many_views": N_("At most %(most)s views are kept; keep one no more first."),
    "too_many_selected": N_("At most %(most)s comments are decided at once."),
    "already_answered": N_("%(by)s has answered already."),
    "already_decided": N_("%(by)s has decided already."),
    "already_hidden": N_("This comment is hidden already."),
    "already_proposed": N_("%(by)s has asked for it already: say yes or no to that."),
    "already_undone": N_("This decision was undone already."),
    "claimed": N_("%(by)s has this comment open."),
    "draft_gone": N_("This drafted reply was used or taken away meanwhile."),
    "form_key_reused": N_("This form was sent already, with other contents."),
    "gone": N_("This comment is not on the network any more."),
    "motive_needed": N_("Say why not: whoever asked reads it."),
    "label_unknown": N_("This label does not exist."),
    "not_a_choice": N_("This decision is not possible here."),
    "not_doubled": N_("Nothing stands twice here any more: somebody has said what becomes of it."),
    "not_hidden": N_("This comment is not hidden."),
    "not_possible_there": N_("The network does not let the City do that with this comment."),
    "window_closed": N_("The network takes no answer any more: the person last wrote more than %(days)s days ago."),
    "not_read": N_("This comment is not analysed yet; try again in a moment."),
    "not_undoable": N_("This decision cannot be undone any more."),
    "not_waiting": N_("This comment does not wait for a decision."),
    "already_held": N_("This is paused already."),
    "held": N_("An emergency pause holds this post: %(reason)s"),
    "hold_over": N_("This pause is over already."),
    "hold_reason": N_("Say why, in at most %(most)s characters: colleagues read it."),
    "post_not_reviewed": N_("This post does not wait for review, or a part of it is out."),
    "people_decide": N_("Decisions belong to people: sign in."),
    "reply_empty": N_("Write a reply first."),
    "reply_sent": N_("The reply has left already; it cannot be undone from here."),
    "reply_too_long": N_("The reply must have at most %(most)s characters."),
    "rule_needed": N_("Choose the article of the netiquette that applies."),
    "rule_not_in_force": N_("This article is not in force."),
    "rule_not_yours": N_("Your role cannot decide by this article."),
    "second_person_needed": N_("Criticism of the city is never hidden by one person alone: ask a second person."),
    "text_changed": N_("The citizen has changed the text since you opened it. Read it again."),
    # accounts
    "code_refused": N_("The network did not take its own answer back: it serves once, for a few minutes. Begin again."),
    "connection_over": N_("This connection is finished, has expired, or was begun by somebody else. Begin again."),
    "consent_denied": N_("Nothing was connected: access was refused in the network’s own window."),
    "consent_failed": N_("Nothing was connected: the network stopped on its side (code %(why)s). Begin again."),
    "network_not_configured": N_("This network cannot be connected yet: its application is missing in the settings."),
    "network_silent": N_("The network did not answer in time. Nothing was connected; begin again."),
    "nothing_chosen": N_("Choose at least one account."),
    "nothing_offered": N_("The network offers no account: the person who consented manages none, or ticked none."),
    "not_offered": N_("This account is not among those that the network offers. Begin again."),
    "permission_needed": N_("Nothing can be connected without the permission %(permission)s. Begin again and give it."),
    # programs
    "cursor_invalid": N_("This place in the list is not one that we gave."),
    "idempotency_key_reused": N_("This Idempotency-Key came with another request already."),
    # what no database keeps
    "longer_than_kept": N_("This text must have at most %(most)s characters."),
    "number_too_large": N_("This number is too large."),
    "text_unkeepable": N_("This text has a character that cannot be kept."),
    # texts kept, and the model
    "effects_open": N_("Something about this comment has not left yet: wait, or cancel it."),
    "evaluation_columns": N_("The file must have the columns %(columns)s."),
    "evaluation_task": N_("Unknown task %(task)s; the tasks are %(tasks)s."),
    "evaluation_empty": N_("There is no labelled text in %(file)s."),
    "evaluation_labels": N_("Unknown labels: %(labels)s."),
    "gazetteer_columns": N_("The columns of this file are of no known gazetteer."),
    "import_file": N_("Choose a file first."),
    "import_columns": N_("The file must have the columns %(columns)s."),
    "encoding_unknown": N_("Its encoding is neither UTF-8, UTF-16 nor Windows-1252: nothing more is read."),
    "encoding_mixed": N_("Line %(line)s is not in the encoding of those before: nothing more is read."),
    "lines_differ": N_("Line %(line)s is not like those before: say --format text or --format jsonl."),
    "nothing_decided": N_("Nothing was decided or corrected yet."),
    "out_of_package": N_("Give a folder of your own with --out: what citizens wrote teaches no published model."),
    "train_extra_missing": N_('Training needs an extra: pip install "parvis[%(extra)s]".'),
    "torch_missing": N_(
        'Parvis did not make the model %(model)s, and another one needs an extra: pip install "parvis[%(extra)s]".'
    ),
    "model_labels": N_("These labels of the model stand for none of ours: %(labels)s."),
    "model_unnamed": N_("%(file)s does not say which model its labels belong to."),
    **team_words.REFUSALS,
    **request_words.REFUSALS,
}

REASONS: Mapping[str, str] = {
    ReasonCode.WORD_WEIGHT: N_("This word weighs for “%(label)s”."),
    ReasonCode.LEXICON_INSULT: N_("Insult."),
    ReasonCode.LEXICON_AIMED_INSULT: N_("Insult aimed at a person."),
    ReasonCode.LEXICON_HATE: N_("Hateful word."),
    ReasonCode.LEXICON_THREAT: N_("Threat."),
    ReasonCode.LEXICON_VULGAR: N_("Vulgar word."),
    ReasonCode.LEXICON_SPAM: N_("Wording of an advertisement."),
    ReasonCode.LEXICON_SWEAR: N_("Swear word: shown, and counted for nothing."),
    ReasonCode.LEXICON_DENIED: N_("Denied, quoted or reported: counted for nothing."),
    ReasonCode.LEXICON_DANGER: N_("Word of danger."),
    ReasonCode.LEXICON_DISTRESS: N_("Word of distress."),
    ReasonCode.LEXICON_SAME_DAY: N_("To be seen the same day."),
    ReasonCode.LEXICON_DANGER_PAST: N_("Word of danger in a story, a plan or thanks: counted for nothing."),
    ReasonCode.LEXICON_CALM: N_("Something lost or found."),
    ReasonCode.LEXICON_QUESTION: N_("Opening of a question."),
    ReasonCode.LEXICON_IRONY: N_("Praise that blames."),
    ReasonCode.PATTERN_PHONE: N_("Telephone number."),
    ReasonCode.PATTERN_EMAIL: N_("E-mail address."),
    ReasonCode.PATTERN_POSTAL_CODE: N_("Postal code."),
    ReasonCode.PATTERN_HOME_ADDRESS: N_("Home address."),
    ReasonCode.PATTERN_PLATE: N_("Licence plate."),
    ReasonCode.PATTERN_CARD: N_("Payment card number."),
    ReasonCode.PATTERN_SIN: N_("Social insurance number."),
    ReasonCode.SPAM_LINK: N_("Link of an advertisement."),
    ReasonCode.SPAM_SHORTENER: N_("Shortened link."),
    ReasonCode.SPAM_PRICE: N_("Price."),
    ReasonCode.SPAM_REPETITION: N_("The same words again and again."),
    ReasonCode.SPAM_CAPITALS: N_("Mostly capital letters."),
    ReasonCode.LANGUAGE_DEFAULT: N_("Too few words to tell the language: the page’s is taken."),
}

STANDINGS: Mapping[str, str] = {
    Standing.EMPTY: N_("%(name)s is empty: run `parvis migrate`."),
    Standing.OLDER: N_("%(name)s is not up to date: run `parvis migrate`."),
    Standing.NEWER: N_("%(name)s comes from a newer version of Parvis: install that version, or a later one."),
    Standing.FOREIGN: N_("%(name)s is not a database of Parvis: it is left as it is."),
}

REJECTIONS: Mapping[str, str] = {
    "abusive": N_("the network finds it abusive"),
    "address": N_("the address is not one of the network"),
    "already_posted": N_("these photos were published already"),
    "already_replied": N_("this comment has had its one private reply"),
    "app_not_approved": N_("the city’s application lacks an approval of the network: tell whoever runs Parvis"),
    "app": N_("the network does not know the identifiers of the application: tell whoever runs Parvis"),
    "author_unknown": N_("the network does not say whose comment it is, so that only a person can see whether it left"),
    "bad_url": N_("the network refuses the address"),
    "blocked": N_("the network has blocked this account for a while"),
    "cannot_reply": N_("the network allows no private reply to this person"),
    "comment_hidden": N_("a hidden comment takes no reply: show it again first"),
    "community_standards": N_("the network finds it against its rules"),
    "confirm_identity": N_("the network wants the person who connected the account to confirm who they are"),
    "daily_limit": N_("the network allows no more publications today"),
    "duplicate": N_("the network has these words already"),
    "elsewhere": N_("it is on somebody else’s page, so that only a person can see whether it left"),
    "empty": N_("there are no words"),
    "own_link": N_("the network refuses this link to itself"),
    "file_refused": N_("the network refuses the file"),
    "media_not_found": N_("the network does not find the file any more"),
    "media_not_public": N_("the network must be able to fetch the picture from outside"),
    "no_file": N_("the file is not here any more"),
    "not_a_comment": N_("this is no comment of that network"),
    "not_a_picture": N_("what is there is no picture that Parvis can read"),
    "not_allowed": N_("the network does not let the page delete what others wrote"),
    "no_feed": N_("there is no feed of news at that address"),
    "not_done": N_("the network says that it did not do it"),
    "not_supported_there": N_("the network does not allow it on this object"),
    "not_supported": N_("this network does not allow it"),
    "publishing_authorization": N_("the network wants the page authorized to publish first"),
    "read_only": N_("Parvis only reads there"),
    "restricted": N_("the network restricts access for now; Parvis tries again"),
    "several_stories": N_("several stories came out at that time, so that only a person can see which it is"),
    "too_large": N_("the file is too large for this network"),
    "too_long": N_("the text is too long for this network"),
    "unavailable": N_("this person cannot get messages"),
    "upload_host": N_("the network wants the file sent to an address that is not its own"),
    "version": N_("the network does not speak this version any more: tell whoever runs Parvis"),
    "version_sunset": N_("the network does not speak this version any more: tell whoever runs Parvis"),
    "pager_unset": N_("it was owed to another pager"),
    "hook_removed": N_("nothing is announced there any more"),
    "window_closed": N_("a private reply is for the seven days after what the person wrote"),
    **request_words.REJECTIONS,
    **UNPUBLISHABLE,
}
"""Why a network refused, where a person can do something about it: what connectors put in `Rejected`."""

OUTCOMES: Mapping[str, str] = {
    Outcome.BLOCKED: REJECTIONS["blocked"],
    Outcome.DOUBLED: N_("it stands there twice"),
    Outcome.GONE: N_("the network says that it is not there, or not to be seen"),
    Outcome.LATE: N_("its time had passed"),
    Outcome.NOT_APPLIED: N_("the network did not take it"),
    Outcome.OWNER_LOST: N_("it was interrupted"),
    Outcome.PERMISSION_MISSING: N_("the account lacks a permission"),
    Outcome.REJECTED: N_("the network refused it"),
    Outcome.THROTTLED: N_("the network asks to wait"),
    Outcome.TOKEN_INVALID: N_("the account must be connected again"),
    Outcome.UNKNOWN: N_("the network does not say whether it was done"),
    Outcome.UNREACHABLE: N_("the network does not answer"),
    Outcome.UNREADABLE: N_("the network does not say whether it was done"),
}
"""Why an effect waits or failed; a clause that follows a colon."""

LABELS: Mapping[str, Mapping[str, str]] = {
    "role": {
        Role.MODERATOR: N_("Moderation"),
        Role.COMMUNICATIONS: N_("Communications"),
        Role.APPROVER: N_("Approval"),
        Role.AGENT311: N_("311 agent"),
        Role.MANAGER: N_("Management"),
        Role.RECORDS: N_("Records office"),
        Role.ADMIN: N_("Administration"),
    },
    "comment_kind": {
        CommentKind.COMMENT: N_("Comment"),
        CommentKind.MENTION: N_("Mention"),
        CommentKind.REVIEW: N_("Review"),
        CommentKind.MESSAGE: N_("Private message"),
    },
    "attachment": {
        AttachmentKind.PHOTO: N_("Photo"),
        AttachmentKind.VIDEO: N_("Video"),
        AttachmentKind.STICKER: N_("Sticker"),
        AttachmentKind.GIF: N_("GIF"),
        AttachmentKind.LINK: N_("Shared link"),
        AttachmentKind.OTHER: N_("Something else"),
    },
    "priority": {
        Priority.NORMAL: N_("Usual"),
        Priority.HIGH: N_("High"),
        Priority.URGENT: N_("Pressing"),
    },
    "datatype": {
        Datatype.STRING: N_("A few words"),
        Datatype.NUMBER: N_("A number"),
        Datatype.DATETIME: N_("A date and an hour"),
        Datatype.TEXT: N_("A text"),
        Datatype.SINGLE: N_("One choice of a list"),
        Datatype.MULTI: N_("Several choices of a list"),
    },
    "post_kind": {
        PostKind.POST: N_("Under the City’s post"),
        PostKind.REEL: N_("Under the City’s reel"),
        PostKind.STORY: N_("Under the City’s story"),
        PostKind.AD: N_("Under an advertisement of the City"),
        PostKind.MENTIONING: N_("Under somebody else’s post, which names the City"),
    },
    "comment_state": {
        ItemState.RECEIVED: N_("Received"),
        ItemState.WAITING: N_("To handle"),
        ItemState.HANDLED: N_("Handled"),
    },
    "decision": {
        DecisionKind.NOTHING: N_("Nothing to report"),
        DecisionKind.REPLY: N_("Reply"),
        DecisionKind.LIKE: N_("Like"),
        DecisionKind.HIDE: N_("Hide"),
        DecisionKind.UNHIDE: N_("Show again"),
        DecisionKind.REQUEST: N_("Send to 311"),
        DecisionKind.CANCEL: N_("Undo"),
    },
    "reply": {OperationKind.PRIVATE_REPLY: N_("Private reply"), OperationKind.MESSAGE: N_("Private reply")},
    "later": {
        "hour": N_("In an hour"),
        "afternoon": N_("This afternoon"),
        "tomorrow": N_("Tomorrow morning"),
        "monday": N_("On Monday morning"),
    },
    "effect": {
        EffectState.READY: N_("Waiting to leave"),
        EffectState.CLAIMED: N_("Leaving"),
        EffectState.SENDING: N_("Being sent"),
        EffectState.DONE: N_("Done on the network"),
        EffectState.FAILED: N_("Not done"),
        EffectState.UNKNOWN: N_("Being checked on the network"),
        EffectState.NEEDS_PERSON: N_("To be checked by a person"),
        EffectState.CANCELLED: N_("Cancelled"),
    },
    "request_status": {
        RequestStatus.ACCEPTED: N_("Accepted"),
        RequestStatus.IN_PROGRESS: N_("In progress"),
        RequestStatus.DONE: N_("Resolved"),
        RequestStatus.REFUSED: N_("Not accepted"),
        RequestStatus.CANCELLED: N_("Cancelled"),
    },
    "handover": request_words.HANDOVER,
    "nature": {
        RequestNature.INFORMATION: N_("Information"),
        RequestNature.COMMENT: N_("Comment"),
        RequestNature.REQUEST: N_("Request"),
        RequestNature.COMPLAINT: N_("Complaint to confirm"),
    },
    "post_state": {
        PostState.DRAFT: N_("Draft"),
        PostState.SUBMITTED: N_("To approve"),
        PostState.APPROVED: N_("Approved"),
        PostState.SCHEDULED: N_("Scheduled"),
        PostState.PUBLISHED: N_("Published"),
        PostState.TO_REVIEW: N_("To review"),
    },
    "notice": {
        NoticeKind.NAMED: N_("A note names you"),
        NoticeKind.ASSIGNED: N_("Something is assigned to you"),
        NoticeKind.REQUEST_ASSIGNED: N_("A 311 request is assigned to you"),
        NoticeKind.DOSSIER_DUE: N_("A recurring file is to be written"),
        NoticeKind.APPROVAL_ASKED: N_("A post waits for your approval"),
        NoticeKind.APPROVAL_NEAR: N_("A post still waits for your approval, and its hour comes near"),
        NoticeKind.APPROVED: N_("Your post is approved"),
        NoticeKind.SENT_BACK: N_("Changes are asked for in your post"),
        NoticeKind.REMARKED: N_("Something is said of a passage of your post"),
        NoticeKind.URGENT: N_("An urgent post goes out without a second person"),
        NoticeKind.REVIEW_DUE: N_("An urgent post is to be read again today"),
        NoticeKind.SHIFT: N_("A note from the shift before"),
        NoticeKind.BACKUP_LATE: N_("No backup of the data was made for too long"),
        NoticeKind.ACCOUNT_STOPPED: N_("An account of the City is heard no more, or will soon not be"),
        NoticeKind.DISK_LOW: N_("A disk of Parvis is nearly full"),
        NoticeKind.DANGER: N_("An immediate danger: you are on call"),
        NoticeKind.NOT_SENT: N_("Your post did not go out as planned"),
        NoticeKind.NOT_CHANGED: N_("Your post could not be changed on its network"),
        NoticeKind.TAKEN_DOWN: N_("Your post is taken off a network"),
    },
    "mail_choice": {
        MailChoice.EACH: N_("One by one"),
        MailChoice.DIGEST: N_("Together, once a day"),
        MailChoice.NONE: N_("Never"),
    },
    "tone": {Tone.VOUS: N_("Formal (vous)"), Tone.TU: N_("Familiar (tu)")},
    "topic": {"intention": N_("Intention"), "groupe": N_("311 group"), "service": N_("Service")},
    "hidden_by": {
        HiddenBy.CITY: N_("Hidden"),
        HiddenBy.OUTSIDE: N_("Hidden outside Parvis"),
        HiddenBy.NETWORK: N_("Hidden by the network"),
    },
    "account_state": {
        ChannelState.ACTIVE: N_("Connected"),
        ChannelState.TOKEN_INVALID: N_("To connect again"),
        ChannelState.PERMISSION_MISSING: N_("Permission missing"),
    },
    "ground": {Ground.LAW: N_("Law"), Ground.NETIQUETTE: N_("Netiquette")},
    "intention": {
        Intention.SERVICE_REQUEST: N_("Request for action"),
        Intention.QUESTION: N_("Question"),
        Intention.DISSATISFACTION: N_("Dissatisfaction or criticism"),
        Intention.SUGGESTION: N_("Suggestion"),
        Intention.PRAISE: N_("Thanks"),
        Intention.OFF_TOPIC: N_("Off topic"),
    },
    "netiquette": {
        Breach.INSULT: N_("Insult to a person"),
        Breach.HATE: N_("Hate"),
        Breach.THREAT: N_("Threat to a person"),
        Breach.VULGAR: N_("Coarse language"),
        Breach.SPAM: N_("Advertising or spam"),
        Breach.PERSONAL_INFORMATION: N_("Personal information"),
    },
    "groupe": {
        Group311.SNOW: N_("Snow removal"),
        Group311.ROADS: N_("Roads and pavements"),
        Group311.COLLECTION: N_("Waste collection"),
        Group311.CLEANLINESS: N_("Cleanliness"),
        Group311.WATER: N_("Water and sewers"),
        Group311.LIGHTING: N_("Lighting and signs"),
        Group311.TREES: N_("Trees"),
        Group311.PARKS: N_("Parks"),
        Group311.NOISE: N_("Noise and nuisances"),
        Group311.ANIMALS: N_("Animals"),
        Group311.TRAFFIC: N_("Parking and traffic"),
        Group311.PERMITS: N_("Permits, taxes and housing"),
        Group311.LEISURE: N_("Leisure"),
        Group311.OTHER: N_("Other"),
    },
    "language": {
        Language.FRENCH: N_("French"),
        Language.ENGLISH: N_("English"),
        Language.OTHER: N_("Other language"),
    },
    "row": {
        "not_json": N_("not a JSON object"),
        "not_csv": N_("its quotes do not match"),
        "too_many_cells": N_("more cells than columns: a text with a separator goes between quotes"),
        "id_missing": N_("no id"),
        "id_too_long": N_("its id is too long"),
        "id_impossible": N_("what stands as its id, or its parent’s, is none: export the column as text"),
        "id_notation": N_("a spreadsheet turned its id into a number like 1.79E+16: export the column as text"),
        "id_rounded": N_("a spreadsheet rounded its id to 15 digits: export the column as text"),
        "id_twice": N_("another row of this file has the same id, and another author, text or date"),
        "id_of_another": N_("its id is that of a known comment with another author or date"),
        "network_unknown": N_("unknown network"),
        "account_unknown": N_("no account of the city has this id; add it first"),
        "text_missing": N_("no text"),
        "created_at_unlikely": N_("created_at is before the networks or in the future"),
        "created_at_unreadable": N_("created_at is not a date and time like 2026-11-21T08:30:00-05:00"),
    },
    "urgence": {"0": N_("Not urgent"), "1": N_("Same day"), "2": N_("Immediate danger")},
    "head": {"intention": N_("Intention"), "groupe": N_("311 group"), "urgence": N_("Urgency")},
    "breach": {"0": N_("No"), "1": N_("Yes")},
    "certainty": {
        Band.HIGH: N_("certainty: high"),
        Band.MEDIUM: N_("certainty: middle"),
        Band.LOW: N_("certainty: low"),
    },
    **POST_LABELS,
}
"""Kind of word, then value. The classifier's kinds have the names of its outputs."""


def refusal(error: Refused) -> str:
    """What a refusal says to a person."""
    return _(REFUSALS[error.code], **error.params)


def standing(value: Standing, name: str) -> str:
    """Why a database, called `name`, cannot be used as it is."""
    return _(STANDINGS[value], name=name)


def reason(value: Reason) -> str:
    """Why, as a sentence; what it points at is in `start` and `end`."""
    params = dict(value.params)
    if {"head", "label"} <= params.keys():
        params["label"] = label(params["head"], params["label"])
    return _(REASONS[value.code], **params)


def failure(effect: Effect | Preparation) -> str:
    """Why an effect failed or needs a person, or why its files were not sent ahead; a clause that follows a colon."""
    if effect.outcome in (Outcome.REJECTED, Outcome.UNREADABLE) and effect.detail in REJECTIONS:
        return _(REJECTIONS[str(effect.detail)])
    return _(OUTCOMES[effect.outcome or Outcome.UNKNOWN])


def not_heard(effect: Effect) -> str:
    """Why a pager, or another program, has not taken what it was given; a clause that follows a colon."""
    if effect.outcome != Outcome.REJECTED:
        return _("it does not answer")
    return _(REJECTIONS[str(effect.detail)]) if effect.detail in REJECTIONS else request_words.answered(effect)


def not_published(effect: Effect) -> str:
    """Why a post does not stand on an account, if it does not."""
    unsure = effect.outcome == Outcome.UNREADABLE
    return _(N_("Perhaps published: %(why)s") if unsure else N_("Not published: %(why)s"), why=failure(effect))


def problem(effect: Effect) -> str:
    """Why a comment came back to the queue: the act and why it failed."""
    if effect.doubled:
        return _("Twice in public: the network had taken the first sending, and listed it late")
    kind = "reply" if effect.operation in LABELS["reply"] else "decision"
    return _("Not done (%(act)s): %(why)s", act=label(kind, effect.operation), why=failure(effect))


def finding(found: Finding) -> str:
    """What a check found in a post, as its writer reads it."""
    return _(FINDINGS.get(found.code) or REFUSALS[found.code], **found.params)


def notice(code: str | None) -> str | None:
    """What was just done, said on the page that comes after (`?fait=code`)."""
    return _(NOTICES[code]) if code and code in NOTICES else None


def head(code: str) -> str:
    """What a correction is about: an output of the classifier, or one breach."""
    return label("netiquette" if code in LABELS["netiquette"] else "head", code)


def said(code: str, value: str | None) -> str:
    """What was said of a head; None: that it is not known."""
    if value is None:
        return _("Does not know")
    return label("breach" if code in LABELS["netiquette"] else code, value)


def label(kind: str, value: object) -> str:
    """A word of the trade as people read it: `label("role", membership.role)`, `label("urgence", 2)`."""
    word = descriptor(str(value)).label if kind == "network" else LABELS[kind][str(value)]
    return _(word)
