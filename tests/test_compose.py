"""docker-compose.yml against Compose's own schema, and what is in it against the project."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.__main__ import parser
from bot.settings import BotSettings, known_names
from inference.settings import QueueSettings, WorkerSettings
from tests.composed import (
    FILES,
    ROOT,
    VARIABLE,
    RequiredVariable,
    dockerfile,
    environment_of,
    inherited,
    interpolate,
    load,
    variables,
)

ENVIRONMENT = {"DISCORD_TOKEN": "a-token", "REDIS_PASSWORD": "aPassword1"}
OURS = ("worker", "bot")
SCHEMA = Draft202012Validator(json.loads((ROOT / "tests/specs/compose-spec.json").read_text()))
"""The Compose specification's, Apache 2.0 (compose-spec.LICENSE beside it)."""


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = interpolate(load("docker-compose.yml"), ENVIRONMENT)["services"]
    return given


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_as_compose_s_schema_says(name: str) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(load(name))]
    assert not errors
    errors = [error.message for error in SCHEMA.iter_errors(interpolate(load(name), ENVIRONMENT))]
    assert not errors


def test_the_schema_would_notice_a_misspelt_key() -> None:
    file = load("docker-compose.yml")
    file["services"]["redis"]["heathcheck"] = {}
    assert not SCHEMA.is_valid(file)


