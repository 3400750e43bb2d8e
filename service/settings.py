"""Settings of the service: environment variables that are also flags of `python -m service`."""

import os
import re
import sys
import warnings
from argparse import Action, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from model.artifacts.location import Location, parse_location
from model.errors import ObjectStoreError
from service.environment import is_service_link, platform_port, unknown_variables

PREFIX = "MALIGNANCY_"
SERVICE_LINK_HINT = (
    "; Kubernetes sets this variable to tcp://… for a Service named malignancy: set "
    "enableServiceLinks: false in the pod's specification, or rename the Service"
)
_CANARY = re.compile(r"[0-9a-f]{12,64}:[0-9]{1,3}(\.[0-9]{1,6})?")
_DIGEST = re.compile(r"\s*[0-9a-fA-F]{64}\s*")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_STORE_HOST = re.compile(r"([A-Za-z0-9._%,-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DATABASE = re.compile(r"/?[^/\s]*")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


def _digests(text: str) -> str:
    if not all(_DIGEST.fullmatch(each) for each in text.split(",")):
        raise ValueError("must be SHA-256 digests of 64 hexadecimal digits, separated by commas")
    return text


def parse_hosts(text: str) -> list[str]:
    """Return host names and addresses separated by commas, in the form that they are compared in.

    Names are in lower case, internationalized names in ASCII; IPv6 addresses have no brackets and
    their shortest form.

    Args:
        text: Value of the setting `allowed_hosts`.

    Raises:
        ValueError: The rule that an item breaks.
    """
    return [_host(each.strip()) for each in text.split(",") if each.strip()]


def _host(name: str) -> str:
    address = name.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(address))
    except ValueError:
        pass
    wildcard = "*." if name.startswith("*.") else ""
    try:
        ascii_name = name.removeprefix("*.").removesuffix(".").lower().encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    if not _HOST_NAME.fullmatch(ascii_name):
        raise ValueError(
            "must be host names or IP addresses, separated by commas, without scheme, port and "
            "path; *.example.org is all names below example.org, an empty value is any host"
        )
    return wildcard + ascii_name


def _hosts(text: str) -> str:
    parse_hosts(text)
    return text


def _origins(text: str) -> str:
    origins = [each.strip().lower() for each in text.split(",") if each.strip()]
    if not all(each == "*" or _ORIGIN.fullmatch(each) for each in origins):
        raise ValueError(
            "must be * or origins such as https://example.org:8443, separated by commas: a scheme "
            "http or https, a host, and the port unless it is the default one, without a path or a "
            "slash at the end"
        )
    return ",".join(origins)


def _store(url: SecretStr) -> SecretStr:
    """Check the form of the store's URL, strictly: libpq's errors repeat parts of a wrong one."""
    text = url.get_secret_value()
    scheme, _, rest = text.partition("://")
    try:
        if scheme == "sqlite":
            is_valid = rest.startswith("/") and rest.strip("/") != "" and "\0" not in rest
        else:
            parts = urlsplit(text)
            query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            is_valid = (
                scheme in ("postgresql", "postgres")
                and parts.netloc.count("@") <= 1
                and _STORE_HOST.fullmatch(parts.netloc.rpartition("@")[2]) is not None
                and (parts.port or 1) > 0
                and _DATABASE.fullmatch(parts.path) is not None
                and "#" not in text
                and _BAD_PERCENT.search(text) is None
                and "password" not in query
            )
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(
            "must be sqlite:///PATH, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE with the "
            "characters : / ? # [ ] @ % of a user or a password percent-encoded"
        )
    return url


def _location(value: Any) -> Any:
    """Parse a text; another value is for the type of the setting to check."""
    if not isinstance(value, str):
        return value
    try:
        return parse_location(value)
    except ObjectStoreError as error:  # without the value
        raise ValueError(f"must be a path or the URI of an object store: {error}") from None


def _locations(text: str) -> str:
    for each in text.split(","):
        _location(each.strip())
    return text


def _shadow(text: str) -> str:
    names = [each.partition("=")[0].strip() for each in text.split(",")]
    paths = [each.partition("=")[2].strip() for each in text.split(",")]
    if not all(names) or not all(paths) or len(set(names)) < len(names):
        raise ValueError("must be NAME=PATH, one for each model, separated by commas")
    for path in paths:
        _location(path)
    return text


def _canary(text: str) -> str:
    if not _CANARY.fullmatch(text.strip()) or not 0 < float(text.partition(":")[2]) <= 100:
        raise ValueError(
            "must be DIGEST:PERCENT, 12 to 64 hexadecimal digits in lower case and a number above "
            "0 and up to 100"
        )
    return text.strip()


def _root_path(text: str) -> str:
    path = text.rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise ValueError(
            "must be a path such as /triage: a slash before each segment, and segments of letters, "
            "digits and . _ ~ -"
        )
    return path


