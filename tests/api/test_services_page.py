"""The catalogue on its pages: worded by a person, taken from a spreadsheet, and what a request answers of it."""

from __future__ import annotations

from sqlalchemy import select

from models.comments import Comment
from models.requests311 import Service, ServiceRequest
from models.vocabulary import Role

WORDED = {
    "version": "1",
    "name": "Chaussée",
    "group": "chaussee_trottoir",
    "days": "3",
    "working_days": "1",
    "active": "1",
    "questions": "2",
    "question-0-code": "taille",
    "question-0-datatype": "singlevaluelist",
    "question-0-fr": "Quelle taille?",
    "question-0-values": "p = Petit\ng = Grand",
    "question-1-code": "quand",
    "question-1-datatype": "datetime",
    "question-1-fr": "Depuis quand?",
}


def client_of(role, parvis, seed_city, visit, sign_in_as, place="city"):
    city = seed_city(parvis)
    return sign_in_as(parvis, visit(parvis), city.person(role, place))


def test_a_service_is_worded_and_its_questions_are_asked_of_a_request(sqlite_parvis, seed_city, visit, sign_in_as):
    client = client_of(Role.AGENT311, sqlite_parvis, seed_city, visit, sign_in_as)
    assert client.post("/services/roads", data=WORDED).headers["location"] == "/services/roads?fait=saved"
    page = client.get("/services/roads").text
    assert "jours ouvrables" in client.get("/services").text
    assert "p = Petit" in page
    stale = client.post("/services/roads", data=WORDED | {"name": "Autre"})
    assert stale.status_code == 409
    assert 'value="Autre"' in stale.text
    wrong = client.post("/services/roads", data=WORDED | {"version": "2", "question-0-values": "", "days": "jamais"})
    assert wrong.status_code == 422
    assert 'value="jamais"' in wrong.text
    number = "PAR-2026-000001"
    assert "Depuis quand?" in client.get(f"/requetes/{number}").text
    said = {"version": "1", "service_code": "roads", "place": "12, rue Wolfe"}
    refused = client.post(
        f"/requetes/{number}/correction", data=said | {"attribute[taille]": "x", "attribute[quand]": "hier <b>"}
    )
    assert refused.status_code == 422
    assert 'value="hier &lt;b&gt;"' in refused.text
    answers = {"attribute[taille]": "g", "attribute[quand]": "2026-11-30T08:00"}
    assert client.post(f"/requetes/{number}/correction", data=said | answers).status_code == 303
    page = client.get(f"/requetes/{number}").text
    assert "12, rue Wolfe" in page
    assert '<dd dir="auto">Grand</dd>' in page
    with sqlite_parvis.database.read() as session:
        kept = session.scalars(select(ServiceRequest).where(ServiceRequest.number == number)).one()
        assert kept.attributes == {"taille": "g", "quand": "2026-11-30T13:00:00Z"}
    assert "Grand" in client.get(f"/requetes/{number}/fiche").text


def test_the_units_of_the_boroughs_are_written_beside_the_service(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.AGENT311, "city"))
    units = {"unit": "Voirie", "unit-north": "Voirie du nord", "unit-south": ""}
    assert client.post("/services/roads", data=WORDED | units).status_code == 303
    page = client.get("/services/roads").text
    assert 'name="unit-north" type="text" value="Voirie du nord"' in page
    assert 'name="unit-south" type="text" value=""' in page
    wrong = client.post("/services/roads", data=WORDED | units | {"version": "2", "unit-south": "x" * 101})
    assert wrong.status_code == 422
    assert 'id="unit-south-wrong"' in wrong.text
    reader = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.AGENT311, "north"))
    assert "<dd>Voirie du nord</dd>" in reader.get("/services/roads").text


def test_colleagues_assign_note_transfer_and_find_it_again(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    agent = city.person(Role.AGENT311, "city")
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), agent)
    base = "/requetes/PAR-2026-000001"
    assert client.post(f"{base}/attribution", data={"version": 1, "assignee": agent}).status_code == 303
    assert "PAR-2026-000001" in client.get("/requetes?a=moi").text
    assert "PAR-2026-000001" not in client.get("/requetes?a=0").text
    assert client.post(f"{base}/priorite", data={"version": 2, "priority": "urgent"}).status_code == 303
    assert client.post(f"{base}/priorite", data={"version": 2, "priority": "urgent"}).status_code == 409
    long = client.post(f"{base}/note", data={"text": "<i>" + "x" * 4001})
    assert long.status_code == 422
    assert "&lt;i&gt;xxx" in long.text
    assert client.post(f"{base}/note", data={"text": "Voir <b>"}).status_code == 303
    assert "Voir &lt;b&gt;" in client.get(base).text
    wrong = client.post(f"{base}/transfert", data={"version": 3, "unit": "Eaux", "reason": ""})
    assert wrong.status_code == 422
    assert 'value="Eaux"' in wrong.text
    moved = client.post(f"{base}/transfert", data={"version": 3, "unit": "Eaux", "reason": "Une conduite."})
    assert moved.headers["location"] == "/requetes?fait=saved"
    page = client.get(base).text
    assert "Transférée\N{NO-BREAK SPACE}: Eaux" in page
    assert "Une conduite." in page


def test_a_new_service_and_a_spreadsheet(sqlite_parvis, seed_city, visit, sign_in_as):
    client = client_of(Role.MANAGER, sqlite_parvis, seed_city, visit, sign_in_as)
    taken = client.post("/services/nouveau", data=WORDED | {"code": "roads"})
    assert taken.status_code == 422
    assert "Un autre service a ce code" in taken.text
    assert client.post("/services/nouveau", data=WORDED | {"code": "nouveau-service"}).status_code == 303
    sheet = "code,name,group,days\nfontaine,Fontaine,parcs,5\ncassé,,parcs,x\n".encode()
    page = client.post("/services/importation", files={"file": ("s.csv", sheet, "text/csv")})
    assert page.status_code == 200
    assert "1 service ajouté" in page.text
    assert "Ligne 3" in page.text
    with sqlite_parvis.database.read() as session:
        assert session.get_one(Service, "fontaine").days == 5
    assert client.post("/services/importation", files={"file": ("s.csv", b"\xff\0", "text/csv")}).status_code == 422
    assert client.post("/services/importation", data={"file": "pas un fichier"}).status_code == 422


def test_the_three_services_that_share_the_words_come_first(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    with sqlite_parvis.database.write() as session:
        session.get_one(Comment, city.comments["north"]).text = "Un arbre tombé : la branche dangereuse du parc"
        for code, name in (
            ("arbre-tombe", "Arbre ou branche tombée"),
            ("arbre-danger", "Arbre ou branche dangereuse"),
            ("parc", "Entretien d’un parc"),
            ("arbre-maladie", "Maladie (arbre)"),
        ):
            session.add(Service(code=code, name=name, group="arbres", days=2, attributes=[]))
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.MODERATOR, "city"))
    page = client.get(f"/commentaires/{city.comments['north']}").text
    first = page.partition('<optgroup label="')[2].partition("</optgroup>")[0]
    assert first.startswith("Partage les mots du commentaire")
    assert first.count("<option") == 3
    assert 'value="arbre-tombe"' in first
    assert page.count('value="arbre-tombe"') == 1
    assert page.count(" selected") >= 1
