"""Tests of service.settings: environment variables, flags, deprecated names and error texts."""

import json
import re
from pathlib import Path

import pytest

from service.environment import PORT_VARIABLES
from service.settings import (
    DEPRECATED,
    PREFIX,
    SettingError,
    Settings,
    read_settings,
    unknown_settings,
)


@pytest.fixture(autouse=True)
def no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PORT_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    settings = read_settings([])
    assert settings.artifact == Path("artifacts/wisconsin.joblib")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.threshold is None
    assert settings.max_body_bytes == 16 * 1024 * 1024
    assert settings.max_rows == 100_000
    assert (settings.log_level, settings.log_format) == ("info", "auto")


def test_a_flag_overrides_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALIGNANCY_PORT", "1234")
    monkeypatch.setenv("MALIGNANCY_MAX_BODY_BYTES", "1000")
    settings = read_settings(["--port", "4321"])
    assert settings.port == 4321
    assert settings.max_body_bytes == 1000


def test_empty_and_unknown_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALIGNANCY_PORT", "")
    monkeypatch.setenv("MALIGNANCY_SOMETHING", "1")
    assert read_settings([]).port == 8000


@pytest.mark.parametrize("variable", PORT_VARIABLES)
def test_a_platform_gives_the_port(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1234")
    assert read_settings([]).port == 1234
    assert read_settings(["--port", "4321"]).port == 4321
    monkeypatch.setenv("MALIGNANCY_PORT", "2345")
    assert read_settings([]).port == 2345


def test_an_invalid_port_of_a_platform_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(SettingError, match=r"^PORT must be a valid integer"):
        read_settings([])
    with pytest.raises(SettingError, match=r"^MALIGNANCY_PORT \(--port\) must be a valid integer"):
        read_settings(["--port", "ninety"])
    assert read_settings(["--port", "90"]).port == 90


def test_a_service_link_of_kubernetes_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALIGNANCY_PORT", "tcp://10.0.0.1:80")
    with pytest.raises(SettingError, match=r"^MALIGNANCY_PORT .* must be .*; Kubernetes sets"):
        read_settings([])
    assert read_settings(["--port", "8000"]).port == 8000


def test_unknown_variables_have_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MALIGNANCY_MAX_ROW", "malignancy_treshold", "MALIGNANCY_X", "MALIGNANCY_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MALIGNANCY_MAX_WAITING", "1")
    assert unknown_settings() == {
        "MALIGNANCY_MAX_ROW": "MALIGNANCY_MAX_ROWS",
        "malignancy_treshold": "MALIGNANCY_THRESHOLD",
        "MALIGNANCY_X": None,
    }


def test_choices_are_case_insensitive() -> None:
    settings = read_settings(["--log-level", "WARNING", "--log-format", "JSON"])
    assert (settings.log_level, settings.log_format) == ("warning", "json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("MAX_ROWS", "0"),
        ("MAX_BODY_BYTES", "16MiB"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_an_invalid_value_is_an_error_without_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MALIGNANCY_{name}", value)
    with pytest.raises(SettingError) as caught:
        read_settings([])
    text = str(caught.value)
    assert text.startswith(f"MALIGNANCY_{name} (--{name.lower().replace('_', '-')}) must be ")
    assert value not in text


@pytest.mark.parametrize(
    "value", ["http://a.org", "a.org:8000", "[::1]:8000", "*", "*.", "a..b", "a.org/x", "a.org b"]
)
def test_a_wrong_host_is_explained_in_words(value: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings(["--allowed-hosts", f"b.org, {value}"])
    text = str(caught.value)
    assert text.startswith("MALIGNANCY_ALLOWED_HOSTS (--allowed-hosts) must be host names or IP ")
    assert "without scheme, port and path" in text
    assert "pattern" not in text


@pytest.mark.parametrize(
    ("given", "expected"), [("/triage", "/triage"), ("/a/b.c/", "/a/b.c"), ("/", "")]
)
def test_a_root_path_has_no_slash_at_its_end(given: str, expected: str) -> None:
    assert read_settings(["--root-path", given]).root_path == expected


@pytest.mark.parametrize("value", ["triage", "//a", "/a//b", "/a?b", "/a b", "http://a.org/b"])
def test_a_wrong_root_path_is_explained_in_words(value: str) -> None:
    with pytest.raises(SettingError, match=r"ROOT_PATH \(--root-path\) must be a path such as"):
        read_settings(["--root-path", value])


def test_no_setting_has_a_pattern_which_an_error_would_quote() -> None:
    assert '"pattern"' not in json.dumps(Settings.model_json_schema())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_description_is_a_noun_phrase_with_unit_and_default(name: str) -> None:
    field = Settings.model_fields[name]
    description = field.description or ""
    assert description.endswith(".")
    assert not re.match(r"(The|What|Whether|Who|How) ", description)
    for unit in ("seconds", "bytes"):
        assert not name.endswith(f"_{unit}") or f"in {unit}" in description
    assert field.default is not None or "Default: " in description


def test_help_lists_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_settings(["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in shown
        assert f"MALIGNANCY_{name.upper()}" in shown.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(("old", "new"), DEPRECATED.items())
def test_a_deprecated_name_still_works(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = f"--{old.replace('_', '-')}"
    with pytest.warns(FutureWarning, match=f"--{new.replace('_', '-')}"):
        assert str(getattr(read_settings([flag, "7"]), new)).startswith("7")
    with pytest.warns(FutureWarning, match=f"--{new.replace('_', '-')}"):
        assert str(getattr(read_settings([f"{flag}=7"]), new)).startswith("7")
    monkeypatch.setenv(f"{PREFIX}{old.upper()}", "8")
    with pytest.warns(FutureWarning, match=f"{PREFIX}{new.upper()}"):
        assert str(getattr(read_settings([]), new)).startswith("8")
    monkeypatch.setenv(f"{PREFIX}{new.upper()}", "9")
    with pytest.warns(FutureWarning):
        assert str(getattr(read_settings([]), new)).startswith("9")


def test_a_flag_overrides_a_deprecated_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALIGNANCY_MAX_WAITING", "8")
    with pytest.warns(FutureWarning):
        assert read_settings(["--scoring-queue-size", "3"]).scoring_queue_size == 3


def test_idle_connections_stay_open_for_longer_than_those_of_proxies() -> None:
    nginx, load_balancer_of_aws, load_balancer_of_google = 60, 60, 600  # seconds
    assert Settings().keep_alive_seconds > max(nginx, load_balancer_of_aws, load_balancer_of_google)


def test_artifacts_are_paths_or_uris() -> None:
    arguments = ("--artifact", "s3://a/b/", "--extra-artifacts", "gs://b/c, d,file:///e%20f")
    settings = read_settings(arguments)
    assert settings.artifacts == ["s3://a/b", "gs://b/c", Path("d"), Path("/e f")]
    settings = read_settings(["--shadow", "one=s3://a/b=c,two = d"])
    assert settings.shadows == {"one": "s3://a/b=c", "two": Path("d")}
    assert Settings(artifact=Path("a/b")).artifact == Path("a/b")


@pytest.mark.parametrize("flag", ["artifact", "extra-artifacts", "shadow"])
@pytest.mark.parametrize("value", ["s3://name:hidden@b/c", "https://hidden/x", "s3://b//hidden"])
def test_an_invalid_uri_is_refused_without_its_text(flag: str, value: str) -> None:
    value = f"name={value}" if flag == "shadow" else value
    with pytest.raises(SettingError, match=rf"\(--{flag}\) must be a path or the URI") as caught:
        read_settings([f"--{flag}", value])
    assert "hidden" not in str(caught.value)
