"""Route × role × scope. Every route of the application stands in the table, or the test fails.

A line says who may pass: anybody ("public"), whoever is signed in, any API key, or who may do an `Action`. A line that
names a `thing` is tried on one in each borough and on one of the whole city, and what is out of scope reads as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.testclient import TestClient

from administration import hooks, keys, people
from api.app import create_app
from api.wiring import Parvis
from models import work
from models.hooks import Hook
from models.people import AccessRequest, Membership
from models.requests311 import Requester, ServiceRequest
from models.scope import ALLOWED, KEY_SCOPES, Action
from models.vocabulary import OperationKind, Role

PUBLIC, SIGNED_IN, ANY_KEY = "public", "signed in", "any key"


@dataclass(frozen=True)
class Line:
    """Who may pass. `thing`: the scoped kind that the path's parameter, or `{thing}` in the body, names."""

    who: str
    thing: str | None = None
    whole_city: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)
    """Sent as a form, or as JSON under /api: what a whole request needs, so that the scope is what decides."""


FORM_KEY = "0123456789abcdef"
DECIDING = {"comment_id": "{thing}", "version": 1, "kind": "nothing"}

TABLE: Mapping[tuple[str, str], Line] = {
    ("GET", "/api/v1/openapi.json"): Line(PUBLIC),
    ("GET", "/healthz"): Line(PUBLIC),
    ("GET", "/readyz"): Line(PUBLIC),
    ("GET", "/metrics"): Line(ANY_KEY),
    # webhooks answer to their signature (tests/api/v1/test_webhooks.py)
    ("GET", "/webhooks/{route}"): Line("signature"),
    ("POST", "/webhooks/{route}"): Line("signature"),
    # signing in
    ("GET", "/netiquette"): Line(PUBLIC),
    ("GET", "/connexion"): Line(PUBLIC),
    ("POST", "/connexion"): Line(PUBLIC),
    ("GET", "/compte/avant"): Line(SIGNED_IN),
    ("POST", "/compte/avant"): Line(SIGNED_IN),
    ("GET", "/connexion/code"): Line("password given"),
    ("POST", "/connexion/code"): Line("password given"),
    ("GET", "/connexion/annuaire"): Line("directory"),
    ("GET", "/connexion/annuaire/retour"): Line("directory"),
    ("GET", "/connexion/annuaire/sortie"): Line("directory"),
    ("POST", "/connexion/cle"): Line("passkey"),
    ("POST", "/connexion/cle/defi"): Line("passkey"),
    ("POST", "/compte/cles"): Line("named host"),
    ("POST", "/compte/cles/defi"): Line("named host"),
    ("POST", "/compte/cles/{passkey_id}/retirer"): Line(SIGNED_IN),
    ("GET", "/compte/annuaire"): Line(SIGNED_IN),
    ("POST", "/compte/annuaire"): Line(SIGNED_IN),
    ("POST", "/deconnexion"): Line("leaves"),
    ("GET", "/invitation/{token}"): Line("link"),
    ("POST", "/invitation/{token}"): Line("link"),
    ("GET", "/mise-en-route"): Line(Action.MANAGE_ACCOUNTS),
    ("GET", "/compte"): Line(SIGNED_IN),
    ("POST", "/compte/mot-de-passe"): Line(SIGNED_IN),
    ("POST", "/compte/second-facteur"): Line(SIGNED_IN),
    ("POST", "/compte/second-facteur/retirer"): Line(SIGNED_IN),
    ("POST", "/compte/sessions/{session_id}/fermer"): Line(SIGNED_IN),
    ("POST", "/compte/sessions/fermer"): Line(SIGNED_IN),
    ("POST", "/compte/preferences"): Line(SIGNED_IN),
    ("GET", "/compte/touches"): Line(SIGNED_IN),
    ("GET", "/exportation"): Line(SIGNED_IN),
    ("GET", "/exportation/fichier"): Line(SIGNED_IN),
    ("POST", "/compte/touches"): Line(SIGNED_IN),
    # people
    ("GET", "/personnes"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/roles"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/lien"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/second-facteur/retirer"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/annuaire/retirer"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/acces"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/roles/{membership_id}/retirer"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/demandes/{request_id}"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/{person_id}/invitation/retirer"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("GET", "/personnes/cles"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("GET", "/personnes/crochets"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/crochets"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("GET", "/personnes/crochets/{hook_id}"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/crochets/messages/{effect_id}/renvoi"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/crochets/{hook_id}/retrait"): Line(Action.MANAGE_PEOPLE, whole_city=True),
    ("POST", "/personnes/cles/revocation"): Line(Action.MANAGE_PEOPLE, whole_city=True, body={"name": "a program"}),
    # accounts
    ("GET", "/exploitation"): Line(Action.MANAGE_ACCOUNTS, whole_city=True),
    ("GET", "/comptes"): Line(Action.SEE_ACCOUNTS),
    ("GET", "/comptes/alertes"): Line(Action.SEE_ACCOUNTS),
    ("POST", "/comptes/{account_id}/verification"): Line(Action.SEE_ACCOUNTS, "accounts"),
    ("POST", "/comptes/{account_id}/lecture"): Line(Action.SEE_ACCOUNTS, "accounts"),
    ("POST", "/comptes/inconnus"): Line(
        Action.MANAGE_ACCOUNTS, whole_city=True, body={"network": "facebook", "external_id": "777"}
    ),
    ("POST", "/comptes/connexion"): Line(Action.MANAGE_ACCOUNTS, whole_city=True),
    ("GET", "/comptes/retour/{network}"): Line(Action.MANAGE_ACCOUNTS, whole_city=True),
    ("GET", "/comptes/connexion/{connection_id}"): Line(Action.MANAGE_ACCOUNTS, whole_city=True),
    ("POST", "/comptes/connexion/{connection_id}"): Line(Action.MANAGE_ACCOUNTS, whole_city=True),
    ("GET", "/comptes/importation"): Line(Action.IMPORT_COMMENTS, whole_city=True),
    ("POST", "/comptes/importation"): Line(Action.IMPORT_COMMENTS, whole_city=True),
    # the queue
    ("GET", "/"): Line("home"),
    ("GET", "/commentaires/{comment_id}"): Line(Action.SEE_COMMENTS, "comments"),
    ("GET", "/commentaires/{comment_id}/images/{attachment_id}"): Line(Action.SEE_COMMENTS, "comments"),
    ("GET", "/commentaires/{comment_id}/semblable"): Line(Action.DECIDE, "comments"),
    ("POST", "/commentaires/{comment_id}/reservation"): Line(Action.DECIDE, "comments"),
    ("POST", "/commentaires/{comment_id}/liberation"): Line(Action.DECIDE),
    ("POST", "/commentaires/{comment_id}/decision"): Line(
        Action.DECIDE, "comments", body={"kind": "nothing", "version": 1, "form_key": FORM_KEY}
    ),
    ("POST", "/commentaires/{comment_id}/notes"): Line(
        Action.WRITE_NOTES, "comments", body={"form_key": "{key}", "text": "Oui"}
    ),
    ("POST", "/commentaires/{comment_id}/alarme"): Line(Action.WRITE_NOTES, "comments"),
    ("POST", "/commentaires/{comment_id}/attribution"): Line(
        Action.WRITE_NOTES, "comments", body={"form_key": "{key}"}
    ),
    ("POST", "/commentaires/{comment_id}/report"): Line(
        Action.DECIDE, "comments", body={"form_key": "{key}", "until": "2020-01-01T00:00:00Z"}
    ),
    ("GET", "/equipe"): Line(Action.SEE_TEAM),
    ("GET", "/fin-de-quart"): Line(Action.DECIDE),
    ("POST", "/fin-de-quart"): Line(Action.DECIDE, body={"form_key": "{key}", "text": "Bonne nuit"}),
    ("GET", "/equipe/garde"): Line(Action.SEE_TEAM),
    ("POST", "/equipe/garde"): Line(Action.SET_ON_CALL, whole_city=True),
    ("GET", "/equipe/delais"): Line(Action.SEE_TEAM),
    ("POST", "/equipe/delais"): Line(Action.SET_HOURS, whole_city=True),
    ("POST", "/equipe/delais/avis"): Line(Action.SET_HOURS, whole_city=True),
    ("GET", "/equipe/personnes.csv"): Line(Action.SEE_TEAM),
    ("GET", "/equipe/arrivees.csv"): Line(Action.SEE_TEAM),
    ("GET", "/reponses"): Line(Action.SEE_COMMENTS),
    ("POST", "/reponses"): Line(Action.EDIT_REPLIES, whole_city=True),
    ("POST", "/reponses/{template}"): Line(Action.EDIT_REPLIES, whole_city=True),
    ("GET", "/facon-de-repondre"): Line(Action.EDIT_REPLIES, whole_city=True),
    ("POST", "/facon-de-repondre"): Line(Action.EDIT_REPLIES, whole_city=True, body={"account_id": "1"}),
    ("POST", "/facon-de-repondre/sujets"): Line(Action.EDIT_REPLIES, whole_city=True),
    ("POST", "/facon-de-repondre/sujets/retrait"): Line(Action.EDIT_REPLIES, whole_city=True),
    ("GET", "/entrainement"): Line(Action.SEE_COMMENTS),
    ("POST", "/entrainement"): Line(Action.SEE_COMMENTS),
    ("GET", "/vues"): Line(Action.SEE_COMMENTS),
    ("POST", "/vues"): Line(Action.SEE_COMMENTS, body={"name": "Une vue"}),
    ("POST", "/vues/{view_id}/suppression"): Line("own view"),
    ("GET", "/groupe"): Line(Action.DECIDE),
    ("POST", "/groupe"): Line(Action.DECIDE, body={"kind": "nothing", "form_key": FORM_KEY}),
    ("POST", "/groupes/{batch_id}/annulation"): Line(Action.DECIDE, "batches"),
    ("POST", "/notes/{note_id}/annulation"): Line(Action.WRITE_NOTES, "notes"),
    ("GET", "/avis"): Line(SIGNED_IN),
    ("POST", "/avis/lus"): Line(SIGNED_IN),
    ("POST", "/commentaires/{comment_id}/proposition"): Line(
        Action.DECIDE, "comments", body={"kind": "hide", "version": 1, "form_key": FORM_KEY, "rule_code": "N2"}
    ),
    ("POST", "/commentaires/{comment_id}/double"): Line(Action.DECIDE, "comments"),
    ("POST", "/propositions/{proposal_id}/reponse"): Line(Action.DECIDE, "proposals", body={"motive": "Non"}),
    ("POST", "/commentaires/{comment_id}/corrections"): Line(
        Action.DECIDE, "comments", body={"version": 1, "intention": "eloge"}
    ),
    ("POST", "/decisions/{decision_id}/annulation"): Line(Action.DECIDE, "decisions"),
    ("GET", "/analyse"): Line(Action.SEE_ANALYSIS),
    # 311 requests
    ("GET", "/requetes"): Line(Action.SEE_REQUESTS),
    ("GET", "/requetes/{number}"): Line(Action.SEE_REQUESTS, "requests"),
    ("POST", "/requetes/{number}/statut"): Line(
        Action.WORK_REQUESTS, "requests", body={"status": "in_progress", "version": 1}
    ),
    ("GET", "/requetes/{number}/fiche"): Line(Action.SEE_REQUESTS, "requests"),
    ("GET", "/requetes/transmission/fichiers"): Line(Action.WORK_REQUESTS),
    ("POST", "/requetes/transmission/fichier"): Line(Action.WORK_REQUESTS),
    ("POST", "/requetes/transmission/retour"): Line(Action.WORK_REQUESTS),
    ("POST", "/requetes/{number}/transmission/accuse"): Line(Action.WORK_REQUESTS, "requests"),
    ("POST", "/requetes/{number}/transmission"): Line(Action.WORK_REQUESTS, "requests"),
    ("POST", "/requetes/{number}/transmission/numero"): Line(
        Action.WORK_REQUESTS, "requests", body={"version": 1, "outside_number": "{key}"}
    ),
    ("POST", "/requetes/transmission/reprise"): Line(Action.WORK_REQUESTS, whole_city=True),
    ("POST", "/requetes/{number}/attribution"): Line(Action.WORK_REQUESTS, "requests", body={"version": 1}),
    ("POST", "/requetes/{number}/note"): Line(Action.WORK_REQUESTS, "requests", body={"text": "Vu."}),
    ("POST", "/requetes/{number}/transfert"): Line(Action.WORK_REQUESTS, "requests", body={"version": 1}),
    ("POST", "/requetes/{number}/priorite"): Line(
        Action.WORK_REQUESTS, "requests", body={"version": 1, "priority": "high"}
    ),
    ("POST", "/requetes/{number}/correction"): Line(Action.WORK_REQUESTS, "requests", body={"version": "1"}),
    ("GET", "/services"): Line(Action.SEE_REQUESTS),
    ("POST", "/services/importation"): Line(Action.EDIT_SERVICES, whole_city=True),
    ("GET", "/services/nouveau"): Line(Action.EDIT_SERVICES, whole_city=True),
    ("POST", "/services/nouveau"): Line(Action.EDIT_SERVICES, whole_city=True),
    ("GET", "/services/{code}"): Line(Action.SEE_REQUESTS),
    ("POST", "/services/{code}"): Line(Action.EDIT_SERVICES, whole_city=True),
    ("POST", "/requetes/{number}/reunion"): Line(
        Action.WORK_REQUESTS, "requests", body={"version": 1, "into": "{thing}"}
    ),
    ("POST", "/requetes/{number}/separation"): Line(Action.WORK_REQUESTS, "requests", body={"version": 1}),
    ("GET", "/requetes/images/{attachment_id}"): Line(Action.SEE_REQUESTS, "comments"),
    ("GET", "/requetes/{number}/reponses"): Line(Action.DECIDE, "requests"),
    ("POST", "/requetes/reponses"): Line(Action.DECIDE, body={"form_key": FORM_KEY}),
    ("POST", "/requetes/{number}/precisions"): Line(Action.WORK_REQUESTS, "requests", body={"comment_id": "1"}),
    ("POST", "/commentaires/{comment_id}/precisions"): Line(Action.DECIDE, "comments"),
    ("GET", "/requetes/precisions/{completion_id}/photo"): Line(Action.SEE_REQUESTS, "completions"),
    ("GET", "/satisfaction/{token}"): Line("link"),
    ("POST", "/satisfaction/{token}"): Line("link"),
    ("GET", "/completer/{token}"): Line("link"),
    ("POST", "/completer/{token}"): Line("link"),
    ("GET", "/suivi"): Line(PUBLIC),
    ("GET", "/suivi/{number:path}"): Line("public services"),
    ("POST", "/suivi/{number:path}/reouverture"): Line("code", body={"code": "x"}),
    ("GET", "/evenements"): Line(Action.SEE_COMMENTS),
    ("GET", "/evenements/{incident_id}"): Line(Action.SEE_COMMENTS, "incidents"),
    ("POST", "/evenements/{incident_id}/requete"): Line(
        Action.DECIDE, "incidents", body={"form_key": "{key}", "service_code": "roads"}
    ),
    ("POST", "/evenements/{incident_id}/retrait"): Line("member"),
    ("POST", "/evenements/{incident_id}/fermeture"): Line(Action.DECIDE, "incidents"),
    # Open311: what a key adds to it is in tests/api/v1/test_open311.py
    ("GET", "/open311/v2/discovery.{form}"): Line(PUBLIC),
    ("GET", "/open311/v2/services.{form}"): Line(PUBLIC),
    ("GET", "/open311/v2/services/{code}.{form}"): Line(PUBLIC),
    ("POST", "/open311/v2/requests.{form}"): Line("open311 key"),
    ("GET", "/open311/v2/tokens/{token}.{form}"): Line("nothing there"),
    ("GET", "/open311/v2/requests.{form}"): Line(PUBLIC),
    ("GET", "/open311/v2/requests/{number}.{form}"): Line("public services"),
    ("GET", "/open311/v2/servicerequestupdates.{form}"): Line("open311 key"),
    # posts
    ("GET", "/publications"): Line(Action.SEE_POSTS),
    ("GET", "/publications/nouvelle"): Line(Action.WRITE_POSTS),
    ("POST", "/publications"): Line(Action.WRITE_POSTS),
    ("GET", "/publications/{post_id}"): Line(Action.SEE_POSTS, "posts"),
    ("GET", "/publications/{post_id}/modifier"): Line(Action.WRITE_POSTS, "posts"),
    ("POST", "/publications/{post_id}"): Line(Action.WRITE_POSTS, "posts", body={"version": 1}),
    ("POST", "/publications/apercu"): Line(Action.WRITE_POSTS),
    ("POST", "/publications/{post_id}/copie"): Line(Action.WRITE_POSTS, "posts"),
    ("POST", "/publications/{post_id}/soumettre"): Line(Action.WRITE_POSTS, "posts", body={"version": 1}),
    ("POST", "/publications/{post_id}/avis"): Line(
        Action.APPROVE_POSTS, "posts", body={"version": 1, "approved": "true"}
    ),
    ("POST", "/publications/{post_id}/planification"): Line(
        Action.WRITE_POSTS, "posts", body={"version": 1, "publish_at": "2026-12-24T12:00"}
    ),
    ("POST", "/publications/{post_id}/urgence"): Line(Action.PUBLISH_URGENT, "posts", body={"version": 9}),
    ("POST", "/publications/{post_id}/remarques"): Line(
        Action.APPROVE_POSTS, "posts", body={"account": 1, "quote": "Bonjour", "remark": "Oui"}
    ),
    ("POST", "/publications/{post_id}/remarques/{remark_id}/reglement"): Line("remark"),
    ("GET", "/signatures"): Line(Action.WRITE_POSTS, whole_city=True),
    ("POST", "/signatures"): Line(Action.WRITE_POSTS, whole_city=True, body={"account": 1}),
    ("GET", "/approbation"): Line(Action.SET_STEPS, whole_city=True),
    ("POST", "/approbation"): Line(Action.SET_STEPS, whole_city=True),
    ("POST", "/approbation/{rule_id}/suppression"): Line("approval rule"),
    ("POST", "/publications/{post_id}/correction"): Line(
        Action.WRITE_POSTS, "posts", body={"version": 9, "variant": 1, "text": "Autrement"}
    ),
    ("POST", "/publications/{post_id}/correction/avis"): Line(
        Action.APPROVE_POSTS, "posts", body={"version": 9, "amendment": 1, "approved": "true"}
    ),
    ("POST", "/publications/{post_id}/retrait"): Line(
        Action.TAKE_DOWN_POSTS, "posts", body={"version": 9, "variant": 1, "motive": "Une erreur"}
    ),
    ("POST", "/publications/{post_id}/relecture"): Line(Action.APPROVE_POSTS, "posts"),
    ("POST", "/publications/{post_id}/double"): Line(Action.WRITE_POSTS, "posts", body={"version": 1, "variant": 1}),
    ("POST", "/publications/{post_id}/deplanification"): Line(Action.WRITE_POSTS, "posts", body={"version": 1}),
    ("POST", "/publications/{post_id}/brouillon"): Line(Action.WRITE_POSTS, "posts", body={"version": 1}),
    # campaigns
    ("GET", "/campagnes"): Line(Action.SEE_POSTS),
    ("GET", "/campagnes/nouvelle"): Line(Action.WRITE_POSTS),
    ("POST", "/campagnes"): Line(Action.WRITE_POSTS),
    ("GET", "/campagnes/{campaign_id}"): Line(Action.SEE_POSTS, "campaigns"),
    ("GET", "/campagnes/{campaign_id}/bilan"): Line(Action.SEE_POSTS, "campaigns"),
    ("GET", "/campagnes/{campaign_id}/bilan.csv"): Line(Action.SEE_POSTS, "campaigns"),
    ("GET", "/campagnes/{campaign_id}/modifier"): Line(Action.WRITE_POSTS, "campaigns"),
    ("POST", "/campagnes/{campaign_id}"): Line(Action.WRITE_POSTS, "campaigns", body={"version": 1}),
    ("POST", "/campagnes/{campaign_id}/suppression"): Line(Action.WRITE_POSTS, "campaigns", body={"version": 9}),
    ("GET", "/api/v1/campaigns"): Line(Action.SEE_POSTS),
    ("GET", "/api/v1/campaigns/{campaign_id}"): Line(Action.SEE_POSTS, "campaigns"),
    ("POST", "/api/v1/campaigns"): Line(Action.WRITE_POSTS),
    ("PUT", "/api/v1/campaigns/{campaign_id}"): Line(
        Action.WRITE_POSTS, "campaigns", body={"name": "c", "begins_on": "2026-12-01", "ends_on": "2026-12-02"}
    ),
    ("GET", "/api/v1/dossiers"): Line(Action.SEE_POSTS),
    ("GET", "/api/v1/dossiers/{dossier_id}"): Line(Action.SEE_POSTS, "dossiers"),
    # recurring files
    ("POST", "/api/v1/dossiers"): Line(Action.WRITE_POSTS),
    ("PUT", "/api/v1/dossiers/{dossier_id}"): Line(
        Action.WRITE_POSTS, "dossiers", body={"name": "d", "starts_on": "2027-01-01"}
    ),
    ("DELETE", "/api/v1/dossiers/{dossier_id}"): Line(Action.WRITE_POSTS, "dossiers"),
    ("GET", "/dossiers"): Line(Action.SEE_POSTS),
    ("GET", "/dossiers/nouveau"): Line(Action.WRITE_POSTS),
    ("POST", "/dossiers"): Line(Action.WRITE_POSTS),
    ("POST", "/dossiers/regle"): Line(Action.WRITE_POSTS),
    ("GET", "/dossiers/dates-cles"): Line(Action.SEE_POSTS),
    ("POST", "/dossiers/dates-cles"): Line(Action.WRITE_POSTS, whole_city=True),
    ("POST", "/dossiers/dates-cles/{key_date_id}/suppression"): Line("key date"),
    ("GET", "/dossiers/{dossier_id}"): Line(Action.SEE_POSTS, "dossiers"),
    ("GET", "/dossiers/{dossier_id}/modifier"): Line(Action.WRITE_POSTS, "dossiers"),
    ("POST", "/dossiers/{dossier_id}"): Line(
        Action.WRITE_POSTS, "dossiers", body={"version": 1, "starts_on": "2026-12-01", "hour": "9:00", "lead_days": 1}
    ),
    ("POST", "/dossiers/{dossier_id}/archive"): Line(Action.WRITE_POSTS, "dossiers", body={"version": 9}),
    ("POST", "/dossiers/{dossier_id}/brouillon"): Line(Action.WRITE_POSTS, "dossiers", body={"day": "2027-01-01"}),
    ("POST", "/dossiers/fois/{occurrence_id}/taches"): Line(
        Action.WRITE_POSTS, "occurrences", body={"task": "poster", "done": "true"}
    ),
    ("POST", "/dossiers/fois/{occurrence_id}/classement"): Line(Action.WRITE_POSTS, "occurrences"),
    # the news of the site
    ("GET", "/communiques"): Line(Action.WRITE_POSTS),
    ("POST", "/communiques/{entry_id}/classement"): Line("a piece of news"),
    # the calendar
    ("GET", "/calendrier"): Line(Action.SEE_POSTS),
    ("GET", "/calendrier/publications"): Line(Action.SEE_POSTS),
    ("GET", "/calendrier/{post_id}/deplacement"): Line(Action.WRITE_POSTS, "posts"),
    ("POST", "/calendrier/{post_id}/deplacement"): Line(
        Action.WRITE_POSTS, "posts", body={"version": 1, "publish_at": "2026-12-24T12:00"}
    ),
    ("GET", "/calendrier/abonnement"): Line(Action.SEE_POSTS),
    ("POST", "/calendrier/abonnement"): Line(Action.SEE_POSTS),
    ("POST", "/calendrier/abonnement/retrait"): Line(Action.SEE_POSTS),
    ("GET", "/calendrier/abonnement/{token}.ics"): Line("secret address"),
    ("GET", "/campagnes/plan"): Line(Action.WRITE_POSTS),
    ("GET", "/campagnes/plan.csv"): Line(Action.WRITE_POSTS),
    ("POST", "/campagnes/plan"): Line(Action.WRITE_POSTS),
    # the emergency pause
    ("GET", "/pause"): Line(Action.SEE_POSTS),
    ("POST", "/pause"): Line(Action.HOLD_POSTS),
    ("POST", "/pause/{hold_id}/fin"): Line(Action.HOLD_POSTS, "holds"),
    ("GET", "/api/v1/incidents"): Line(Action.SEE_COMMENTS),
    ("GET", "/api/v1/holds"): Line(Action.SEE_POSTS),
    ("POST", "/api/v1/holds"): Line(Action.HOLD_POSTS),
    ("POST", "/api/v1/holds/{hold_id}/end"): Line(Action.HOLD_POSTS, "holds"),
    # the media library
    ("GET", "/medias"): Line(Action.SEE_POSTS),
    ("POST", "/medias"): Line(Action.WRITE_POSTS),
    ("GET", "/medias/publiques/{name}"): Line("sealed name"),
    ("GET", "/medias/liens/{link_id}"): Line("seen link"),
    ("GET", "/medias/{media_id}"): Line(Action.SEE_POSTS, "media"),
    ("GET", "/medias/{media_id}/image"): Line(Action.SEE_POSTS, "media"),
    ("GET", "/medias/{media_id}/film"): Line(Action.SEE_POSTS, "films"),
    ("GET", "/medias/{media_id}/sous-titres"): Line(Action.SEE_POSTS, "films"),
    ("POST", "/medias/{media_id}/sous-titres"): Line(Action.WRITE_POSTS, "films", body={"version": 9}),
    ("POST", "/medias/{media_id}"): Line(Action.WRITE_POSTS, "media", body={"version": 1}),
    ("POST", "/medias/{media_id}/suppression"): Line(Action.WRITE_POSTS, "media", body={"version": 9}),
    # JSON
    ("GET", "/api/v1/comments"): Line(Action.SEE_COMMENTS),
    ("GET", "/api/v1/comments/{comment_id}/attachments/{attachment_id}"): Line(Action.SEE_COMMENTS, "comments"),
    ("GET", "/api/v1/comments/{comment_id}"): Line(Action.SEE_COMMENTS, "comments"),
    ("GET", "/api/v1/comments/{comment_id}/corrections"): Line(Action.SEE_COMMENTS, "comments"),
    ("POST", "/api/v1/comments/{comment_id}/corrections"): Line(
        Action.DECIDE, "comments", body={"version": 1, "intention": "eloge"}
    ),
    ("GET", "/api/v1/items"): Line(Action.SEE_COMMENTS),
    ("GET", "/api/v1/items/{item_id}"): Line(Action.SEE_COMMENTS, "items"),
    ("GET", "/api/v1/proposals"): Line(Action.SEE_COMMENTS),
    ("POST", "/api/v1/proposals"): Line(
        Action.DECIDE, "comments", body={"comment_id": "{thing}", "version": 1, "kind": "hide", "rule_code": "N2"}
    ),
    ("POST", "/api/v1/proposals/{proposal_id}/answer"): Line(
        Action.DECIDE, "proposals", body={"confirmed": False, "motive": "Non"}
    ),
    ("GET", "/api/v1/conversations"): Line(Action.SEE_MESSAGES),
    ("GET", "/api/v1/conversations/{conversation_id}"): Line(Action.SEE_MESSAGES, "conversations"),
    ("GET", "/api/v1/decisions"): Line(Action.SEE_COMMENTS),
    ("POST", "/api/v1/decisions"): Line(Action.DECIDE, "comments", body=DECIDING),
    ("POST", "/api/v1/decisions/{decision_id}/undo"): Line(Action.DECIDE, "decisions"),
    ("GET", "/api/v1/requests"): Line(Action.SEE_REQUESTS),
    ("GET", "/api/v1/requests/{number}"): Line(Action.SEE_REQUESTS, "requests"),
    ("POST", "/api/v1/requests/{number}/changes"): Line(
        Action.WORK_REQUESTS, "requests", body={"status": "in_progress", "note": ""}
    ),
    ("POST", "/api/v1/requests/{number}/notes"): Line(Action.WORK_REQUESTS, "requests", body={"text": "Vu."}),
    ("POST", "/api/v1/requests/{number}/assignment"): Line(Action.WORK_REQUESTS, "requests", body={"person_id": None}),
    ("POST", "/api/v1/requests/{number}/priority"): Line(Action.WORK_REQUESTS, "requests", body={"priority": "high"}),
    ("POST", "/api/v1/requests/{number}/correction"): Line(Action.WORK_REQUESTS, "requests", body={"place": "Ici"}),
    ("GET", "/api/v1/posts"): Line(Action.SEE_POSTS),
    ("GET", "/api/v1/posts/{post_id}"): Line(Action.SEE_POSTS, "posts"),
    ("POST", "/api/v1/posts"): Line(Action.WRITE_POSTS),
    ("PUT", "/api/v1/posts/{post_id}"): Line(
        Action.WRITE_POSTS, "posts", body={"title": "t", "variants": [{"account_id": 1, "text": "x"}]}
    ),
    ("POST", "/api/v1/posts/{post_id}/submit"): Line(Action.WRITE_POSTS, "posts"),
    ("POST", "/api/v1/posts/{post_id}/approve"): Line(Action.APPROVE_POSTS, "posts"),
    ("POST", "/api/v1/posts/{post_id}/send-back"): Line(Action.APPROVE_POSTS, "posts", body={"comment": "Non"}),
    ("POST", "/api/v1/posts/{post_id}/schedule"): Line(
        Action.WRITE_POSTS, "posts", body={"publish_at": "2026-12-24T12:00:00Z"}
    ),
    ("POST", "/api/v1/posts/{post_id}/unschedule"): Line(Action.WRITE_POSTS, "posts"),
    ("POST", "/api/v1/posts/{post_id}/remarks"): Line(
        Action.APPROVE_POSTS, "posts", body={"account_id": 1, "quote": "Bonjour", "text": "Oui"}
    ),
    ("POST", "/api/v1/posts/{post_id}/amendments"): Line(
        Action.WRITE_POSTS, "posts", body={"variant_id": "{thing}", "text": "Autrement"}
    ),
    ("POST", "/api/v1/posts/{post_id}/amendments/{amendment_id}/answer"): Line("amendment"),
    ("POST", "/api/v1/posts/{post_id}/take-down"): Line(
        Action.TAKE_DOWN_POSTS, "posts", body={"variant_id": "{thing}", "motive": "Une erreur"}
    ),
    ("GET", "/api/v1/media"): Line(Action.SEE_POSTS),
    ("POST", "/api/v1/media"): Line(Action.WRITE_POSTS),
    ("GET", "/api/v1/media/{media_id}"): Line(Action.SEE_POSTS, "media"),
    ("GET", "/api/v1/media/{media_id}/content"): Line(Action.SEE_POSTS, "media"),
    ("GET", "/api/v1/media/{media_id}/captions"): Line(Action.SEE_POSTS, "films"),
    ("PUT", "/api/v1/media/{media_id}"): Line(Action.WRITE_POSTS, "media"),
    ("DELETE", "/api/v1/media/{media_id}"): Line(Action.WRITE_POSTS, "media"),
    ("GET", "/api/v1/figures/analysis"): Line(Action.SEE_ANALYSIS),
    ("GET", "/api/v1/figures/posts"): Line(Action.SEE_ACCOUNTS),
    ("GET", "/api/v1/accounts"): Line(Action.SEE_ACCOUNTS),
    ("GET", "/api/v1/exports/comments"): Line(Action.SEE_COMMENTS),
    ("GET", "/api/v1/exports/decisions"): Line(Action.SEE_COMMENTS),
    ("GET", "/api/v1/exports/requests"): Line(Action.SEE_REQUESTS),
    ("GET", "/api/v1/exports/posts"): Line(Action.SEE_POSTS),
}


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every (method, path) that the application answers, files aside."""
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            if method != "HEAD" and route.path:
                yield method, route.path


def test_every_route_stands_in_the_table_and_nothing_else(sqlite_parvis):
    assert set(routes_of(create_app(sqlite_parvis))) == set(TABLE)


def may(parvis: Parvis, line: Line, role: Role, place: str, thing: str) -> bool:
    """What the rules say: the role gives the action, and its place holds the thing ("north", "south" or "city")."""
    if line.who == SIGNED_IN:
        return True
    if line.who not in ALLOWED[role]:
        return False
    if line.whole_city:
        return place == "city"
    return line.thing is None or place == "city" or thing == "north"


def passed(response: Any) -> bool:
    """Whether the request came to the work itself: what the work answers to it is not this test's matter."""
    assert response.status_code < 500, f"{response.request.method} {response.request.url}"
    assert response.status_code != 405, response.text
    out = response.status_code in {401, 403, 404} or response.headers.get("location", "").startswith("/connexion")
    return not out


class Caller:
    """Sends the request of a line, its places filled."""

    def __init__(self, parvis: Parvis, city: Any, client: TestClient) -> None:
        self._client = client
        self._city = city
        with parvis.database.write() as session:
            target = people.invite(
                session,
                "target@ville.example",
                "Target",
                [(Role.MODERATOR, people.CITY)],
                by=None,
                now=parvis.clock(),
            )
            session.flush()
            membership = session.scalars(select(Membership.id).where(Membership.person_id == target.id)).one()
            asked = AccessRequest(
                person_id=target.id, asked_by_id=city.person(Role.MANAGER, "city"), asked_at=parvis.clock()
            )
            session.add(asked)
            for place, number in city.requests.items():
                # Whoever may see a request may see what its comment shows.
                of_request = select(ServiceRequest.id).where(ServiceRequest.number == number)
                comment_id, code = city.comments[place], f"code-{place}"
                session.add(
                    Requester(
                        request_id=session.scalars(of_request).one(),
                        comment_id=comment_id,
                        code=code,
                        added_at=parvis.clock(),
                    )
                )
            keys.add_key(session, "a program", ["comments:read"], now=parvis.clock())
            nouns = ["comment"]
            hooks.add(session, parvis.vault, "a program", "https://x.example", nouns, by=None, now=parvis.clock())
            hook = session.scalars(select(Hook.id)).one()
            owed = {"target": "comment:1", "payload": {"sequence": 1}, "due_at": parvis.clock()}
            message = work.enqueue(
                session, key="a message", operation=OperationKind.ANNOUNCE, channel_id=hook, **owed
            ).id
            session.flush()
            request = asked.id
        self._places = {"person_id": target.id, "membership_id": membership, "token": "x" * 43}
        self._places |= {"network": "facebook", "route": "meta", "connection_id": 1, "session_id": 0}
        self._places |= {"hook_id": hook, "effect_id": message}
        self._places |= {"request_id": request, "name": "x.jpg", "form": "json", "code": "roads"}
        self._places |= {
            "template": "reply_thanks",
            "view_id": 0,
            "key_date_id": 0,
            "rule_id": 0,
            "amendment_id": 0,
            "link_id": 0,
            "remark_id": 0,
            "entry_id": 0,
            "passkey_id": 0,
        }

    def __call__(self, method: str, path: str, line: Line, thing: str, **headers: str) -> Any:
        there = getattr(self._city, line.thing)[thing] if line.thing else 0
        scoped = (
            "account_id",
            "attachment_id",
            "batch_id",
            "campaign_id",
            "comment_id",
            "completion_id",
            "conversation_id",
            "decision_id",
            "dossier_id",
            "hold_id",
            "item_id",
            "incident_id",
            "media_id",
            "note_id",
            "occurrence_id",
            "post_id",
            "proposal_id",
            "number",
        )
        places = dict.fromkeys(scoped, there) | self._places
        given = {"{thing}": there, "{key}": f"{method}{path}{thing}"[-40:]}
        body = {name: given.get(value, value) if isinstance(value, str) else value for name, value in line.body.items()}
        sent: dict[str, Any] = {}
        if method != "GET":
            sent = {"json": body} if path.startswith("/api/") else {"data": body}
        headers = {"if-match": '"1"', **headers}
        return self._client.request(method, path.replace(":path}", "}").format(**places), headers=headers, **sent)


@pytest.mark.parametrize("place", ["city", "north", pytest.param("north account", marks=pytest.mark.long)])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_passes_where_its_place_and_its_actions_say(role, place, sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, place))
    call = Caller(sqlite_parvis, city, client)
    wrong = []
    for (method, path), line in TABLE.items():
        if line.who not in {SIGNED_IN, *Action}:
            continue
        for thing in ("south", "city", "north") if line.thing else ("city",):
            response = call(method, path, line, thing)
            if passed(response) != may(sqlite_parvis, line, role, place, thing):
                wrong.append((method, path, thing, response.status_code))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("role", list(Role))
def test_everybody_lands_on_a_page_that_they_may_see(role, sqlite_parvis, seed_city, visit, sign_in_as):
    """The address that every sign-in leads to: never a circle, never a page that refuses."""
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(role, "city"))
    response = client.get("/")
    if response.status_code == 303:
        response = client.get(response.headers["location"])
    assert response.status_code == 200


def test_who_is_signed_out_passes_nowhere_but_at_the_public_doors(sqlite_parvis, seed_city, visit):
    call = Caller(sqlite_parvis, seed_city(sqlite_parvis), visit(sqlite_parvis))
    wrong = {}
    for (method, path), line in TABLE.items():
        response = call(method, path, line, "city")
        expected = line.who == PUBLIC
        # The sign-in page itself answers 401 to a wrong password.
        if (passed(response) or path == "/connexion") != expected:
            wrong[method, path] = response.status_code
        if path.startswith("/api/") and line.who != PUBLIC:
            assert response.status_code == 401
            assert response.headers["content-type"] == "application/problem+json"
    assert wrong == {}


@pytest.mark.parametrize("scope", sorted(KEY_SCOPES))
def test_a_key_reads_what_its_scope_says_and_no_page(scope, sqlite_parvis, seed_city, visit):
    city = seed_city(sqlite_parvis)
    with sqlite_parvis.database.write() as session:
        key = keys.add_key(session, "programme", [scope], now=sqlite_parvis.clock())
    call = Caller(sqlite_parvis, city, visit(sqlite_parvis))
    wrong = {}
    for (method, path), line in TABLE.items():
        if line.who not in {SIGNED_IN, ANY_KEY, *Action}:
            continue
        response = call(method, path, line, "city", authorization=f"Bearer {key}")
        expected = line.who == ANY_KEY or (path.startswith("/api/") and line.who == KEY_SCOPES[scope])
        if passed(response) != expected:
            wrong[method, path] = response.status_code, response.text[:200]
    assert wrong == {}


UNSAFE = sorted(route for route in TABLE if route[0] != "GET")
FOREIGN: Mapping[str, Mapping[str, str]] = {
    "another site": {"sec-fetch-site": "cross-site"},
    "a neighbour under the same domain": {"sec-fetch-site": "same-site"},
    "another origin, an old browser": {"sec-fetch-site": "", "origin": "https://evil.example"},
    "nothing said": {"sec-fetch-site": ""},
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_no_unsafe_route_takes_a_form_from_elsewhere(foreign, sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.ADMIN, "city"))
    del client.headers["sec-fetch-site"]
    headers = {name: value for name, value in FOREIGN[foreign].items() if value}
    for method, path in UNSAFE:
        response = client.request(method, path.replace("{", "").replace("}", ""), headers=headers)
        assert response.status_code == 403, path
        assert "autre site" in response.text, path


def test_the_same_forms_from_our_own_pages_are_taken(sqlite_parvis, seed_city, visit, sign_in_as):
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), seed_city(sqlite_parvis).person(Role.ADMIN, "city"))
    del client.headers["sec-fetch-site"]
    for headers in ({"origin": "http://127.0.0.1:8000"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
        assert client.post("/compte/preferences", data={"language": "fr_CA"}, headers=headers).status_code == 303
