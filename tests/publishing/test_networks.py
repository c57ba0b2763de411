"""A post with pictures, through the real connectors, on pretend networks that keep what they were sent."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

from PIL import Image

from models.locks import locks_for
from publishing import library, preparing
from publishing.drafting import Draft, Pictured, Written
from tests.city import album


def picture(city, colour: str, size: tuple[int, int]) -> int:
    made = BytesIO()
    Image.new("RGB", size, colour).save(made, "PNG")
    with city.database.write() as session:
        return library.add(session, city.people["Claire"], library.read("image.png", made.getvalue()), now=city.now).id


def test_at_its_second_a_post_is_one_call_on_each_network(city, far, tmp_path):
    """What it shows was sent a quarter of an hour before; one more call asks where it stands."""
    state, accounts = far
    accounts["images"].polls = 1
    shown = [Pictured(picture(city, "teal", (800, 600)), "Un parc"), Pictured(picture(city, "red", (300, 900)), "Tour")]
    variants = {city.accounts[name]: Written("Les parcs sont ouverts.") for name in accounts}
    draft = Draft("Parcs", variants, pictures=shown, publish_at=city.now + timedelta(hours=1))
    post = city.act("Claire", "create", draft)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    post = city.schedule(post, hours=None)
    city.clock.pass_(minutes=45)
    for _ in range(3):
        city.clock.pass_(seconds=15)
        with city.database.read() as session:
            due = preparing.accounts_to_prepare(session, now=city.now)
        locks, pictures = locks_for(city.database, tmp_path), album(city.database, city.clock)
        for one in due:
            preparing.prepare(city.database, locks, city.networks.__getitem__, pictures, one, clock=city.clock)
    assert (state.journal, state.posts) == ([], {}), "nobody sees anything"
    before = len(state.requests)
    city.deliver(minutes=15)
    asked = [(line["method"], line["path"].rpartition("/")[2]) for line in list(state.requests)[before:]]
    acts = [edge for method, edge in asked if method == "POST"]
    assert sorted(acts) == ["feed", "media_publish", "posts"]
    assert len(asked) == len(acts) + 2, "LinkedIn's address is known without asking"
    assert city.post(post).state == "published"
    there = next(one for one in state.posts.values() if one.page is accounts["nord"])
    assert [photo.alt for photo in there.photos] == ["Un parc", "Tour"]


def test_a_post_with_pictures_leaves_on_each_network_with_its_words_for_who_does_not_see_them(city, far):
    state, accounts = far
    shown = [Pictured(picture(city, "teal", (800, 600)), "Un parc"), Pictured(picture(city, "red", (300, 900)), "Tour")]
    said = Written("Les parcs sont ouverts.", first_comment="Horaire au 311")
    variants = {city.accounts[name]: said for name in accounts}
    draft = Draft("Parcs", variants, pictures=shown, publish_at=city.now + timedelta(hours=1))
    post = city.act("Claire", "create", draft)
    post = city.judge("Gilles", city.act("Claire", "submit", post.id, version=post.version))
    post = city.schedule(post, hours=None)
    city.deliver(hours=1)
    city.deliver(seconds=1)  # The first comments.
    assert [(str(effect.operation), str(effect.state)) for effect in city.effects()] == [("publish", "done")] * 3 + [
        ("reply", "done")
    ] * 3
    assert city.post(post).state == "published"

    there = next(one for one in state.posts.values() if one.page is accounts["nord"])
    assert [photo.alt for photo in there.photos] == ["Un parc", "Tour"]
    assert [Image.open(BytesIO(photo.content)).size for photo in there.photos] == [(800, 600), (300, 900)]

    carousel = next(one for one in state.posts.values() if one.page is accounts["images"])
    items = [one.media for one in accounts["images"].containers.values() if one.item]
    assert (carousel.text, len(carousel.children)) == ("Les parcs sont ouverts.", 2)
    assert [item.alt for item in items] == ["Un parc", "Tour"]
    framed = [album(city.database, city.clock).sealed(one.url.rpartition("/")[2].removesuffix(".jpg")) for one in items]
    assert [Image.open(BytesIO(content)).size for content in framed] == [(800, 600), (300, 375)]

    sent = [b"".join(part for _, part in sorted(one.parts.items())) for one in accounts["ville"].assets.values()]
    assert [Image.open(BytesIO(content)).size for content in sent] == [(800, 600), (300, 900)]

    assert [comment.text for comment in state.comments.values()] == ["Horaire au 311"] * 3
