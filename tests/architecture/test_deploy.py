"""The files that run Parvis for a city name commands, queues and settings that exist, and agree with the guide.

No container runs here: what the images do is not tried.
"""

from __future__ import annotations

import configparser
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from api.cli import app
from api.settings import PREFIX, model
from scheduler.jobs import QUEUES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "guide" / "exploitation.md").read_text("utf-8")
SETTINGS = {PREFIX + name.upper() for name in model().model_fields}
OURS = re.compile(rf"\b{PREFIX}[A-Z0-9_]+\b")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]


def commands() -> list[list[str]]:
    """Every `parvis …` that the files start."""
    found = [
        [str(word) for word in service["command"]]
        for service in yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"].values()
        if service.get("image") == "parvis"
    ]
    for unit in DEPLOY.glob("*.service"):
        text = unit.read_text("utf-8").replace("#   ", "")
        found += [shlex.split(line)[1:] for line in re.findall(r"^ExecStart=(\S+parvis .+)$", text, re.MULTILINE)]
    image = (DEPLOY / "Containerfile").read_text("utf-8")
    found += [re.findall(r'"(\w+)"', one) for one in re.findall(r"^CMD (\[.+\])$", image, re.MULTILINE)]
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_what_is_started_is_a_command_with_its_options(command):
    name, *given = command
    group = typer.main.get_command(app)
    known = group.commands[name]
    known.make_context(name, list(given))
    queues = [value for option, value in pairwise(given) if option == "--queue"]
    assert set(queues) <= set(QUEUES)


def test_every_setting_that_a_file_names_exists():
    named = {
        file.name: set(OURS.findall(file.read_text("utf-8"))) - SETTINGS for file in DEPLOY.iterdir() if file.is_file()
    }
    assert {name: unknown for name, unknown in named.items() if unknown} == {}


def test_the_city_of_compose_has_two_doors_and_somebody_for_each_queue(services):
    doors = [name for name, one in services.items() if one.get("command") == ["serve"]]
    assert len(doors) == 2
    proxy = (DEPLOY / "Caddyfile").read_text("utf-8")
    port = model().model_fields["port"].default
    assert re.findall(r"([\w-]+):(\d+)", proxy.split("reverse_proxy")[1].split("{")[0]) == [
        (d, str(port)) for d in doors
    ]
    assert f"EXPOSE {port}" in (DEPLOY / "Containerfile").read_text("utf-8")
    workers = [one["command"][1:] for one in services.values() if one.get("command", [""])[0] == "worker"]
    taken = {queue for command in workers for queue in command[1::2]} if all(workers) else set(QUEUES)
    assert taken == set(QUEUES)
    engines = {one["environment"]["PARVIS_ENGINE"] for one in services.values() if one.get("image") == "parvis"}
    assert engines == {"distributed"}


def test_what_is_not_of_this_machine_is_named_without_its_registry():
    images = re.findall(r"^FROM (\S+)", (DEPLOY / "Containerfile").read_text("utf-8"), re.MULTILINE)
    images += re.findall(r"image: (\S+)", (DEPLOY / "compose.yaml").read_text("utf-8"))
    assert images
    assert [image for image in images if "/" in image] == []


def test_units_stop_slowly_enough_and_may_write_where_the_guide_says():
    for file in DEPLOY.glob("*.service"):
        unit = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
        unit.optionxform = str
        unit.read_string(file.read_text("utf-8"))
        assert int(unit["Service"]["TimeoutStopSec"]) >= 60
        assert unit["Service"]["ReadWritePaths"] == unit["Service"]["WorkingDirectory"] == "/var/lib/parvis"


@pytest.mark.parametrize("file", sorted(one.name for one in DEPLOY.iterdir()))
def test_the_guide_says_what_each_file_is_for(file):
    assert f"deploy/{file}" in GUIDE