# Old name: new name. The old names are accepted until 2.0.
DEPRECATED = {
    "more_artifacts": "extra_artifacts",
    "max_waiting": "scoring_queue_size",
    "max_wait_seconds": "scoring_queue_timeout_seconds",
    "max_held_bytes": "max_request_memory_bytes",
    "max_buffered_body_bytes": "max_request_memory_bytes",
}


class SettingError(Exception):
    """A setting has an invalid value; the text has the variable, the flag and the rule, no value.

    Args:
        name: Field of `Settings`.
        rule: Rule that the value breaks, for example "must be at least 1".
    """

    def __init__(self, name: str, rule: str) -> None:
        flag = name.replace("_", "-")
        super().__init__(f"{PREFIX}{name.upper()} (--{flag}) {rule}")


class VariableError(SettingError):
    """An environment variable that is not a setting has an invalid value.

    Args:
        variable: The variable.
        rule: Rule that its value breaks.
    """

    def __init__(self, variable: str, rule: str) -> None:
        Exception.__init__(self, f"{variable} {rule}")


class Settings(BaseSettings):
    """Serve trained models over REST."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_show_env_vars=True,
        frozen=True,
    )

    artifact: Annotated[Location, BeforeValidator(_location)] = Field(
        Path("artifacts/wisconsin.joblib"),
        description="Path of the default model: an artifact file, or a folder of versions. The "
        "file `current` in a folder names the active version; without it, the folder must contain "
        "exactly one *.joblib file. Or the URI of either in an object store: s3://BUCKET/FOLDER, "
        "gs:// or abfs://, which requires the extra `batch`.",
    )
    artifact_cache: Path | None = Field(
        None,
        description="Folder for the local copies of artifacts in object stores, which a start "
        "without the store serves. Default: malignancy/artifacts in XDG_CACHE_HOME, or in "
        "~/.cache.",
    )
    extra_artifacts: Annotated[str, AfterValidator(_locations)] | None = Field(
        None,
        description="Paths or URIs of further models, separated by commas; each is a file or a "
        "folder, as for the default model. Each model is served under the name in its artifact. "
        "Default: none.",
    )
    artifact_digest: Annotated[str, AfterValidator(_digests)] | None = Field(
        None,
        description="SHA-256 digests of the artifacts that may be served, of all models, 64 "
        "hexadecimal digits each, separated by commas. Default: any artifact.",
    )
    artifact_public_key: Path | None = Field(
        None,
        description="Path of an Ed25519 public key, PEM or 32 raw bytes. Every artifact then "
        "needs a signature in the file NAME.joblib.sig next to it. Requires the extra `signing`. "
        "Default: no signatures.",
    )
    host: str = Field(
        "127.0.0.1",
        description="IP address or host name to listen on; 0.0.0.0 is all of IPv4, and :: all of "
        "IPv6 and IPv4. Of a name, all addresses that this machine has.",
    )
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        description="TCP port to listen on; 0 selects a free port. Without this setting, the "
        "variables PORT (Cloud Run, Heroku) and AIP_HTTP_PORT (Vertex AI) set the port.",
    )
    unix_socket: Path | None = Field(
        None,
        description="Path of a Unix socket to listen on, instead of host and port. Every user who "
        "may enter its folder may connect. Default: none.",
    )
    fd: int | None = Field(
        None,
        ge=0,
        description="Number of an open file descriptor, a socket to listen on, instead of host and "
        "port. The sockets that systemd passes are used without it. Default: none.",
    )
    root_path: Annotated[str, AfterValidator(_root_path)] | None = Field(
        None,
        description="Path prefix under which a proxy serves the service, such as /triage. Requests "
        "are answered with the prefix and without it, since some proxies remove it. Default: none.",
    )
    threshold: str | None = Field(
        None,
        description="Decision threshold: a number from 0 to 1, or the name of an operating point "
        "of the model. A probability above it is positive. Default: the model's operating point "
        "`default`.",
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1,
        description="Maximum size of a JSON or tensor body, of an Arrow record batch and of a page "
        "of Parquet, in bytes.",
    )
    max_rows: int = Field(
        100_000,
        ge=1,
        description="Maximum number of rows in a JSON or tensor request. For models with more "
        "than 50 features the limit is at most 5 000 000 divided by the number of features.",
    )
    max_stream_bytes: int = Field(
        4 * 1024**3,
        ge=1,
        description="Maximum size of a CSV, NDJSON, Arrow or Parquet body, in bytes. Such a body "
        "is scored block by block in constant memory, and its number of rows is not limited.",
    )
    scoring_threads: int = Field(
        2,
        ge=1,
        le=32,
        description="Number of threads that score large bodies, one body each.",
    )
    scoring_queue_size: int = Field(
        64,
        ge=0,
        description="Maximum number of large bodies that wait for a scoring thread. Further ones "
        "are rejected with 503.",
    )
    scoring_queue_timeout_seconds: float = Field(
        2,
        gt=0,
        allow_inf_nan=False,
        description="Maximum time that a large body waits for a scoring thread, in seconds. Then "
        "it is rejected with 503.",
    )
    max_request_memory_bytes: int | None = Field(
        None,
        ge=1,
        description="Maximum memory for all requests of a process, in bytes: received, "
        "decompressed, parsed and unsent. A request that does not fit is rejected with 503. "
        "Default: two thirds of what the memory limit of the control group leaves to each process "
        "after 160 MiB; 256 MiB without a limit.",
    )
    max_spooled_answer_bytes: int | None = Field(
        None,
        ge=1,
        description="Maximum size of the temporary files of a process, in bytes. They hold answers "
        "to tables, and bodies that are Arrow files or Parquet, of more than 1 MiB; a table that "
        "does not fit is rejected with 507. Default: one third of what the memory limit of the "
        "control group leaves to each process after 160 MiB, since a temporary folder may be in "
        "memory; 1 GiB without a limit.",
    )
    api_keys: str | None = Field(
        None,
        description="API keys in the form id:scope+scope:sha256, separated by commas. Scopes are "
        "predict, metrics, feedback and admin; sha256 is the digest of the secret in hexadecimal "
        "digits. "
        "Default: no authentication.",
    )
    receive_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Maximum time to receive a request, from its first byte to its last, in "
        "seconds, plus 1 second for each 64 KiB. Then it is rejected with 408. A new connection "
        "without a byte is closed after the same time.",
    )
    send_timeout_seconds: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Maximum time for a client to read a response, in seconds, plus 1 second for "
        "each 64 KiB. Then the connection is reset.",
    )
    keep_alive_seconds: float = Field(
        620,
        gt=0,
        allow_inf_nan=False,
        description="Maximum idle time of a connection between two requests, in seconds. Then it "
        "is closed. Must be longer than that of a proxy in front of the service. Idle connections "
        "are closed earlier when there is no room for new ones.",
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Time between SIGTERM and the closing of the port, in seconds. Requests are "
        "answered and readiness checks fail in this time, which must be longer than a load "
        "balancer needs to notice. Afterwards, requests in progress have 10 seconds (fixed) to "
        "finish.",
    )
    max_connections: int = Field(
        1000,
        ge=1,
        description="Maximum number of open connections of a process. With several workers, each "
        "worker has this limit. A new connection beyond it closes the one that has waited longest "
        "for its client. If none waits, only health checks are answered on new connections, and "
        "other requests are rejected with 503.",
    )
    max_connections_per_address: int | None = Field(
        None,
        ge=0,
        description="Maximum number of open connections of a process from one client address, in "
        "the same way; an IPv6 network of 64 bits counts as one address, and 0 is no limit. Behind "
        "a proxy all connections come from the address of the proxy. Default: 80 % of "
        "`max_connections`.",
    )
    allowed_hosts: Annotated[str, AfterValidator(_hosts)] | None = Field(
        None,
        description="Host names and addresses allowed in the header Host, without ports, separated "
        "by commas; `*.example.org` is all names below example.org. Requests to others are "
        "rejected with 421, except health checks and /metrics. Default: any name.",
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] | None = Field(
        None,
        description="Origins of pages whose scripts may call the service and read its answers "
        "(CORS), such as https://example.org, separated by commas; `*` is all. A browser's "
        "preflight requests then need no key. Default: none.",
    )
    docs: bool = Field(True, description="Interactive API documentation at /docs.")
    page: bool = Field(
        True,
        description="Page for people at /, for clients that prefer HTML; without it, / is always "
        "JSON.",
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)
    ] = Field("info", description="Least severe level that is logged to standard error.")
    log_format: Annotated[Literal["auto", "json", "text"], BeforeValidator(str.lower)] = Field(
        "auto",
        description="Format of log lines: `json`, one object a line; `text`; or `auto`, which is "
        "text when standard error is a terminal and JSON otherwise.",
    )
    access_log: bool = Field(
        True,
        description="Log line for each request with its id, route, status and duration, and "
        "without any value of the request. Health checks are logged at level debug.",
    )
    workers: int = Field(
        1,
        ge=1,
        description="Number of processes that serve requests. Each loads its own models. A "
        "process that exits is replaced.",
    )
    store: Annotated[SecretStr, AfterValidator(_store)] | None = Field(
        None,
        description="Database that keeps predictions: sqlite:///PATH, with a fourth slash for an "
        "absolute path, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, which requires the extra "
        "`postgres`; without a password in it, the variables PGPASSWORD and PGPASSFILE are read. "
        "Default: nothing is kept.",
    )
    store_keeps: Literal["counts", "predictions", "inputs"] = Field(
        "counts",
        description="Contents of the store: `counts` of rows by hour and bins of values; "
        "`predictions`, each with its id, also; `inputs`, the values of each row, also.",
    )
    store_counts_days: float = Field(
        730,
        gt=0,
        allow_inf_nan=False,
        description="Days for which counts are kept.",
    )
    store_predictions_days: float = Field(
        365,
        gt=0,
        allow_inf_nan=False,
        description="Days for which predictions and their truth are kept.",
    )
    store_inputs_days: float = Field(
        30,
        gt=0,
        allow_inf_nan=False,
        description="Days for which input values are kept; at most as long as predictions.",
    )
    store_subject_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret of at least 16 characters, with which the names of subjects are "
        "replaced by keyed digests (HMAC-SHA256). Default: no subjects.",
    )

    shadow: Annotated[str, AfterValidator(_shadow)] | None = Field(
        None,
        description="Shadow versions, as NAME=PATH separated by commas: the name of a model, and "
        "an artifact file or a folder of versions, or the URI of one. Each predicts what the model "
        "has answered, after the answer, and its predictions go to the store only. Loaded at the "
        "start. Default: none.",
    )

    canary: Annotated[str, AfterValidator(_canary)] | None = Field(
        None,
        description="Canary version, as DIGEST:PERCENT: the first 12 or more digits of the SHA-256 "
        "of a version in the folder of a model, and the share of the requests for predictions that "
        "it answers. By a hash of the subject, else of the API key's id, else of the request id. "
        "Default: none.",
    )

    @property
    def canary_share(self) -> tuple[str, float] | None:
        """Digits and percent of the canary version; None without one."""
        digest, _, percent = (self.canary or "").partition(":")
        return (digest.strip(), float(percent)) if percent else None

    @property
    def shadows(self) -> dict[str, Location]:
        """Locations of the shadow versions by name of the model."""
        pairs = (each.partition("=") for each in (self.shadow or "").split(",") if each)
        return {name.strip(): parse_location(path.strip()) for name, _, path in pairs}

    @property
    def artifacts(self) -> list[Location]:
        """Locations of all models, the default model first."""
        extra = (self.extra_artifacts or "").split(",")
        return [self.artifact, *(parse_location(each.strip()) for each in extra if each.strip())]

    @property
    def digests(self) -> list[str]:
        """Allowed SHA-256 digests of artifacts; an empty list allows any."""
        digests = (self.artifact_digest or "").lower().split(",")
        return [each.strip() for each in digests if each.strip()]

    @property
    def origins(self) -> list[str]:
        """Origins whose scripts may read answers; an empty list allows none."""
        return self.cors_origins.split(",") if self.cors_origins else []

    @property
    def hosts(self) -> list[str]:
        """Allowed host names, as `parse_hosts` returns them; an empty list allows any."""
        return parse_hosts(self.allowed_hosts or "")


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
    port = platform_port(os.environ)
    if port and not os.environ.get(f"{PREFIX}PORT"):
        values["port"] = port[1]
    try:
        if not flags:  # the parser takes 8 ms of the startup time
            return Settings(**values)
        source: CliSettingsSource[Namespace] = CliSettingsSource(
            Settings,
            cli_prog_name=_program_name(),
            cli_parse_args=flags,
            formatter_class=_HelpFormatter,
        )
        return Settings(_cli_settings_source=source, **values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name, rule = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
        rule = rule.replace("Input should", "must", 1)
        if is_service_link(f"{PREFIX}{name.upper()}", str(first["input"])):
            rule += SERVICE_LINK_HINT
        if port and first["input"] == values.get(name):
            raise VariableError(port[0], rule) from None
        raise SettingError(name, rule) from None


def unknown_settings() -> dict[str, str | None]:
    """Return the environment variables that begin as settings, but are none.

    Returns:
        The nearest setting of each one, None if none is near. The variables that Kubernetes sets
        for a Service named malignancy are left out.
    """
    known = {each.upper() for each in (*Settings.model_fields, *DEPRECATED)}
    return unknown_variables(os.environ, PREFIX, known)


class _HelpFormatter(RawDescriptionHelpFormatter):
    """Leaves out a default that a description already explains in words."""

    def _get_help_string(self, action: Action) -> str | None:
        return action.help and action.help.replace(" (default: null)", "")


def _program_name() -> str:
    is_script = Path(sys.argv[0]).stem == "malignancy"
    return "malignancy serve" if is_script else "python -m service"


def _warn_deprecated(old: str, new: str) -> None:
    warnings.warn(
        f"{old} is deprecated and will be removed in 2.0: use {new}",
        FutureWarning,
        stacklevel=3,
    )