@pytest.mark.parametrize("name", FILES)
def test_every_dollar_is_of_a_form_that_these_tests_know(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert "$" not in VARIABLE.sub("", "\n".join(line.partition(" #")[0] for line in lines))


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_what_has_to_be_set_is_asked_for_in_a_sentence(missing: str) -> None:
    given = {name: value for name, value in ENVIRONMENT.items() if name != missing}
    with pytest.raises(RequiredVariable, match=r"^Set it in \.env.*\.$"):
        interpolate(load("docker-compose.yml"), given)


def test_the_services_are_the_four(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"redis", "ollama", "worker", "bot"}
    assert set(load("docker-compose.cpu.yml")["services"]) <= set(services)


def test_no_service_publishes_a_port(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert not {"ports", "network_mode"} & set(service), name


def test_the_token_reaches_only_the_bot(services: dict[str, dict[str, Any]]) -> None:
    assert [name for name in services if ENVIRONMENT["DISCORD_TOKEN"] in json.dumps(services[name])] == [
        "bot"
    ]
    assert not any("env_file" in service or "secrets" in service for service in services.values())


def test_redis_s_password_reaches_only_who_needs_it(services: dict[str, dict[str, Any]]) -> None:
    holders = {name for name in services if ENVIRONMENT["REDIS_PASSWORD"] in json.dumps(services[name])}
    assert holders == {"redis", "worker", "bot"}
    for name in holders:
        given = json.dumps({key: value for key, value in services[name].items() if key != "environment"})
        assert ENVIRONMENT["REDIS_PASSWORD"] not in given, "on a command line everybody could read it"


def test_redis_leads_nowhere(services: dict[str, dict[str, Any]]) -> None:
    networks = load("docker-compose.yml")["networks"]
    assert networks["queue"] == {"internal": True}
    assert services["redis"]["networks"] == ["queue"]
    assert {name for name in services if "queue" in services[name]["networks"]} == {"redis", "worker", "bot"}
    assert {name for name in services if "models" in services[name]["networks"]} == {"ollama", "worker"}
    assert {name for name in services if "discord" in services[name]["networks"]} == {"bot"}
    assert {each for service in services.values() for each in service["networks"]} == set(networks)


def test_every_service_is_confined_and_comes_back(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert service["ulimits"]["core"] == 0, name


def test_every_service_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    stages = dockerfile()
    for name, service in services.items():
        if "build" in service:
            kinds = [keyword for keyword, _ in inherited(stages, service["build"]["target"])]
            assert "HEALTHCHECK" in kinds, name
        else:
            assert service["healthcheck"]["test"], name


def test_every_image_of_others_is_pinned(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if "build" not in service:
            version = service["image"].partition(":")[2]
            assert version[:1].isdigit(), name
            assert "." in version, name


def test_gpus_are_reserved_for_models_and_given_back_without_one(services: dict[str, dict[str, Any]]) -> None:
    def devices(name: str, given: dict[str, dict[str, Any]]) -> Any:
        return given[name].get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")

    with_one = {name for name in services if devices(name, services)}
    assert with_one == {"ollama", "worker"}
    for name in with_one:
        assert [(each["driver"], each["capabilities"]) for each in devices(name, services)] == [
            ("nvidia", ["gpu"])
        ]
        assert devices(name, load("docker-compose.cpu.yml")["services"]) == []


def test_every_volume_is_declared_and_writable_paths_are_mounts(services: dict[str, dict[str, Any]]) -> None:
    mounts = {
        name: [each.split(":") for each in service.get("volumes", [])] for name, service in services.items()
    }
    assert {volume for given in mounts.values() for volume, _ in given} == set(
        load("docker-compose.yml")["volumes"]
    )
    assert mounts["redis"] == [["redis", "/data"]]
    stages = dockerfile()
    for name in OURS:
        paths = [path for _, path in mounts[name]] + [
            each.partition(":")[0] for each in services[name]["tmpfs"]
        ]
        ours = environment_of(stages, name)
        for variable in ("HOME", "HF_HOME", "CUDA_CACHE_PATH"):
            if variable in ours:
                assert any(Path(ours[variable]).is_relative_to(path) for path in paths), variable


def test_every_command_is_one_of_ours(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        assert parser().parse_args(services[name]["command"]).command == name
        assert services[name]["build"] | {"args": None} == {"context": ".", "target": name, "args": None}
        assert name in dockerfile()


@pytest.mark.parametrize(("name", "settings"), [("bot", BotSettings), ("worker", WorkerSettings)])
def test_every_variable_is_known_and_every_setting_can_be_made(
    services: dict[str, dict[str, Any]], name: str, settings: type[QueueSettings]
) -> None:
    given = set(services[name]["environment"])
    takes = {str(each.validation_alias) for each in settings.model_fields.values()}
    # Where the data folder is: no process in a container uses one. The other two point at a pocket Discord.
    left_out = {"BEHOLDER_DATA_DIR", "BEHOLDER_DISCORD_API", "BEHOLDER_DISCORD_GATEWAY"}
    assert given == (takes | {"BEHOLDER_LOG"}) - left_out
    assert given - known_names() <= {"REDIS_URL", "DISCORD_TOKEN", "OLLAMA_HOST"}


def test_the_address_of_redis_is_one_that_the_settings_take(services: dict[str, dict[str, Any]]) -> None:
    urls = {services[name]["environment"]["REDIS_URL"] for name in OURS}
    assert urls == {f"redis://:{ENVIRONMENT['REDIS_PASSWORD']}@redis:6379/0"}


def test_every_variable_that_compose_takes_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    for name in set().union(*(variables(load(file)) for file in FILES)):
        assert f"\n{name}=" in example or f"\n#{name}=" in example, name


HAS_COMPOSE = shutil.which("docker") is not None and (
    subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
)


@pytest.mark.skipif(not HAS_COMPOSE, reason="there is no docker compose here")
@pytest.mark.parametrize("files", [FILES[:1], FILES])
def test_docker_compose_itself_takes_the_files(files: tuple[str, ...], tmp_path: Path) -> None:
    for name in files:
        shutil.copy(ROOT / name, tmp_path)
    example = (ROOT / ".env.example").read_text()
    for name, value in ENVIRONMENT.items():
        example = example.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    (tmp_path / ".env").write_text(example + f"COMPOSE_FILE={':'.join(files)}\n")
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json"],
        cwd=tmp_path,
        env=ours,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    resolved = json.loads(done.stdout)["services"]
    assert ("nvidia" in json.dumps(resolved)) == (len(files) == 1)
    assert resolved["bot"]["environment"]["DISCORD_TOKEN"] == ENVIRONMENT["DISCORD_TOKEN"]
