"""Containers: what is prepared, waited for, published once, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Prepared, Publication
from connectors.instagram.profile import Instagram
from connectors.meta.graph import GraphSettings
from models.errors import Ambiguous, Rejected, Transient
from models.vocabulary import MediaKind, PublicationForm


@pytest.fixture
def patient(instagram):
    """Asks three times, without waiting."""
    return Instagram(instagram.settings.of(GraphSettings), instagram.account, pauses=(0, 0, 0))


@pytest.fixture
def photo(instagram):
    return instagram.media(MediaKind.PHOTO)


@pytest.fixture
def video(instagram):
    return instagram.media(MediaKind.VIDEO)


def now() -> datetime:
    return datetime.now(UTC)


def asked(instagram, method: str, path: str) -> list[dict]:
    return [one for one in instagram.state.requests if one["method"] == method and one["path"].endswith(path)]


def test_a_container_is_waited_for(instagram, patient, photo):
    instagram.page.polls = 2
    receipt = patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    assert instagram.state.posts[receipt.remote_id].text == "Avis"
    (container,) = instagram.page.containers
    assert len(asked(instagram, "GET", container)) == 3


def test_a_container_that_is_never_ready_is_made_again_later(instagram, patient, photo):
    instagram.page.polls = 3
    publication = Publication("Avis", media=(photo,))
    with pytest.raises(Transient) as caught:
        patient.publish(publication, "effect-1")
    assert caught.value.after >= timedelta(minutes=1)
    instagram.page.polls = 0
    patient.publish(publication, "effect-1")
    assert [line.operation for line in instagram.state.journal] == ["publish"]


@pytest.mark.parametrize(
    ("subcode", "error", "reason"),
    [
        (2207026, Rejected, "video_format"),
        (2207009, Rejected, "aspect_ratio"),
        (2207099, Rejected, "2207099"),
        (2207003, Transient, None),
        (2207053, Transient, None),
    ],
)
def test_a_container_that_fails_says_why(instagram, patient, video, subcode, error, reason):
    instagram.fault("container_error", method="POST", path="/media$", subcode=subcode)
    with pytest.raises(error) as caught:
        patient.publish(Publication("Avis", media=(video,)), "effect-1")
    assert reason is None or caught.value.reason == reason
    assert instagram.state.journal == []


def test_a_container_that_expired_is_made_again(instagram, patient, photo, monkeypatch):
    made = instagram.page.containers
    instagram.fault("reset_after", method="POST", path="/media$")
    with pytest.raises(Transient):
        patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    (container,) = made.values()
    container.at -= 86_400
    assert container.status(now().timestamp()) == "EXPIRED"
    with pytest.raises(Transient):
        patient.prepare(Publication("Avis", media=(photo,)), Prepared((container.id,), ready=False))
    patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    assert [line.operation for line in instagram.state.journal] == ["publish"]
    assert [one.status(now().timestamp()) for one in made.values()] == ["EXPIRED", "PUBLISHED"]


def test_a_container_is_published_once(instagram, patient, photo):
    patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    (container,) = instagram.page.containers
    with pytest.raises(Rejected) as caught:
        patient._graph.write(
            "POST", f"{instagram.page.id}/media_publish", "instagram_content_publish", creation_id=container
        )
    assert caught.value.reason == "media_not_found"


def test_a_container_that_is_not_ready_is_not_published(instagram, patient, photo):
    instagram.page.polls = 9
    with pytest.raises(Transient):
        patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    (container,) = instagram.page.containers
    with pytest.raises(Ambiguous):
        patient._graph.write(
            "POST", f"{instagram.page.id}/media_publish", "instagram_content_publish", creation_id=container
        )
    assert instagram.state.journal == []


def test_a_carousel_keeps_its_order_and_only_pictures_are_described(instagram, patient, photo, video):
    second = instagram.media(MediaKind.PHOTO, 2)
    receipt = patient.publish(Publication("Trois", media=(photo, video, second)), "effect-1")
    made = list(instagram.page.containers.values())
    assert [one.item for one in made] == [True, True, True, False]
    assert made[-1].media.children == tuple(one.id for one in made[:3])
    assert [one.media.alt for one in made] == ["Une rue enneigée", None, "Une rue enneigée", None]
    assert [one.media.url for one in made[:3]] == [photo.url, video.url, second.url]
    assert instagram.state.posts[receipt.remote_id] is made[-1].media


@pytest.mark.parametrize("form", [PublicationForm.POST, PublicationForm.REEL])
def test_a_video_becomes_a_reel(instagram, patient, video, form):
    receipt = patient.publish(Publication("Un tour", media=(video,), form=form), "effect-1")
    assert instagram.state.posts[receipt.remote_id].product == "REELS"


def test_the_bytes_of_a_video_are_sent_when_it_is_nowhere_to_fetch(instagram, patient, video):
    receipt = patient.publish(Publication("Un tour", media=(replace(video, url=None),)), "effect-1")
    media = instagram.state.posts[receipt.remote_id]
    assert (media.product, media.url) == ("REELS", None)
    (sent,) = [one for one in instagram.state.requests if one["path"].startswith("ig-api-upload/")]
    assert sent["status"] == 200


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "500_after", "html_502"])
def test_bytes_that_are_lost_are_sent_again(instagram, patient, video, kind):
    publication = Publication("Un tour", media=(replace(video, url=None),))
    instagram.fault(kind, method="POST", path=r"^v26.0/\d+$")
    with pytest.raises(Transient):
        patient.publish(publication, "effect-1")
    patient.publish(publication, "effect-1")
    assert [line.operation for line in instagram.state.journal] == ["publish"]


def test_what_instagram_would_refuse_is_refused_before_anything_is_prepared(instagram, patient, photo, video):
    hidden = replace(photo, url=None)
    cases = {
        "needs_media": Publication("Un avis sans image"),
        "too_many_photos": Publication("Onze", media=(photo,) * 11),
        "one_media": Publication("Deux", media=(photo, photo), form=PublicationForm.STORY),
        "needs_video": Publication("Une image", media=(photo,), form=PublicationForm.REEL),
        "media_not_public": Publication("Sur l'intranet", media=(hidden,)),
        "too_long": Publication("é" * 2_201, media=(photo,)),
    }
    for reason, publication in cases.items():
        with pytest.raises(Rejected) as caught:
            patient.publish(publication, "effect-1")
        assert caught.value.reason == reason
    assert instagram.state.calls == 0


def test_a_link_is_written_under_the_words_once(instagram, patient, photo):
    link = "https://ville.example/neige"
    for text, written in (("Avis", f"Avis\n\n{link}"), (f"Lire {link}", f"Lire {link}"), ("", link)):
        begun = now()
        publication = Publication(text, link=link, media=(photo,))
        receipt = patient.publish(publication, "effect-1")
        assert instagram.state.posts[receipt.remote_id].text == written
        assert patient.find(publication, begun, ()).remote_id == receipt.remote_id


def test_the_daily_number_is_the_one_that_instagram_says(instagram, patient, photo):
    instagram.page.quota = 2
    for number in range(2):
        patient.publish(Publication(f"Avis {number}", media=(photo,)), "effect-1")
    prepared = len(instagram.page.containers)
    with pytest.raises(Rejected) as caught:
        patient.publish(Publication("De trop", media=(photo,)), "effect-1")
    assert caught.value.reason == "daily_limit"
    assert len(instagram.page.containers) == prepared
    next(iter(instagram.page.containers.values())).published_at -= 86_401
    patient.publish(Publication("Demain", media=(photo,)), "effect-1")


def test_the_daily_number_reached_meanwhile(instagram, patient, photo):
    instagram.page.quota = 1
    publication = Publication("De trop", media=(photo,))
    prepared = patient.prepare(publication)
    instagram.page.quota = 0
    with pytest.raises(Rejected) as caught:
        patient.publish(publication, "effect-1", prepared)
    assert caught.value.reason == "daily_limit"


def test_what_is_sent_ahead_is_not_waited_for(instagram, patient, photo):
    instagram.page.polls = 1
    album = Publication("Deux", media=(photo, instagram.media(MediaKind.PHOTO, 2)))
    given = [patient.prepare(album)]
    while not given[-1].ready:
        given.append(patient.prepare(album, given[-1]))
    # Its pictures, once they are ready the carousel, once that is ready.
    assert [(len(one.things), one.ready) for one in given] == [(2, False), (1, False), (1, True)]
    assert len(instagram.page.containers) == 3
    patient.publish(album, "effect-1", given[-1])
    assert [line.operation for line in instagram.state.journal] == ["publish"]


def test_what_was_sent_a_day_ahead_is_not_published(instagram, patient, photo):
    publication = Publication("Avis", media=(photo,))
    prepared = patient.prepare(publication)
    instagram.state.advance(86_401)
    with pytest.raises(Ambiguous):  # Instagram calls it an error that passes.
        patient.publish(publication, "effect-1", prepared)
    assert instagram.state.journal == []


def test_an_old_publication_with_the_same_words_is_not_taken_for_a_new_one(instagram, patient, photo):
    instagram.post("Avis", at=now().timestamp() - 600)
    assert patient.find(Publication("Avis", media=(photo,)), now(), ()) is None


def test_a_publication_is_found_behind_many_newer_ones(instagram, patient, photo):
    begun = now()
    receipt = patient.publish(Publication("Avis", media=(photo,)), "effect-1")
    for number in range(120):
        instagram.post(f"Autre {number}")
    assert patient.find(Publication("Avis", media=(photo,)), begun, ()).remote_id == receipt.remote_id


def test_a_story_is_found_by_its_time_or_not_at_all(instagram, patient, photo):
    begun = now()
    story = Publication("", media=(photo,), form=PublicationForm.STORY)
    assert patient.find(story, begun, ()) is None
    instagram.fault("reset_after", method="POST", path="/media_publish$")
    with pytest.raises(Ambiguous):
        patient.publish(story, "effect-1")
    found = patient.find(story, begun, ())
    assert (found.remote_id, instagram.state.posts[found.remote_id].product) == (instagram.state.journal[0].id, "STORY")
    assert patient.find(story, begun, {found.remote_id}) is None
    patient.publish(story, "effect-2")
    with pytest.raises(Rejected) as caught:
        patient.find(story, begun, ())
    assert caught.value.reason == "several_stories"
