"""The files for a system with no API, on their page."""

from __future__ import annotations

from models.vocabulary import Role


def test_a_file_leaves_and_another_comes_back(sqlite_parvis, seed_city, visit, sign_in_as):
    city = seed_city(sqlite_parvis)
    client = sign_in_as(sqlite_parvis, visit(sqlite_parvis), city.person(Role.AGENT311, "city"))
    page = client.get("/requetes/transmission/fichiers").text
    assert "3 requêtes" in page
    sent = client.post("/requetes/transmission/fichier")
    assert sent.headers["content-type"].startswith("text/csv")
    assert "attachment" in sent.headers["content-disposition"]
    assert sent.text.count("PAR-2026-") == 3
    assert "Partie, sans accusé de réception" in client.get("/requetes").text
    assert client.post("/requetes/PAR-2026-000001/transmission/accuse").status_code == 303
    assert "Accusée" in client.get("/requetes/PAR-2026-000001").text
    body = b"number,outside_number,status\nPAR-2026-000001,T-1,\nPAR-2026-000002,<b>,\nx,T-3,\n"
    back = client.post("/requetes/transmission/retour", files={"file": ("r.csv", body, "text/csv")})
    assert back.status_code == 200
    assert "Ligne 4" in back.text
    assert client.get("/requetes/T-1").status_code == 200
    for bad in (b"", b"\xff\xfe\0", b"PK\x03\x04"):
        assert client.post("/requetes/transmission/retour", files={"file": ("r.csv", bad)}).status_code == 422
    assert client.post("/requetes/transmission/retour", data={"file": "x"}).status_code == 422
