"""A recipe that extends another: overridden, replaced and inherited keys."""

from pathlib import Path

import pytest

from model.errors import RecipeError
from model.network.layers import Dense
from model.training.recipes.recipe import load_recipe


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def error_text(path: Path) -> str:
    """Return the error text after the file's name."""
    with pytest.raises(RecipeError) as error:
        load_recipe(str(path))
    file, colon, message = str(error.value).partition(": ")
    assert (file, colon) == (str(path), ": ")
    return message


def error_text_of(tmp_path: Path, text: str | bytes) -> str:
    return error_text(write(tmp_path / "my.toml", text))


def extend_article(tmp_path: Path, text: str) -> Path:
    return write(tmp_path / "my.toml", f'extends = "article"\n{text}')


def test_article_long_differs_from_article_in_rate_and_epochs() -> None:
    article, long = load_recipe("article"), load_recipe("article-long")
    changes = {"learning_rate": 0.07, "epochs": 65_000}
    expected = article.facts["recipe"]
    training = {**expected["training"], **changes}
    assert long.facts["recipe"] == {**expected, "name": "article-long", "training": training}


def test_extends_overrides_key_by_key(tmp_path: Path) -> None:
    write(tmp_path / "rows.csv", "")
    write(tmp_path / "parent.toml", 'extends = "article"\ndata.file = "rows.csv"\nthreshold = 0.7')
    child = tmp_path / "below" / "child.toml"
    child.parent.mkdir()
    write(child, 'extends = "../parent.toml"\nname = "child"\ntraining.seed = 5')
    recipe, article = load_recipe(str(child)), load_recipe("article")
    assert (recipe.name, recipe.threshold, recipe.training.seed) == ("child", 0.7, 5)
    assert recipe.training.epochs == article.training.epochs
    assert recipe.data.target == article.data.target
    assert recipe.data.file.samefile(tmp_path / "rows.csv")


def test_lists_are_replaced_as_a_whole(tmp_path: Path) -> None:
    path = extend_article(tmp_path, 'network.layers = [{units = 1}]\nfeatures = [{name = "a"}]')
    recipe = load_recipe(str(path))
    assert recipe.network.layers == (Dense(1),)
    assert recipe.schema.names == ("a",)
    assert recipe.network.layout.size == 2


def test_absolute_data_path_is_kept(tmp_path: Path) -> None:
    path = extend_article(tmp_path, 'data.file = "/rows.csv"')
    assert load_recipe(str(path)).data.file == Path("/rows.csv")


def test_cycle_of_two_recipes_is_rejected(tmp_path: Path) -> None:
    write(tmp_path / "other.toml", 'extends = "my.toml"')
    message = "extends other.toml: extends my.toml: it extends itself: remove extends from one"
    assert error_text_of(tmp_path, 'extends = "other.toml"').startswith(message)


def test_cycle_through_a_relative_path_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "my.toml", 'extends = "my.toml"')
    message = "extends my.toml: it extends itself: remove extends from one of the files"
    assert error_text(Path("my.toml")) == message


def test_another_kind_of_split_or_network_replaces_the_table(tmp_path: Path) -> None:
    text = "split.validation = 0.25\nnetwork.hidden = []"
    recipe = load_recipe(str(extend_article(tmp_path, text)))
    assert recipe.split.train is None
    assert recipe.split.validation == 0.25
    assert recipe.network.layers == (Dense(1),)
    other = load_recipe(str(extend_article(tmp_path, "split.validation = [501, 600]")))
    assert other.split.train == (0, 500)
    named = "training.optimizer = {name = 'adam', beta1 = 0.8}"
    assert load_recipe(str(extend_article(tmp_path, named))).training.optimizer.beta1 == 0.8


def test_label_smoothing(tmp_path: Path) -> None:
    text = "network.loss = {name = 'binary_cross_entropy', label_smoothing = 0.1}"
    loss = load_recipe(str(extend_article(tmp_path, text))).network.loss
    assert loss.describe() == {"name": "binary_cross_entropy", "label_smoothing": 0.1}
