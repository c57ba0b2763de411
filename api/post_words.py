"""What publishing refuses and finds, in words: posts, campaigns, plans and recurring files."""

from __future__ import annotations

from collections.abc import Mapping

from api.i18n import N_
from models.vocabulary import DateRule, Feeling, LanguageException, MonthEnd, NotMade, OutsideTask

POSTS: Mapping[str, str] = {
    "place_not_yours": N_("Choose a place among those that are yours."),
    "campaign_name": N_("Give the campaign a name, of at most %(most)s characters."),
    "campaign_changed": N_("Somebody has changed this campaign since you opened it."),
    "campaign_unknown": N_("There is no such campaign, or it is not yours to write in."),
    "news_taken": N_("Somebody has made a draft of this piece of news already."),
    "campaign_used": N_("Posts belong to this campaign: it stays."),
    "plan_account": N_("No account of yours is called “%(name)s”."),
    "plan_accounts": N_("Several accounts are called “%(name)s”: write its network and its id, like network:104."),
    "plan_cells": N_(
        "There are %(there)s cells where %(awaited)s are expected: another separator, or one between quotes missing."
    ),
    "plan_columns": N_("The file must have the columns %(columns)s."),
    "plan_days": N_("“%(name)s” is no campaign yet: give its first and last day, like 2027-06-30."),
    "plan_empty": N_("There is no line in this file."),
    "plan_unreadable": N_("This file cannot be read as a table: save it as .xlsx or .csv."),
    "plan_heavy": N_("The file is too heavy: %(most)s MB at most."),
    "plan_hour": N_("There is an hour without a day."),
    "plan_long": N_("The file has too many lines: %(most)s at most."),
    "blank_left": N_("“%(blank)s” is still to be filled in."),
    "motive_missing": N_("Say why it cannot wait for a second person, in at most %(most)s characters."),
    "review_over": N_("Somebody has read it again already."),
    "act_impossible": N_("The network of %(name)s lets no application do that."),
    "amendment_over": N_("Somebody has answered already, or what stands there is not what it was."),
    "amendment_waits": N_("Another change of this post is under way on that account: wait for it first."),
    "not_out": N_("This post does not stand on that account."),
    "take_down_motive": N_("Say why it is taken off the network, in at most %(most)s characters."),
    "words_same": N_("These are the words that stand there already."),
    "approved_already": N_("You have said yes already: somebody else says the next one."),
    "manager_last": N_("The last yes to this post is for somebody of the management."),
    "one_of_both": N_("A rule is about one account or one theme, not both."),
    "passage_unknown": N_(
        "This passage is not in the words of that account: copy it as it stands, at most %(most)s characters."
    ),
    "people_count": N_("From 1 to %(most)s people approve a post."),
    "remark_empty": N_("Write what is to be said of this passage."),
    "remarks_over": N_("Nothing more is said of this post: it is approved, or on its way."),
    "theme_long": N_("A theme has at most %(most)s characters."),
    "embargoed": N_("It is under embargo until later than that time."),
    "exception_unknown": N_("Choose an exception among those of the list."),
    "not_french": N_(
        "This is not in French: “%(words)s…”. What the City publishes is in French, unless an exception that it has "
        "adopted is named."
    ),
    "picture_not_french": N_(
        "What is written in a picture is not in French: “%(words)s…”. What the City publishes is in French, unless an "
        "exception that it has adopted is named."
    ),
    "plan_person": N_("Nobody who works here has the e-mail %(email)s."),
    "plan_rule": N_(
        "“%(said)s” is no rule of dates that is known: write “2e lundi d’avril”, “le 31 du mois”, “chaque mercredi”, "
        "“21 jours avant” a key date, or an RRULE."
    ),
    "plan_task": N_("“%(said)s” is none of these tasks: %(known)s."),
    "plan_type": N_("“%(said)s” is no type: write “publication” or “dossier”."),
    "dossier_name": N_("Give the file a name, of at most %(most)s characters."),
    "dossier_changed": N_("Somebody has changed this file since you opened it."),
    "rule_unreadable": N_("This is no rule of dates: it begins like FREQ=YEARLY;BYMONTH=4."),
    "rule_part": N_("The rule cannot have “%(part)s”."),
    "rule_never": N_("This rule gives no day at all."),
    "number_unreadable": N_("Give a whole number, from %(least)s to %(most)s."),
    "lead_unreadable": N_("Give a number of days, from 0 to %(most)s."),
    "offset_unreadable": N_("Give a number of days, at most %(most)s."),
    "key_date_known": N_("This key date is there already."),
    "key_date_name": N_("Give the key date a name, of at most %(most)s characters."),
    "key_date_unknown": N_("No key date is called “%(name)s”: add it first."),
    "owner_unknown": N_("Choose somebody who writes posts there."),
    "occurrence_known": N_("That day is made already."),
    "post_timeless": N_("This post has no time yet: it is no last time of a file."),
    "dates_reversed": N_("The last day comes before the first one."),
    "budget_unreadable": N_("Give a whole number of dollars, or nothing."),
    "utm_unreadable": N_("For links, only small letters, digits, hyphens and underscores, at most %(most)s."),
    "account_unknown": N_("There is no such account, or it is not yours to publish on."),
    "link_invalid": N_("The link must begin with https:// or http://."),
    "alt_missing": N_("Say what each picture or film shows: who does not see it has only that."),
    "alt_too_long": N_("An alternative text has at most %(most)s characters."),
    "captions_empty": N_("There are no words in this file of captions."),
    "captions_heavy": N_("This file of captions is too long: %(most)s characters at most."),
    "captions_late": N_("Line %(line)s: these captions come after the end of the film."),
    "captions_of_picture": N_("Only a film has captions."),
    "captions_unreadable": N_(
        "Line %(line)s: no moment and words of captions stand there. Give a file in SRT or WebVTT (.srt, .vtt)."
    ),
    "film_alone": N_("A film goes out alone: take the pictures, or the other film, out."),
    "film_codec": N_(
        "“%(name)s” is made in a way that browsers and networks do not all show (%(codec)s): save it as MP4, in H.264 "
        "with AAC sound."
    ),
    "film_cut": N_("“%(name)s” is not whole: its end is missing. Copy or send it again."),
    "film_empty": N_("There is no image in “%(name)s”."),
    "film_heavy": N_("“%(name)s” is too heavy: %(most)s MB at most for a film."),
    "film_impossible": N_("The network of %(name)s takes no film."),
    "film_long": N_("The film is too long for the network of %(name)s: %(most)s minutes at most."),
    "film_ratio": N_("The film is too high or too wide for the network of %(name)s."),
    "film_short": N_("The film is too short for the network of %(name)s: %(least)s seconds at least."),
    "film_slow": N_("“%(name)s” could not be read within two minutes. Save it anew as MP4, and send it again."),
    "film_too_heavy": N_("The film is too heavy for the network of %(name)s: %(most)s MB at most."),
    "film_unreadable": N_("“%(name)s” is no film that Parvis can read: MP4 or MOV, in H.264 with AAC sound."),
    "comment_impossible": N_("The network of %(name)s takes no first comment."),
    "comment_too_long": N_("The first comment must have at most %(most)s characters on %(name)s."),
    "credit_too_long": N_("This text must have at most %(most)s characters."),
    "media_changed": N_("Somebody has changed what is said of it since you opened it."),
    "media_many": N_("%(name)s takes at most %(most)s pictures."),
    "media_needed": N_("Add a picture or a film: the network of %(name)s takes no post without one."),
    "media_twice": N_("The same picture or film is there twice."),
    "media_unknown": N_("One of these pictures or films is not in the library any more, or is not yours to use."),
    "media_used": N_("A post shows it: it stays."),
    "picture_heavy": N_("“%(name)s” is too heavy: %(most)s MB at most."),
    "picture_needed": N_("Choose at least one picture or film."),
    "picture_too_large": N_("“%(name)s” is too large to be drawn: %(most)s million points at most."),
    "picture_unreadable": N_("“%(name)s” is no picture that Parvis can read: JPEG, PNG, WebP or GIF."),
    "no_account": N_("Choose at least one account."),
    "own_post": N_("Nobody approves their own post."),
    "post_changed": N_("Somebody has changed this post since you opened it."),
    "post_leaving": N_("A part of this post is on its way already."),
    "post_not_movable": N_("What is out, or has another time by now, does not move."),
    "post_not_approved": N_("This post, as it is written now, is not approved."),
    "post_not_draft": N_("This post is not a draft any more."),
    "post_not_editable": N_("This post cannot be changed any more."),
    "post_not_scheduled": N_("This post is not scheduled."),
    "post_not_submitted": N_("This post does not wait for an approval."),
    "read_only": N_("Nothing is published on %(name)s: Parvis only reads there."),
    "reason_needed": N_("Say why it is sent back."),
    "text_empty": N_("Write a text for every account."),
    "text_too_long": N_("%(name)s: the text has %(over)s characters too many (%(most)s at most)."),
    "hashtags_many": N_("%(name)s takes at most %(most)s hashtags; there are %(there)s."),
    "time_needed": N_("Give the date and time at which it goes out."),
    "window_unreadable": N_("Give a number of minutes, from 1 to %(most)s."),
    "time_absent": N_("Clocks jump over that hour in spring: it does not exist. Choose one hour later."),
    "time_twice": N_("Clocks show that hour twice in autumn. Choose a time before or after it."),
    "time_unreadable": N_("Give a date and a time."),
    "time_passed": N_("This time has passed."),
}

