"""The contract of `classifiers/base.py`, and what a moderator may count on in Québec French."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.base import Context, Verdict
from classifiers.engine import Engine
from classifiers.ngrams import COLUMNS, HEADS, OUTPUTS
from classifiers.onnx import OnnxEncoder
from classifiers.reasons import REASON_CODES, ReasonCode
from classifiers.text import read
from models.vocabulary import Breach, Intention, Language

Judge = Callable[[str], Verdict]

ODD = [
    "",
    " \n\t",
    "🎉🎉",
    "\x00",
    "a\x00b",
    "👩‍👩‍👧‍👦 ‍",
    "مرحبا شكرا على العمل الجيد",
    "\u202eabc\u202c",
    "<script>alert(1)</script><b>bravo</b>",
    "a" * 63_206,
    "@" * 63_206,
    "1" * 63_206,
    "( " * 31_603,
    "\ud800 seul",
    "«" * 5_000,
    "c " * 5_000,
    "²³¼ ①②③",
]


def shown(score: float) -> bool:
    return score >= 0.5


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_no_text_makes_it_raise(verdict: Judge, text: str) -> None:
    said = verdict(text)
    assert set(said.breaches) == set(Breach)
    assert all(0 <= score <= 1 for score in said.breaches.values())
    assert said.urgency.level in (0, 1, 2)
    assert all(reason.code in REASON_CODES for reason in said.reasons)
    assert all(reason.start is None or 0 <= reason.start < (reason.end or 0) <= len(text) for reason in said.reasons)


def alike(one: Verdict, other: Verdict) -> None:
    """Two verdicts say the same, to a thousandth."""
    for a, b in ((one.language, other.language), (one.intention, other.intention), (one.group, other.group)):
        assert (a and a.label) == (b and b.label)
        assert (a.score if a else 0) == pytest.approx(b.score if b else 0, abs=1e-3)
    assert one.breaches == pytest.approx(other.breaches, abs=1e-3)
    assert one.urgency.level == other.urgency.level
    assert one.urgency.score == pytest.approx(other.urgency.score, abs=1e-3)
    assert [(why.code, why.start) for why in one.reasons] == [(why.code, why.start) for why in other.reasons]


@given(st.lists(st.text(), max_size=5))
@settings(max_examples=100, deadline=None)
def test_order_is_kept_and_neighbours_change_nothing(engine: Engine, texts: list[str]) -> None:
    together = engine.classify(texts, Context())
    assert len(together) == len(texts)
    for text, verdict in zip(texts, together, strict=True):
        alike(verdict, engine.classify([text], Context())[0])


def test_a_verdict_is_the_same_alone_and_in_any_company(engine: Engine) -> None:
    """Short beside long, padded or not: the batch of a text is an accident of its arrival."""
    texts = [
        "Bravo!",
        "La charrue a passé sur notre rue à 4 h du matin et a laissé un banc de neige devant l'entrée " * 6,
        "Quand ouvre la piscine?",
        "maudit que c'est mal déneigé icitte, pis le maire s'en fout",
        "🎉",
        "Il y a une fuite de gaz au coin de ma rue, ça sent fort!!!",
    ]
    alone = [engine.classify([text], Context(reasons=False))[0] for text in texts]
    for company in (texts, texts[::-1] * 7):
        for text, verdict in zip(company, engine.classify(company, Context(reasons=False)), strict=True):
            alike(verdict, alone[texts.index(text)])


def test_without_reasons_a_verdict_says_the_same_and_keeps_what_the_rules_found(engine: Engine) -> None:
    texts = ["Toi, espèce de connard!", "Nid-de-poule énorme sur la rue Principale", "Merci pour tout"]
    for full, bare in zip(
        engine.classify(texts, Context()), engine.classify(texts, Context(reasons=False)), strict=True
    ):
        assert (full.breaches, full.urgency, full.hideable) == (bare.breaches, bare.urgency, bare.hideable)
        assert [why for why in full.reasons if why.code != ReasonCode.WORD_WEIGHT] == list(bare.reasons)


@pytest.mark.parametrize("text", ["", "   ", "🎉🎉", "👏👏👏", "...", "12345"])
def test_a_text_without_words_has_no_intention(verdict: Judge, text: str) -> None:
    said = verdict(text)
    assert said.intention is None
    assert said.group is None
    assert said.urgency.level == 0


@pytest.mark.parametrize(
    "text",
    [
        "Le maire ne comprend rien aux besoins des familles, il faut changer d'équipe.",
        "Cette administration est incompétente et gaspille nos taxes.",
        "Honte au conseil, c'est la pire décision en vingt ans!",
        "Vous avez menti aux citoyens, monsieur le maire.",
        "Le déneigement est pourri dans notre secteur.",
        "Votre gestion du budget est lamentable et irresponsable.",
        "Arrêtez de nous prendre pour des imbéciles.",
        "On m'a traité d'idiot au comptoir, c'est inacceptable.",
        "Je ne dis pas que la mairesse est une idiote, je dis qu'elle se trompe.",
        "Un conseiller a traité les citoyens de « caves » en pleine séance.",
        "Les immigrants de notre quartier attendent encore des cours de français.",
        "Ma voisine est musulmane et elle aussi trouve que la rue est mal déneigée.",
        pytest.param(
            "Le prochain vote, on va s'en souvenir!",
            marks=pytest.mark.xfail(reason="read as a threat by this model: its card says so", strict=True),
        ),
        "Mes taxes vont me tuer.",
    ],
)
def test_criticism_quotation_and_identity_are_no_breach(verdict: Judge, text: str) -> None:
    breaches = verdict(text).breaches
    assert {breach for breach, score in breaches.items() if shown(score)} == set()


@pytest.mark.parametrize(
    "text",
    [
        "Criss que c'est beau!",
        "Tabarnak que le parc est beau, bravo la gang!",
        "Ostie que c'est bien déneigé, merci aux gars!",
        "Câlisse, quel beau spectacle hier soir, merci!",
    ],
)
def test_a_sacre_is_praise_when_what_it_swears_by_is_good(verdict: Judge, text: str) -> None:
    said = verdict(text)
    assert said.intention is not None
    assert said.intention.label == Intention.PRAISE
    assert not any(shown(score) for score in said.breaches.values())
    assert ReasonCode.LEXICON_SWEAR in {reason.code for reason in said.reasons}


@pytest.mark.parametrize(
    ("text", "breach", "code", "word"),
    [
        ("Le maire est un imbécile fini", Breach.INSULT, ReasonCode.LEXICON_AIMED_INSULT, "imbécile"),
        ("Toi, espèce de C0NN4RD!", Breach.INSULT, ReasonCode.LEXICON_INSULT, "C0NN4RD"),
        ("va donc, c o n n a r d", Breach.INSULT, ReasonCode.LEXICON_INSULT, "c o n n a r d"),
        ("pauvre conn*rd", Breach.INSULT, ReasonCode.LEXICON_INSULT, "conn*rd"),
        ("Sales Arabes, dehors", Breach.HATE, ReasonCode.LEXICON_HATE, "Sales Arabes"),
        ("Je sais où tu restes, mon homme", Breach.THREAT, ReasonCode.LEXICON_THREAT, "sais où tu restes"),
        ("Maudite marde de rue", Breach.VULGAR, ReasonCode.LEXICON_VULGAR, "marde"),
        ("Regarde bit.ly/abc vite", Breach.SPAM, ReasonCode.SPAM_SHORTENER, "bit.ly/abc"),
        ("Mon cell: 418-555-0123", Breach.PERSONAL_INFORMATION, ReasonCode.PATTERN_PHONE, "418-555-0123"),
    ],
)
def test_a_rule_raises_its_breach_and_says_where(
    verdict: Judge, text: str, breach: Breach, code: ReasonCode, word: str
) -> None:
    said = verdict(text)
    assert shown(said.breaches[breach])
    assert word in [text[reason.start : reason.end] for reason in said.reasons if reason.code == code]


def test_a_quoted_insult_is_shown_as_denied(verdict: Judge) -> None:
    text = "On m'a crié « connard » au guichet"
    said = verdict(text)
    denied = [text[r.start : r.end] for r in said.reasons if r.code == ReasonCode.LEXICON_DENIED]
    assert denied == ["connard"]


@pytest.mark.parametrize(
    "text",
    [
        "Ça sent le gaz au coin de la rue!",
        "CA SENT LE GAZ PARTOUT",
        "Il y a un incendie dans le bloc voisin",
        "Un fil électrique est tombé sur le trottoir",
        "La maison d'en face est en feu",
        "Un enfant est passé à travers la glace",
        "Il y a un homme inconscient dans le parc",
        "Des coups de feu près de l'école",
        "J'ai le goût d'en finir avec la vie",
        "je veux mourir",
        "J'ai des idées suicidaires",
        "Je vais te tuer",
        "There is a gas leak on my street",
    ],
)
def test_danger_distress_and_threats_are_urgent(verdict: Judge, text: str) -> None:
    assert verdict(text).urgency.level == 2


@pytest.mark.parametrize(
    "text", ["Il y a de l'eau dans le sous-sol depuis ce matin", "Bris d'aqueduc sur la rue Mercier, ça coule partout"]
)
def test_water_is_seen_the_same_day(verdict: Judge, text: str) -> None:
    assert verdict(text).urgency.level >= 1


@pytest.mark.parametrize(
    "text", ["Merci aux pompiers pour l'incendie d'hier", "Bravo pour la semaine de prévention des incendies", "Merci!"]
)
def test_a_danger_that_is_over_raises_no_alarm(verdict: Judge, text: str) -> None:
    assert verdict(text).urgency.level < 2


def test_language_is_told_from_four_words_on(verdict: Judge, engine: Engine) -> None:
    assert verdict("Thank you very much for the great work on our street").language.label == Language.ENGLISH
    assert verdict("Merci beaucoup pour votre beau travail").language.label == Language.FRENCH
    assert verdict("Muchas gracias por el trabajo que hicieron en nuestra calle").language.label == Language.OTHER
    assert verdict("Thank you").language.label == Language.FRENCH
    english = Context(default_language=Language.ENGLISH)
    assert engine.classify(["Thank you"], english)[0].language.label == Language.ENGLISH


def test_no_text_has_no_logits() -> None:
    """The model that ships is taught on all rows: none is left for it to read."""
    with resources.as_file(resources.files("classifiers").joinpath("weights")) as shipped:
        assert OnnxEncoder(shipped).logits([]).shape == (0, OUTPUTS)


def test_the_n_grams_weights_add_up_to_the_logit(engine: Engine) -> None:
    """The reasons of this branch are the sum itself: what the words weigh, the text's shape and the bias."""
    ngrams = engine._model.ngrams
    output = HEADS["netiquette"].index(Breach.INSULT)
    column = COLUMNS["netiquette"].start + output
    reading = ngrams.read(read("Le conseiller est un crétin"))
    parts = reading.contributions("netiquette", output).sum() + reading.whole("netiquette", output)
    assert reading.logits[column] == pytest.approx(parts + ngrams.bias[column], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "insult"),
    [
        ("Il y a un gros chien sans laisse au parc", False),
        ("Le maudit chien du voisin jappe toute la nuit", False),
        ("Espèce de chien!", True),
    ],
)
def test_a_dog_is_a_dog_until_somebody_is_called_one(verdict: Judge, text: str, insult: bool) -> None:
    assert shown(verdict(text).breaches[Breach.INSULT]) is insult


@pytest.mark.parametrize(
    "text", ["J'ai pas reçu mon compte de taxes, je fais quoi?", "Merci au 311, j'ai eu ma réponse en dix minutes."]
)
def test_what_the_model_only_cannot_rule_out_stays_off_the_danger_lane(verdict: Judge, text: str) -> None:
    assert verdict(text).urgency.level < 2


def test_the_end_of_a_very_long_text_is_read_too(verdict: Judge) -> None:
    story = "J'ai marché dans le parc ce matin et le sentier était bien entretenu, merci à toute l'équipe. " * 40
    worst = verdict(story + "Toi le concierge, je vais t'attendre dehors pis t'arracher la tête.")
    assert worst.breaches[Breach.THREAT] > verdict(story).breaches[Breach.THREAT] + 0.3
