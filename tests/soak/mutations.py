"""Rules of the trade, each broken on purpose in a copy of the tree: the tests that are about it must fail.

A mutation that survives is a rule that nobody checks. What stands here is exact: `tests/architecture/test_mutations.py`
says when a rule was worded anew, so that its mutation is too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUEUE, DECIDING = "tests/moderation/triage/test_queue.py", "tests/moderation/triage/test_deciding.py"
PROPOSALS, RETENTION = "tests/moderation/triage/test_proposals.py", "tests/administration/test_retention.py"


@dataclass(frozen=True)
class Mutation:
    """One rule broken: in `file`, `was` (which stands there once) becomes `becomes`, and `killer`, a test, fails."""

    rule: str
    file: str
    was: str
    becomes: str
    killer: str


MUTATIONS = (
    Mutation(
        "a token of the directory is for this sign-in alone",
        "connectors/oidc/provider.py",
        'nonce={"essential": True, "value": nonce},',
        "",
        "tests/connectors/oidc/test_provider.py::test_a_token_that_is_not_for_this_sign_in_is_not_taken",
    ),
    Mutation(
        "an e-mail of the directory that nobody tried makes nobody the person who has it here",
        "administration/directory.py",
        '(terms.by_email == "verified" and visitor.email_verified)',
        'terms.by_email == "verified"',
        "tests/api/test_directory.py::test_whom_an_account_of_the_directory_is_taken_for",
    ),
    Mutation(
        "what the directory sends back was begun by this browser",
        "api/web/directory.py",
        'if not hmac.compare_digest(way.get("state", "").encode(), state.encode()) or not state:',
        "if not state:",
        "tests/api/test_directory.py::test_what_comes_back_must_have_been_begun_by_this_browser_and_lately",
    ),
    Mutation(
        "a passkey alone was unlocked by its person",
        "administration/passkeys.py",
        "require_user_verification=person_id is None,",
        "require_user_verification=False,",
        "tests/api/test_passkeys.py::test_a_key_stands_for_the_code_after_the_password",
    ),
    Mutation(
        "a letter brings the newest link alone",
        "administration/mailing.py",
        "link.used_at is not None or link.id != newest or not person.active",
        "link.used_at is not None or not person.active",
        "tests/api/test_invitations.py::test_an_invitation_is_sent_again_ends_the_one_before_and_can_be_brought_by_hand",
    ),
    Mutation(
        "what another connection of the account sent ahead is not published",
        "publishing/preparing.py",
        "return young and row.connection == fingerprint(account.token_closed)",
        "return young",
        "tests/publishing/test_preparing.py::test_what_another_connection_sent_is_not_used",
    ),
    Mutation(
        "what a network says that it published already is looked for before it is sent anew",
        "publishing/delivery.py",
        "if task.again:",
        "if not task.again:",
        "tests/publishing/test_preparing.py::test_what_may_be_published_already_is_not_sent_anew",
    ),
    Mutation(
        "captions are approved with their film",
        "publishing/approval.py",
        "media.lettering, media.captions_sha256]",
        "media.lettering, None]",
        "tests/publishing/test_films.py::test_captions_and_words_in_it_are_approved_with_it",
    ),
    Mutation(
        "what stands written in a picture is in French",
        "publishing/checks.py",
        '("picture_not_french", where, picture.media.lettering or "")',
        '("picture_not_french", where, "")',
        "tests/publishing/test_checks.py::test_words_in_a_picture_are_read_like_those_of_the_post",
    ),
    Mutation(
        "nobody is told by itself that the service is closed, who writes of a danger",
        "moderation/triage/away.py",
        "Item.urgency < DANGER,",
        "Item.urgency <= DANGER,",
        "tests/moderation/triage/test_away.py::test_a_danger_and_what_asks_nothing_are_not_answered_so",
    ),
    Mutation(
        "no reply about a sensitive topic leaves by one person alone",
        "moderation/triage/deciding.py",
        "if confirming is None and reply_asks(session, viewer, comment):",
        "if confirming is not None and reply_asks(session, viewer, comment):",
        "tests/moderation/triage/test_sensitive.py::test_no_reply_about_it_leaves_by_one_person_alone",
    ),
    Mutation(
        "no name of another citizen goes along with an answer that is found again",
        "moderation/triage/alike.py",
        "if (_words(theirs) - mine) & _words(text):",
        "if (_words(theirs) - mine) & set():",
        "tests/moderation/triage/test_alike.py::test_nothing_of_another_person_goes_along",
    ),
    Mutation(
        "somebody’s words bring no mark of their own to the outside 311",
        "connectors/desks.py",
        '_REFERENCES.sub("", self.description).strip()',
        "self.description.strip()",
        "tests/connectors/open311/test_desk.py::test_a_citizen_brings_no_mark_of_their_own_and_no_text_is_too_long",
    ),
    Mutation(
        "an older status from the outside 311 is not believed",
        "moderation/requests/following.py",
        "changed = not older and digest != row.seen",
        "changed = digest != row.seen",
        "tests/moderation/requests/test_handover.py::test_old_updates_that_are_replayed_change_nothing",
    ),
    Mutation(
        "a reply that gives the number waits for that of the outside 311",
        "moderation/triage/deciding.py",
        "if terms.hands_over and request.number in text",
        "if not terms.hands_over and request.number in text",
        "tests/moderation/requests/test_handover.py::test_a_request_goes_once_and_its_number_there_is_the_one_that_citizens_see",
    ),
    Mutation(
        "a confidential service is never on the public page",
        "moderation/requests/outcome.py",
        "if request is None or request.service.confidential:",
        "if request is None:",
        "tests/moderation/requests/test_outcome.py::test_a_confidential_service_is_nowhere",
    ),
    Mutation(
        "what was said before the end opens nothing again",
        "moderation/requests/outcome.py",
        "ServiceRequest.closed_at < comment.created_at,",
        "ServiceRequest.closed_at.is_not(None),",
        "tests/moderation/requests/test_outcome.py::test_what_was_said_before_the_end_opens_nothing",
    ),
    Mutation(
        "what a person took out of an event stays out",
        "moderation/triage/incidents.py",
        "~exists().where(IncidentComment.comment_id == Comment.id),",
        "~exists().where(IncidentComment.comment_id == Comment.id, IncidentComment.taken_out_at.is_(None)),",
        "tests/moderation/triage/test_incidents.py::test_one_is_taken_out_and_stays_out",
    ),
    Mutation(
        "one person alone is no event, however much they write",
        "moderation/triage/incidents.py",
        "people = len({one.author_id or -one.id for one in near})",
        "people = len(near)",
        "tests/moderation/triage/test_incidents.py::test_three_people_about_one_thing_are_an_event_and_later_ones_join_it",
    ),
    Mutation(
        "people who name no place and write of different things are no event",
        "moderation/triage/incidents.py",
        "return [one for one in comments if word in _words(one.text)]",
        "return comments",
        "tests/moderation/triage/test_incidents.py::test_unrelated_people_who_name_no_street_are_none",
    ),
    Mutation(
        "an event of one street takes nobody of the other street of a corner",
        "moderation/triage/incidents.py",
        "set.intersection(*named)",
        "set.union(*named)",
        "tests/moderation/triage/test_incidents.py::test_a_crossing_is_on_either_street",
    ),
    Mutation(
        "an author's history goes back a year",
        "moderation/triage/queue.py",
        '"since": now - HISTORY',
        '"since": now - 2 * HISTORY',
        f"{QUEUE}::test_the_history_of_an_author_goes_back_a_year",
    ),
    Mutation(
        "what the classifier quoted goes at disposal",
        "models/comments.py",
        "mapped_column(info=citizen([]))",
        "mapped_column(info=NOBODY)",
        f"{RETENTION}::test_disposal_leaves_no_word_and_no_name_and_a_journal_that_verifies",
    ),
    Mutation(
        "what is due now is not late yet",
        "moderation/requests/inbox.py",
        "ServiceRequest.due_at < now",
        "ServiceRequest.due_at <= now",
        "tests/moderation/requests/test_inbox.py::test_late_is_what_is_open_and_past_its_due_time",
    ),
    Mutation(
        "of an hour that clocks show twice, a recurring file takes the first",
        "models/opening.py",
        ".replace(tzinfo=zone)\n",
        ".replace(tzinfo=zone, fold=1)\n",
        "tests/publishing/test_recurrence.py::test_an_hour_that_clocks_jump_over_and_one_that_they_show_twice",
    ),
    Mutation(
        "a day that a month has not is its last one",
        "publishing/recurrence.py",
        "if one and int(one) > 28]",
        "if one and int(one) > 31]",
        "tests/publishing/test_recurrence.py::test_leap_days",
    ),
    Mutation(
        "no stale draft is made of a day that passed",
        "publishing/occurrences.py",
        "if day < today:",
        "if day > today:",
        "tests/publishing/test_dossiers.py::test_after_a_long_sleep_no_day_is_left_out_and_nothing_stale_is_drafted",
    ),
    Mutation(
        "who sent an urgent post does not read it again",
        "publishing/urgent.py",
        "{found.person_id, *(person.id for person in post.contributors)}",
        "{*(person.id for person in post.contributors)}",
        "tests/publishing/test_urgent.py::test_somebody_else_reads_it_again",
    ),
    Mutation(
        "a letter whose answer is lost is not sent again",
        "administration/mailing.py",
        "        # nobody could stop.\n        raise Gone",
        "        # nobody could stop.\n        return None",
        "tests/administration/test_mailing.py::test_a_lost_answer_is_never_sent_again_blindly",
    ),
    Mutation(
        "the newest wording of a template counts",
        "models/templates.py",
        "MessageTemplate.language == language, MessageTemplate.version)",
        "MessageTemplate.language == language, MessageTemplate.version.desc())",
        "tests/moderation/test_templates.py::test_the_newest_wording_counts_whatever_was_written_first",
    ),
    Mutation(
        "what did not happen comes back at its old place",
        "moderation/items.py",
        "        bring_back(item, comment)\n        _change(item, problem_id=effect.id)",
        "        bring_back(item, comment, effect.due_at)\n        _change(item, problem_id=effect.id)",
        f"{DECIDING}::test_a_failed_effect_puts_the_item_back_where_it_was",
    ),
    Mutation(
        "nobody decides on what somebody else has open",
        "moderation/triage/deciding.py",
        "held.person_id != viewer.person_id and held.until > now",
        "held.person_id == viewer.person_id and held.until > now",
        f"{DECIDING}::test_an_item_has_one_claim_and_it_ends_by_itself",
    ),
    Mutation(
        "whoever proposed does not say yes to it",
        "moderation/triage/proposals.py",
        'if own:\n            raise Refused("second_person_needed")',
        'if False:\n            raise Refused("second_person_needed")',
        f"{PROPOSALS}::test_mere_criticism_is_never_hidden_by_one_person_alone",
    ),
    Mutation(
        "a proposal is about one text",
        "moderation/triage/proposals.py",
        "Proposal.comment_version == comment.version,",
        "Proposal.comment_version <= comment.version,",
        f"{PROPOSALS}::test_a_proposal_is_about_one_text",
    ),
    Mutation(
        "one person alone does not lift the rule of two by another label",
        "moderation/triage/classification.py",
        "others = effective([one for one in given if one.person_id != person_id])",
        "others = effective(given)",
        "tests/moderation/learning/test_correction.py::test_nobody_lifts_the_rule_of_two_by_relabelling_criticism",
    ),
    Mutation(
        "a restriction keeps the text as it was",
        "moderation/triage/deciding.py",
        "        text=comment.text,\n        author_name=",
        "        text=None,\n        author_name=",
        f"{DECIDING}::test_a_hide_keeps_its_rule_and_the_text_as_it_was",
    ),
    Mutation(
        "an article that ended hides nothing",
        "moderation/netiquette.py",
        "RuleVersion.in_force_until > now",
        "RuleVersion.in_force_from <= now",
        f"{DECIDING}::test_a_rule_that_is_no_more_in_force_hides_nothing",
    ),
    Mutation(
        "what nobody could read is not kept for ever",
        "administration/retention.py",
        "SetAside.settled_at.is_(None), SetAside.at < now",
        "SetAside.settled_at.is_not(None), SetAside.at < now",
        f"{RETENTION}::test_a_change_that_nobody_could_store_is_not_kept_for_ever",
    ),
    Mutation(
        "nothing is disposed of while a request is open",
        "administration/retention.py",
        "ServiceRequest.status.not_in(CLOSED_STATUSES),",
        "ServiceRequest.status.in_(CLOSED_STATUSES),",
        f"{RETENTION}::test_a_comment_that_is_still_owed_something_is_not_disposed_of",
    ),
)


@contextmanager
def copied() -> Iterator[Path]:
    """The files that git knows or would take, as they are now, in a folder of their own."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory(prefix="parvis-mutations-") as folder:
        for name in names:
            if name and (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, Path(folder) / name)
        yield Path(folder)


def failing(tree: Path, *tests: str) -> bool | None:
    """Whether some of the tests fail in a tree; None: they could not be run at all."""
    # First on the path is the folder in which Python is started: the tree's own floors, not the installed ones.
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not postgres", *tests]
    code = subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode
    return {0: False, 1: True}.get(code)


def survivors() -> list[str]:
    """The rules whose mutation no test minded; each is said while it runs."""
    left = []
    with copied() as tree:
        if failing(tree, *sorted({one.killer for one in MUTATIONS})) is not False:
            return ["the tests themselves: they fail before anything is mutated"]
        for one in MUTATIONS:
            path = tree / one.file
            source = path.read_text(encoding="utf-8")
            path.write_text(source.replace(one.was, one.becomes), encoding="utf-8")
            killed = failing(tree, one.killer)
            path.write_text(source, encoding="utf-8")
            print(f"mutation: {one.rule}: {'killed' if killed else 'SURVIVED'}", flush=True)
            if not killed:
                left.append(one.rule)
    return left
