"""The image and the compose file: published to this machine only, bounded, and in step."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_services_are_those_that_were_promised() -> None:
    """The gateway, redis and prometheus; Locust and Toxiproxy in profiles of their own."""
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {"gateway", "redis", "prometheus"}
    assert set(SERVICES) - always == {"locust-master", "locust-worker", "toxiproxy"}


@each_service
def test_ports_are_published_to_loopback_only(name: str) -> None:
    """Nothing of the compose file can be reached from another machine."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@each_service
def test_every_service_is_bounded_and_unprivileged(name: str) -> None:
    """Each has a limit of memory and CPU, and no capabilities."""
    service = SERVICES[name]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@each_service
def test_every_service_tells_its_health(name: str) -> None:
    """Each that serves has a health check, of its own or (the gateway) of its image."""
    if "profiles" not in SERVICES[name]:
        own = name == "gateway" and "HEALTHCHECK" in DOCKERFILE
        assert own or "healthcheck" in SERVICES[name]


def test_named_volumes_are_declared() -> None:
    """A volume that is mounted by name is one of the file's volumes."""
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if re.match(r"[a-z]", mount)}
    assert named == set(COMPOSE["volumes"])


def test_mounted_files_exist() -> None:
    """A file of the checkout that is mounted is there (Docker would make a directory of it)."""
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert files
    assert all((ROOT / file).is_file() for file in files)


def test_prometheus_scrapes_the_gateway() -> None:
    """The scrape target is the gateway's name and port inside the compose network."""
    config = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())
    targets = [
        target
        for job in config["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]
    assert targets == ["gateway:8000"]


def test_the_image_builds_with_the_uv_of_the_lock() -> None:
    """One version of uv writes the lock, builds the image and installs checkouts."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = next(package["version"] for package in lock["package"] if package["name"] == "uv")
    assert f"ARG UV_VERSION={locked}\n" in DOCKERFILE


def test_the_image_has_the_version_of_the_package() -> None:
    """The image's tag is the package's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SERVICES["gateway"]["image"] == f"dynogate:{project['version']}"


def test_the_image_runs_unprivileged() -> None:
    """The last user of the image is not root, and liveness decides its health."""
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)[-1] == "dynogate"
    assert "/health/live" in DOCKERFILE
    assert "EXPOSE 8000" in DOCKERFILE
