"""Settings are read as they are written, with units, without secrets and without guesses."""

from pathlib import Path

import pytest
import yaml

from contracts.errors import Invalid
from gateway.errors import Unavailable
from gateway.settings import EmbeddedQueue, RabbitMQ, Settings, secret

SHIPPED = Path(__file__).parents[2] / "config"


def write(folder, **changes):
    document = {**yaml.safe_load((SHIPPED / "gateway.yaml").read_text()), **changes}
    (folder / "gateway.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
    return folder


def refused(folder):
    with pytest.raises(Invalid) as caught:
        Settings.load(folder)
    return [str(problem) for problem in caught.value.problems]


def test_paths_begin_at_the_folder_of_the_file(tmp_path):
    settings = Settings.load(
        write(tmp_path, store={"path": "var/store.db"}, queue={"kind": "embedded", "path": "/q.db"})
    )
    assert Path(settings.store.path) == tmp_path / "var/store.db"
    assert settings.queue == EmbeddedQueue(kind="embedded", path="/q.db")


def test_a_broker_is_spoken_to_with_a_secret_by_reference_only(tmp_path):
    broker = {"kind": "rabbitmq", "host": "mq.example", "ca_file": "ca.pem", "user": "isnad"}
    settings = Settings.load(write(tmp_path, queue={**broker, "password": "env:MQ_PASSWORD"}))
    assert isinstance(settings.queue, RabbitMQ)
    assert settings.queue.port == 5671
    (problem,) = refused(write(tmp_path, queue={**broker, "password": "hunter2"}))
    assert "queue.rabbitmq.password" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"profile": "staging"}, "profile"),
        ({"suite": "none"}, "suite"),
        ({"origin": "https://isnad.example"}, "origin"),
        ({"workers": 0}, "workers"),
        ({"workers": "2"}, "workers"),
        ({"stop_grace": 5}, "stop_grace"),
        ({"keys": {"address": "http://keys.example"}}, "keys.address"),
        ({"serve": {"listen": {}, "metrics": {"host": "10.0.0.1", "port": 1}}}, "serve.metrics.host"),
        ({"limits": {"body_bytes": 1 << 40}}, "limits.body_bytes"),
    ],
)
def test_what_weakens_or_makes_no_sense_is_refused(tmp_path, changes, says):
    assert any(says in problem for problem in refused(write(tmp_path, **changes)))


def test_settings_cannot_be_changed_once_read(tmp_path):
    settings = Settings.load(write(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        settings.profile = "production"


def test_a_secret_comes_from_where_the_reference_says(tmp_path, monkeypatch):
    monkeypatch.setenv("ISNAD_TEST_SECRET", " hunter2\n")
    (tmp_path / "secret").write_text("hunter3\n")
    assert secret("env:ISNAD_TEST_SECRET") == "hunter2"
    assert secret(f"file:{tmp_path}/secret") == "hunter3"


def test_a_secret_that_is_not_there_is_named_by_its_reference(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for reference in ("env:ISNAD_NO_SUCH_SECRET", f"file:{tmp_path}/none", f"file:{tmp_path}/empty"):
        with pytest.raises(Unavailable, match=r"unavailable\.secret") as caught:
            secret(reference)
        assert reference in caught.value.rule