FINDINGS: Mapping[str, str] = {
    "another_near": N_("“%(title)s” goes out on %(name)s within the hour: they would take readers from each other."),
    "at_night": N_("It would go out at %(hour)s o’clock, at night."),
    "capitals": N_("Words in capitals are hard to read, and are spelt out by screen readers: %(words)s"),
    "captions_missing": N_(
        "“%(file)s” has no captions: who does not hear has only that, and most people watch without sound."
    ),
    "captions_stay": N_(
        "Parvis does not send captions to the network of %(name)s: add them there once the post is out."
    ),
    "election_near": N_("“%(name)s” is near: what the City says then is weighed twice."),
    "hard_to_read": N_("Hard to read: %(score)s out of 100. Shorter sentences and shorter words help."),
    "holiday": N_("That day is a holiday: %(name)s."),
    "key_date": N_("That day there is: %(name)s."),
    "hashtag_case": N_("Begin each word of #%(tag)s with a capital: screen readers then say words."),
    "link_circles": N_("%(address)s leads in circles."),
    "link_gone": N_("There is no page at %(address)s (the site says %(status)s)."),
    "link_private": N_("%(address)s is not for everybody: it leads into a private network."),
    "link_unknown_host": N_("No site has the name in %(address)s."),
    "link_unreachable": N_("The site of %(address)s does not answer now."),
    "link_dead": N_("On %(name)s nobody can follow a link: say where to find it."),
    "picture_cut": N_("%(name)s shows only the middle of a picture: it is too high or too wide there."),
    "rights_over": N_("The rights to “%(file)s” are over on that day."),
    "same_words": N_("“%(title)s” says nearly the same on %(name)s."),
    "sentence_long": N_("One sentence has %(words)s words: two would be read more easily."),
    "words_unsaid": N_("“%(file)s” has words in it that its alternative text does not say."),
    "untracked": N_("Visits from this link will not be counted for the campaign: it has no name for links."),
    "outside_campaign": N_("That day is not among those of the campaign “%(name)s”."),
    "typography": N_("Some signs or spaces are not as they are typed in French."),
}
"""What is found in a post while it is written; what blocks is said as the refusal that it becomes."""

