"""The settings of the store, whose secrets never show."""

import pytest
from pydantic import SecretStr

from service.settings import SettingError, Settings, read_settings


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///store.db",
        "sqlite:////var/lib/store.db",
        "postgresql://u:p%40ss@db.example.org:5432/store",
        "postgresql://u@[::1]/store",
        "postgres:///store",
        "postgresql://u:p@/store?host=/run/postgresql&sslmode=verify-full",
        "postgresql://u:p@one:1,two/store".replace(":1,", ","),
    ],
)
def test_urls(url: str) -> None:
    store = read_settings([f"--store={url}"]).store
    assert store is not None
    assert store.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "store.db",
        "sqlite://store.db",
        "sqlite:///",
        "mysql://u:hunter2@h/d",
        "postgresql://u:hunter2@two@h/d",
        "postgresql://u:hunter2/x@h/d",
        "postgresql://u:hunter2?x@h/d",
        "postgresql://u:12?hunter2@h/d",
        "postgresql://u:hunter2#x@h/d",
        "postgresql://u:[hunter2@h/d",
        "postgresql://u:%hunter2@h/d",
        "postgresql://h/d?password=hunter2",
        "postgresql://u:hunter2@h:99999/d",
        "postgresql://u:hunter2@h/d/e",
    ],
)
def test_a_wrong_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingError, match="MALIGNANCY_STORE") as error:
        read_settings([f"--store={url}"])
    assert "hunter2" not in str(error.value)
    assert error.value.__suppress_context__


def test_secrets_do_not_show() -> None:
    settings = Settings(
        store=SecretStr("postgresql://u:hunter2@h/d"), store_subject_key=SecretStr("k3y" * 8)
    )
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text
        assert "k3y" not in text


def test_a_short_key_of_subjects_is_refused() -> None:
    with pytest.raises(SettingError, match="STORE_SUBJECT_KEY") as error:
        read_settings(["--store-subject-key=sh0rt"])
    assert "sh0rt" not in str(error.value)
