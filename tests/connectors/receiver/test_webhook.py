"""Alerts as the city's pager gets them, over HTTP, checked as Standard Webhooks are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from connectors.alerts import Alert, ReceiverSettings
from connectors.receiver.webhook import WebhookReceiver
from models.errors import Rejected, Transient
from tests.pagerserver import pretend_pager

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cywgbG9uZw=="
ALERT = Alert("page:7:1", "danger.called", datetime(2026, 3, 2, 14, 0, tzinfo=UTC), {"people": ["Odile Bégin"]})


def send(url: str) -> None:
    WebhookReceiver(ReceiverSettings(url, SECRET)).send(ALERT)


def test_an_alert_is_signed_and_keeps_its_name():
    with pretend_pager() as got:
        send(got.url)
        send(got.url)
    told = [Webhook(SECRET).verify(body, headers) for headers, body in got]
    assert told == [{"type": "danger.called", "timestamp": "2026-03-02T14:00:00+00:00", "data": ALERT.data}] * 2
    assert {headers["webhook-id"] for headers, _ in got} == {"page:7:1"}


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
def test_what_passes_is_given_again(status):
    with pretend_pager(status) as got, pytest.raises(Transient) as caught:
        send(got.url)
    assert caught.value.after <= timedelta(seconds=30)
    assert len(got) == 1


@pytest.mark.parametrize(("asked", "waited"), [("60", 60), ("86400", 120), ("9" * 5000, 15), ("demain", 15), ("²", 15)])
def test_it_waits_as_it_is_asked_within_reason(asked, waited):
    with pretend_pager(503, retry_after=asked.encode().decode("latin-1")) as got, pytest.raises(Transient) as caught:
        send(got.url)
    assert caught.value.after == timedelta(seconds=waited)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_a_refusal_is_for_good_and_a_redirection_is_not_followed(status):
    with (
        pretend_pager() as elsewhere,
        pretend_pager(status, location=elsewhere.url) as got,
        pytest.raises(Rejected) as caught,
    ):
        send(got.url)
    assert (caught.value.reason, len(got), elsewhere) == (f"HTTP {status}", 1, [])


def test_nobody_there_is_tried_again():
    with pretend_pager() as got:
        pass
    with pytest.raises(Transient):
        send(got.url)


def test_the_secret_is_not_shown():
    assert json.dumps(SECRET) not in repr(ReceiverSettings("https://garde.ville.example", SECRET))