UNPUBLISHABLE: Mapping[str, str] = {
    "aspect_ratio": N_("the picture is too wide or too high for this network"),
    "caption_too_long": N_("the text is too long for this network"),
    "carousel_items": N_("there must be from 2 to 10 pictures"),
    "media_type": N_("the network does not take this kind of file"),
    "needs_media": N_("a picture or a video is needed on this network"),
    "needs_video": N_("a reel is a video"),
    "one_media": N_("only one picture or video here"),
    "prepared_gone": N_("the network does not have any more what it was sent ahead"),
    "one_video_alone": N_("a video goes alone on this network"),
    "too_many_mentions": N_("too many people are named for this network"),
    "too_many_photos": N_("too many pictures for this network"),
    "photo_format": N_("the network does not take this picture: its format, or its size"),
    "video_format": N_("the network does not take this video: its format, its length or its size"),
}
"""Why a network refuses what is to be published (`api.messages.REJECTIONS` has the others)."""

LABELS: Mapping[str, Mapping[str, str]] = {
    "language_exception": {
        LanguageException.HEALTH: N_("Public health"),
        LanguageException.SAFETY: N_("Public safety"),
        LanguageException.JUSTICE: N_("Principles of natural justice"),
        LanguageException.BILINGUAL: N_("City or borough recognized as bilingual"),
        LanguageException.NEWCOMERS: N_("Newcomers, in their first six months"),
        LanguageException.INDIGENOUS: N_("Indigenous people"),
        LanguageException.OUTSIDE: N_("People outside of Québec"),
    },
    "date_rule": {
        DateRule.NONE: N_("Without a rule"),
        DateRule.REPEATS: N_("By the calendar"),
        DateRule.ANCHORED: N_("By a key date"),
    },
    "not_made": {
        NotMade.MISSED: N_("Its day passed before a draft could be made"),
        NotMade.OWNER_GONE: N_("No draft: who answers for it does not work here any more"),
        NotMade.REFUSED: N_("No draft: who answers for it may not write it"),
    },
    "outside_task": {
        OutsideTask.PRESS_RELEASE: N_("Press release"),
        OutsideTask.WEB_PAGE: N_("Web page"),
        OutsideTask.POSTER: N_("Posters"),
        OutsideTask.NEWSLETTER: N_("Newsletter"),
    },
    "figure": {
        "reach": N_("People reached"),
        "views": N_("Views"),
        "reactions": N_("Reactions"),
        "comments": N_("Comments"),
        "shares": N_("Shares"),
        "clicks": N_("Clicks"),
    },
    "month_end": {MonthEnd.LAST: N_("Its last day"), MonthEnd.SKIP: N_("It is left out")},
    "part": {"text": N_("the text"), "link": N_("the link"), "first_comment": N_("the first comment")},
    "feeling": {
        Feeling.NEGATIVE: N_("Displeased"),
        Feeling.NEUTRAL: N_("Neutral"),
        Feeling.POSITIVE: N_("Pleased"),
    },
}
"""Of posts: kind of word, then value."""
