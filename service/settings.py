"""The service's settings: environment variables, each also a flag of `python -m service`."""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MALIGNANCY_"
_DIGEST = re.compile(r"\s*[0-9a-fA-F]{64}\s*")


def _digests(text: str) -> str:
    if not all(_DIGEST.fullmatch(each) for each in text.split(",")):
        raise ValueError("must be SHA-256 digests of 64 hexadecimal digits, separated by commas")
    return text


# Old names, accepted for one release.
DEPRECATED = {
    "more_artifacts": "extra_artifacts",
    "max_waiting": "scoring_queue_size",
    "max_wait_seconds": "scoring_queue_timeout_seconds",
    "max_held_bytes": "max_buffered_body_bytes",
}


class SettingError(Exception):
    """A setting whose value cannot be right: the variable, its flag and the rule, no value."""

    def __init__(self, name: str, rule: str) -> None:
        flag = name.replace("_", "-")
        super().__init__(f"{PREFIX}{name.upper()} (--{flag}) {rule}")


class Settings(BaseSettings):
    """Serve a trained model over REST."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        cli_prog_name="python -m service",
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_show_env_vars=True,
        frozen=True,
    )

    artifact: Path = Field(
        Path("artifacts/wisconsin.joblib"),
        description="The model: an artifact's file, or a folder of versions, of which its file "
        "`current` names the one in force, or that holds exactly one *.joblib.",
    )
    extra_artifacts: str | None = Field(
        None,
        description="Further models, each a file or a folder as above, separated by commas; they "
        "are served by the names they have.",
    )
    artifact_digest: Annotated[str, AfterValidator(_digests)] | None = Field(
        None,
        description="The SHA-256, in hexadecimal digits, of the artifact that may be served as the "
        "default model, or several, separated by commas; without it any.",
    )
    artifact_public_key: Path | None = Field(
        None,
        description="An Ed25519 public key's file, PEM or raw: every artifact then needs beside it "
        "a signature by its private key, NAME.joblib.sig. Needs the extra `signing`.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 is all of them.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 is a free one.")
    threshold: str | None = Field(
        None,
        description="What a probability must exceed to be positive: a number from 0 to 1 or the "
        "name of one of the model's operating points. Without it, the model's own.",
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1,
        description="The largest body of JSON, and the largest record batch of Arrow, in bytes.",
    )
    max_rows: int = Field(
        100_000,
        ge=1,
        description="The most rows in one request of JSON; fewer of a model of over 50 features.",
    )
    max_stream_bytes: int = Field(
        4 * 1024**3,
        ge=1,
        description="The largest body of CSV, NDJSON or Arrow, in bytes; these are scored in flat "
        "memory, and may have any number of rows.",
    )
    scoring_threads: int = Field(
        2, ge=1, le=32, description="How many large bodies are scored at a time."
    )
    scoring_queue_size: int = Field(
        64, ge=0, description="How many more of them may wait; beyond that they are refused: 503."
    )
    scoring_queue_timeout_seconds: float = Field(
        2, gt=0, allow_inf_nan=False, description="How long each may wait before it is refused."
    )
    max_buffered_body_bytes: int = Field(
        256 * 1024**2, ge=1, description="The memory for bodies of all requests together, in bytes."
    )
    api_keys: str | None = Field(
        None,
        description="Who may ask, once given: keys as id:scope+scope:sha256, separated by commas; "
        "scopes are predict, metrics, admin; sha256 is the secret's, in hex.",
    )
    receive_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="How long a request may take to arrive, from its first byte to its last, plus "
        "a second for every 64 KiB of it.",
    )
    send_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="How long a client may take to read an answer, plus a second for every 64 KiB "
        "of it.",
    )
    keep_alive_seconds: float = Field(
        5,
        gt=0,
        allow_inf_nan=False,
        description="How long a connection may be idle between requests.",
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long it goes on answering, not ready any more, once told to stop; longer "
        "than a load balancer takes to notice. Then up to 10 s are for what is under way.",
    )
    max_connections: int = Field(
        1000,
        ge=1,
        description="The most connections at a time to one process; each of several workers takes "
        "as many.",
    )
    max_connections_per_address: int = Field(
        0,
        ge=0,
        description="The most of them from one client address to one process; 0 is no limit, as "
        "behind a proxy all come from its address.",
    )
    allowed_hosts: str | None = Field(
        None,
        pattern=r"^ *((\*\.)?[\w.-]+|\[[\da-f:.]+\])( *, *((\*\.)?[\w.-]+|\[[\da-f:.]+\]))* *$",
        description="The host names to answer to, without ports, separated by commas; "
        "`*.example.org` is all names under example.org. Without it, any.",
    )
    docs: bool = Field(True, description="Whether /docs shows the contract as a page.")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)
    ] = Field("info", description="The least severe messages that are logged, to standard error.")
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(str.lower)] = Field(
        "auto",
        description="Format of log lines: `json`, one object a line; `text`; or `auto`, which is "
        "text when standard error is a terminal and JSON otherwise.",
    )
    access_log: bool = Field(
        True,
        description="Whether each request is logged: its route, status and duration, never what "
        "it held. Health checks are at level debug.",
    )
    workers: int = Field(
        1,
        ge=1,
        description="How many processes serve, each with models of its own; a process that ends "
        "is replaced.",
    )

    @property
    def artifacts(self) -> list[Path]:
        """The paths of all models, the default one's first."""
        more = (self.extra_artifacts or "").split(",")
        return [self.artifact, *(Path(each.strip()) for each in more if each.strip())]

    @property
    def digests(self) -> list[str]:
        """The digests of what may be served as the default model; none: anything may."""
        given = (self.artifact_digest or "").lower().split(",")
        return [each.strip() for each in given if each.strip()]

    @property
    def hosts(self) -> list[str]:
        """The allowed hosts, none for any."""
        return [each.strip() for each in (self.allowed_hosts or "").split(",") if each.strip()]


def read_settings(arguments: Sequence[str]) -> Settings:
    """Read settings from environment variables and command-line flags; a flag overrides.

    `--help` and unknown flags end the program, as argparse does.

    Args:
        arguments: Command-line arguments without the program's name.

    Returns:
        The settings. A deprecated name causes a FutureWarning.

    Raises:
        SettingError: A value is invalid.
    """
    flags = []
    for argument in arguments:
        name, equals, value = argument.removeprefix("--").partition("=")
        key = name.replace("-", "_")
        if argument.startswith("--") and key in DEPRECATED:
            flag = f"--{DEPRECATED[key].replace('_', '-')}"
            _warn_deprecated(f"--{name}", flag)
            argument = f"{flag}{equals}{value}"
        flags.append(argument)
    values: dict[str, Any] = {}
    for old, new in DEPRECATED.items():
        variable = f"{PREFIX}{old.upper()}"
        old_value = os.environ.get(variable)
        if old_value:
            _warn_deprecated(variable, f"{PREFIX}{new.upper()}")
            if not os.environ.get(f"{PREFIX}{new.upper()}"):
                values[new] = old_value
    try:
        return Settings(_cli_parse_args=flags, **values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        rule = first["msg"].replace("Input should", "must", 1).removeprefix("Value error, ")
        raise SettingError(str(first["loc"][0]), rule) from None


def _warn_deprecated(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is deprecated and will be removed in the next release: use {new}",
        FutureWarning,
        stacklevel=3,
    )
