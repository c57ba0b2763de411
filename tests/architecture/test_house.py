"""The walls of the house: floors, imports, sizes, names. ARCHITECTURE.md says why each stands."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import nullcontext
from enum import Enum
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import JSON, LargeBinary, types

from models import vocabulary
from models.base import Base, mark_of
from models.tables import metadata

ROOT = Path(__file__).parents[2]
FLOORS = {"administration", "api", "classifiers", "connectors", "models", "moderation", "publishing", "scheduler"}
LONGEST = 600


def _tracked() -> list[Path]:
    """Every file that git knows or would take, so that a file is judged before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return _tracked()


def _lint_imports(folder: Path) -> str:
    """import-linter's own words about the floors that stand in `folder`."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", "PATH": ""},
    )
    return done.stdout + done.stderr


def _contracts() -> int:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return len(tomllib.load(file)["tool"]["importlinter"]["contracts"])


def test_imports_go_down_only():
    said = _lint_imports(ROOT)
    assert f"Contracts: {_contracts()} kept, 0 broken." in said, said


def test_every_import_contract_bites(tmp_path):
    """A copy of the house with one fault of each kind in it breaks each contract."""
    for floor in FLOORS:
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    faults = {
        "moderation/planted.py": "import publishing.planted\nimport connectors.facebook.descriptor\n",
        "publishing/planted.py": "",
        "classifiers/planted.py": "import sqlalchemy\n",
        "models/planted.py": "import requests\nimport fastapi\nimport facebook\nimport models.planted_too\n"
        "import linkedin_v2\nimport onnxruntime\nimport torch\nimport procrastinate\nimport authlib\n"
        "import webauthn\n",
        "api/planted.py": "import instaloader\nimport av\n",
        "models/planted_too.py": "import models.planted\n",
        "models/vocabulary.py": "import sqlalchemy\n",
    }
    for name, lines in faults.items():
        path = tmp_path / name
        path.write_text(lines + (path.read_text(encoding="utf-8") if path.exists() else ""), encoding="utf-8")
    said = _lint_imports(tmp_path)
    assert f"Contracts: 0 kept, {_contracts()} broken." in said, said


def test_only_its_folder_and_the_registry_name_a_network(files):
    """Not even a comment: what is true of one network stands in its folder. The demonstration tells a story."""
    own = {"registry.py", *(path.parent.name for path in ROOT.glob("connectors/*/__init__.py"))} - {"standin"}
    naming = {
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in {".py", ".html", ".css", ".js"}
        and (parts := path.relative_to(ROOT).parts)[0] in FLOORS
        and not (parts[0] == "connectors" and parts[2 if parts[1] == "standin" else 1] in own)
        and parts[:2] != ("api", "demo")
        and re.search(r"(?i:facebook|instagram|linkedin|meta_app)|\bMeta\b", path.read_text(encoding="utf-8"))
    }
    assert naming == set()


def test_every_package_at_the_root_is_a_floor():
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == FLOORS


@pytest.mark.parametrize("floor", sorted(FLOORS))
def test_a_floor_opens_with_its_charter_and_nothing_else(floor):
    """So that importing a floor's words does not load its database, its web server or its model."""
    source = (ROOT / floor / "__init__.py").read_text(encoding="utf-8")
    assert re.fullmatch(r'"""[^"]+"""\n', source)


def test_no_package_stands_under_tests(files):
    """`tests/api/__init__.py` would shadow `api/` in the middle of a run."""
    assert [path for path in files if path.name == "__init__.py" and "tests" in path.relative_to(ROOT).parts] == []


def test_no_other_distribution_brings_a_package_of_our_names():
    owners = packages_distributions()
    assert {owner for name in FLOORS for owner in owners.get(name, [])} <= {"parvis"}


def test_no_module_is_too_long_to_read(files):
    longest = {
        str(path.relative_to(ROOT)): length
        for path in files
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] != "tests"
        and "migrations" not in path.parts
        and (length := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert longest == {}


def test_no_file_names_a_package_registry_or_a_machine(files):
    """A lock file that names a host would tie every installation to it; npm and pip know their own."""
    hosts = ["registry." + "npmjs", "registry." + "yarnpkg", "py" + "pi.org", "files.python" + "hosted", "/wo" + "rk/"]
    naming = {
        f"{path.relative_to(ROOT)}: {host}"
        for path in files
        for host in hosts
        if host in path.read_text(encoding="utf-8", errors="ignore")
    }
    assert naming == set()


def _pinned(file: str) -> dict[str, str]:
    """The versions of a file of pins, each of which must have a hash."""
    entries = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    return dict(entry.split(maxsplit=1)[0].split("==") for entry in entries)


def test_every_dependency_is_pinned_with_its_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    product, everything = _pinned("constraints.txt"), _pinned("constraints-dev.txt")
    assert product.items() <= everything.items()
    for pinned, asked in (
        (product, project["dependencies"]),
        (everything, [*project["dependencies"], *project["optional-dependencies"]["dev"]]),
    ):
        wanted = map(Requirement, asked)
        assert [str(one) for one in wanted if pinned.get(canonicalize_name(one.name), "0") not in one.specifier] == []
    # Set-up, for people and for CI, never installs torch: only who trains or brings another model asks for it.
    wanting = {name for name, extra in project["optional-dependencies"].items() if any("torch" in one for one in extra)}
    assert wanting == {"torch", "train"}
    assert "torch" not in everything


@pytest.mark.parametrize(
    ("version", "vendor", "refused"), [("standard", False, True), ("standard", True, False), ("editable", False, False)]
)
def test_a_build_without_the_browser_libraries_is_refused(tmp_path, version, vendor, refused):
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if vendor:
        (tmp_path / module.MARK).parent.mkdir(parents=True)
        (tmp_path / module.MARK).touch()
    hook = module.BrowserLibraries(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    with pytest.raises(SystemExit, match="make setup") if refused else nullcontext():
        hook.initialize(version, {})


def test_every_text_says_whose_it_is():
    """Only numbers, times, references and words of the vocabulary need not."""
    silent = []
    for mapper in Base.registry.mappers:
        annotations = vars(mapper.class_).get("__annotations__", {})
        for column in mapper.local_table.columns:
            named = [getattr(vocabulary, word, None) for word in re.findall(r"\w+", annotations.get(column.name, ""))]
            word = any(isinstance(one, type) and issubclass(one, Enum) for one in named)
            text = isinstance(getattr(column.type, "impl", column.type), types.String | LargeBinary | JSON)
            if text and not word and not column.foreign_keys and mark_of(column) is None:
                silent.append(str(column))
    assert silent == []
    bare = {*metadata.sorted_tables} - {mapper.local_table for mapper in Base.registry.mappers}
    assert {column.name for table in bare for column in table.columns if not column.foreign_keys} == set()


def test_help_loads_no_floor_but_the_door():
    """`parvis --help` answers at once: what a command needs is imported inside it."""
    heavy = ["sqlalchemy", "fastapi", "numpy", "facebook"]
    program = f"import sys, api.cli; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert found.strip() == "[]"
