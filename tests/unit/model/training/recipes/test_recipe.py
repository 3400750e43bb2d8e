"""load_recipe: bundled recipes, and errors that name the file, the key and the rule."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import RecipeError
from model.network.layers import Dense
from model.training.recipes.bundled import BUNDLED, bundled_recipes
from model.training.recipes.recipe import Recipe, load_recipe

ARTICLE = (BUNDLED / "article.toml").read_text(encoding="utf-8")
WORDS = "a 'b' \" = [ ] { } # \n 0 -1 1e999 nan inf true x. [data] [[features]] \0 é 1979-05-27"


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


def test_bundled_recipes_load() -> None:
    assert {"article", "article-long"} <= set(bundled_recipes())
    for name in bundled_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.data.file.is_file()
        assert recipe.facts == load_recipe(str(BUNDLED / f"{name}.toml")).facts


def test_unknown_name_is_rejected() -> None:
    with pytest.raises(RecipeError) as error:
        load_recipe("artcle")
    expected = "no recipe 'artcle': did you mean article? (or give the path of a .toml file)"
    assert str(error.value) == expected
    with pytest.raises(
        RecipeError, match=r"^no recipe 'x': the bundled ones are article, article-long"
    ):
        load_recipe("x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "name: is required"),
        (b"name = ", "not TOML: Invalid value (at end of document)"),
        (b"name = 1\nname = 2", "not TOML: Cannot overwrite a value"),
        (b"\xff\xfe", "cannot be read: not UTF-8 text"),
        (b"a = " + b"[" * 5000, "not TOML: "),
        (b"a = " + b"9" * 5000, "not TOML: "),
        (b"extends = 3", "extends: must be the name or path of a recipe"),
        (b'extends = "artcle"', "no recipe 'artcle': did you mean article?"),
        (b'extends = "none.toml"', "extends none.toml: cannot be read: No such file"),
        (b'extends = "a\\u0000.toml"', "extends a\0.toml: cannot be read: not a valid file name"),
        (b'extends = "my.toml"', "extends my.toml: it extends itself"),
        (b'extends = "folder/../my.toml"', "extends folder/../my.toml: it extends itself"),
    ],
)
def test_invalid_file_is_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "folder").mkdir()
    assert error_text_of(tmp_path, content).startswith(message)


def test_output_layer_is_added_to_hidden_layers(tmp_path: Path) -> None:
    text = re.sub(r"^layers = \[.*?^\]", "hidden = [{ units = 4 }]", ARTICLE, flags=re.M | re.S)
    path = tmp_path / "hidden.toml"
    write(path, text)
    network = load_recipe(str(path)).network
    description = network.describe()
    assert description["layers"] == [{"name": "dense", "units": 4}, {"name": "dense", "units": 1}]
    assert description["loss"] == "binary_cross_entropy"


def test_error_names_the_extended_recipe(tmp_path: Path) -> None:
    write(tmp_path / "parent.toml", "name")
    message = error_text_of(tmp_path, 'extends = "parent.toml"')
    assert message.startswith("extends parent.toml: not TOML: Expected '=' after a key")


def test_unreadable_file_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_text(tmp_path / "none.toml") == "cannot be read: No such file or directory"
    (tmp_path / "folder.toml").mkdir()
    assert error_text(tmp_path / "folder.toml") == "cannot be read: not a file"

    def deny(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("model.training.recipes.recipe.read_file", deny)
    assert error_text(tmp_path / "my.toml") == "cannot be read: Permission denied"


# Keys and values

SECTIONS = "data, features, split, scaling, network, training, ensemble"
KEYS = f"name, task, description, intended_use, limits, {SECTIONS}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # unknown keys
        ("treshold = 0.5", "treshold: unknown key; did you mean threshold?"),
        ("zzz = 1", f"zzz: unknown key; the keys here are {KEYS}, threshold"),
        ("training.epoch = 1", "training has no 'epoch': did you mean epochs?"),
        ("data.encoding = 'utf-9'", "data.encoding: must be the name of a text encoding"),
        ("data.encoding = 'hex'", "data.encoding: must be the name of a text encoding"),
        ("data.decimal = ';'", "data.decimal: should be '.' or ','"),
        ("data.path = 'x'", "data.path: unknown key; the keys here are file, delimiter, "),
        (
            "features = [{name = 'a', typical = 'x'}]",
            "features.0: typical must be a number",
        ),
        (
            "features = [{name = 'a', type = 'integer', levels = {1 = 2}}]",
            "features.0.levels.1: should be a valid string, got 2",
        ),
        (
            "features = [{name = 'a', type = 'integer', levels = {one = 'x'}}]",
            "features.0.levels: the keys must be integers",
        ),
        ("features = [{name = 'a', step = 0}]", "features.0.step: should be greater than 0, got 0"),
        (
            "features = [{name = 'a', lable = 'A'}]",
            "features.0.lable: unknown key; did you mean label?",
        ),
        ("features = [{nam = 'a'}]", "features.0.nam: unknown key; did you mean name?"),
        (
            "features = [{name = 'a'}, {name = 'b', minimun = 1}]",
            "features.1.minimun: unknown key; did you mean minimum?",
        ),
        ("network.layers = [{unit = 1}]", "network.layers.0: layer dense has no 'unit': did you"),
        # values
        ("name = 'A b'", "name: must be 1 to 64 lower-case letters a to z, digits"),
        ("threshold = 1.5", "threshold: must be a number from 0 to 1, or one of balanced, sen"),
        ("threshold = nan", "threshold: must be a number from 0 to 1, or one of balanced, sen"),
        ("data.missing = 'keep'", "data.missing: should be 'drop', 'median' or 'mode', got 'keep'"),
        ("data.negative = ''", "data.negative: String should have at least 1 character, got ''"),
        ("data.positive = 'benign'", "the two labels must differ"),
        ("data.labels.x = 'y'", "data.labels: 'x' must mean 'benign', 'malignant' or '' (leave"),
        ("features = []", "features: Tuple should have at least 1 item"),
        ('features = [{name = "a\\tb"}]', "features.0.name: must have no control characters"),
        ("features = [{name = 'a'}, {name = 'a'}]", "feature 'a' is listed twice"),
        ("features = [{name = 'instances'}]", "features.0: a feature cannot be named 'instances'"),
        (
            "features = [{name = 'a', minimum = 2, maximum = 1}]",
            "features.0: minimum must be below maximum",
        ),
        ("split.train = [0]", "split.train.1: is required"),
        ("split.train = [0, 1, 2]", "split.train: Tuple should have at most 2 items"),
        ("split.train = [-1, 5]", "split.train.0: should be greater than or equal to 0, got -1"),
        ("split.train = [5, 5]", "split: train must be [first, end] with first below end"),
        ("split.validation = [600, 9]", "split: validation must be [first, end] with first below"),
        ("data.target = 'mitoses'", "data.target 'mitoses' cannot be a feature too"),
        ("split.train = [0, 502]", "split: train and validation must not share rows"),
        ("split.test = [600, 700]", "split: validation and test must not share rows"),
        ("split.test = [9, 9]", "split: test must be [first, end] with first below end"),
        ("split.test = 0.2", "split: test must be given like validation: a range, a fraction or"),
        ("split.test = 2", "split.test: must be [first, end], a fraction between 0 and 1, a c"),
        (
            "split = { validation = 0.5, test = 0.5 }",
            "split: test and validation must leave rows to train: their sum is below 1",
        ),
        (
            'split = { column = "x", validation = "a", test = "a" }',
            "split: test and validation must be different values of column",
        ),
        ("scaling.transform = {x = 'log'}", "scaling.transform: unknown feature 'x'"),
        ("scaling.transform = 'exp'", "scaling.transform: transform of 'clump_thickness' must be"),
        ("scaling.fit_on = 'test'", "scaling.fit_on: should be 'train' or 'all', got 'test'"),
        (
            "network.layers = [{units = 1}]\nnetwork.hidden = []",
            "network: needs either layers (all of them) or hidden",
        ),
        ("network.layers = []", "network.layers: List should have at least 1 item"),
        ("network.layers = [{}]", "network.layers.0: layer dense needs its units"),
        (
            "network.layers = [{units = 0}]",
            "network.layers.0: dense: units must be a positive integer",
        ),
        (
            "network.layers = [{units = 2}, {units = 1, activation = 'tanhh'}]",
            "network.layers.1: activation must be one of linear, sigmoid, tanh",
        ),
        ("network.loss = 'huber'", "network.loss: must be binary_cross_entropy for task binary"),
        (
            "network.loss = {name = 'binary_cross_entropy', label_smoothing = 2}",
            "network: loss bin",
        ),
        (
            "network.layers = [{units = 2}]",
            "network: task binary needs 1 output, the last layer has 2",
        ),
        ("training.learning_rate = 0", "training.learning_rate must be a finite number above 0, g"),
        ("training.learning_rate = inf", "training.learning_rate must be a finite number above 0"),
        ("training.epochs = 0", "training.epochs must be a positive integer, got 0"),
        ("training.seed = 4294967296", "training.seed must be an integer from 0 to 4294967295, g"),
        ("training.batch_size = 'al'", "training.batch_size must be one of full, auto, got 'al'"),
        ("training.optimizer = 'adm'", "training.optimizer: optimizer must be one of gradient_des"),
        ("training.optimizer = {name = 'adam', beta1 = 2}", "training.optimizer: optimizer adam: "),
        (
            "training.optimizer = {name = 'adam', learning_rate = 1}",
            "training.learning_rate must be given once: here or in optimizer",
        ),
        ("training.schedule = 'cos'", "training.schedule: schedule must be one of constant, exp"),
        ("training.l2 = -1", "training.l2 must be a number from 0 to 1e+09, got -1"),
        (
            "training.early_stopping.rows = 'out-of-bag'",
            "training.early_stopping: rows out-of-bag needs a bagged ensemble",
        ),
        ("ensemble = {members = 4, folds = 1}", "ensemble.folds: should be greater than or equal"),
        ("ensemble = {members = 4, folds = 5}", "ensemble: folds must be at most the number of m"),
        ("ensemble = {members = 4, bagged = false, folds = 2}", "ensemble: folds needs bagged = t"),
        ("ensemble = {members = 1001}", "ensemble.members: should be less than or equal to 1000"),
        ("training.early_stopping.patient = 3", "training.early_stopping has no 'patient': did"),
    ],
)
def test_invalid_key_or_value_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    assert error_text(extend_article(tmp_path, text)).startswith(message)


VALUES = {
    "text": "'x'",
    "integer": "3",
    "number": "1.5",
    "boolean": "true",
    "date": "1979-05-27",
    "list": "[[1]]",
    "table": "{x = 1}",
}
KINDS = {
    "text": "name description intended_use data.file data.target data.negative data.positive "
    "data.missing scaling.method scaling.fit_on network.dtype training.optimizer "
    "training.generator",
    "integer": "training.epochs training.report_every training.seed",
    "integer number": "threshold training.learning_rate",
    "list": "limits features split.train network.layers",
    "list text": "split.validation split.test",
    "table": "data split scaling network training",
}
LIST_ITEMS = [
    ("limits.0", "limits = [?]", "text"),
    ("features.0", "features = [?]", "table"),
    ("features.0.name", "features = [{name = ?}]", "text"),
    ("features.0.type", "features = [{name = 'a', type = ?}]", ""),
    ("features.0.unit", "features = [{name = 'a', unit = ?}]", "text"),
    ("features.0.description", "features = [{name = 'a', description = ?}]", "text"),
    ("features.0.minimum", "features = [{name = 'a', minimum = ?}]", "integer number"),
    ("features.0.maximum", "features = [{name = 'a', maximum = ?}]", "integer number"),
    ("features.0.may_be_missing", "features = [{name = 'a', may_be_missing = ?}]", "boolean"),
    ("split.train.0", "split.train = [?, 9]", "integer"),
    ("split.train.1", "split.train = [0, ?]", "integer"),
    ("network.layers.0", "network.layers = [?]", "table"),
    ("network.layers.0: dense: units", "network.layers = [{units = ?}]", "integer"),
    ("network.layers.0: activation", "network.layers = [{units = 1, activation = ?}]", ""),
    ("network.layers.0: initializer", "network.layers = [{units = 1, initializer = ?}]", ""),
]
PLACES = [(key, f"{key} = ?", kinds) for kinds, keys in KINDS.items() for key in keys.split()]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (key, template.replace("?", value))
        for key, template, kinds in PLACES + LIST_ITEMS
        for kind, value in VALUES.items()
        if kind not in kinds.split()
    ],
)
def test_value_of_the_wrong_type_is_rejected(tmp_path: Path, key: str, text: str) -> None:
    message = error_text(extend_article(tmp_path, text))
    assert message.startswith((f"{key}: ", f"{key} must be "))


@given(st.data())
def test_mutated_recipe_loads_or_is_rejected(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(ARTICLE)))
    end = start + data.draw(st.integers(0, 60))
    inserted = "".join(data.draw(st.lists(st.sampled_from(WORDS.split(" ")), max_size=5)))
    path = tmp_path_factory.getbasetemp() / "mutated.toml"
    write(path, ARTICLE[:start] + inserted + ARTICLE[end:])
    try:
        outcome: Recipe | str = load_recipe(str(path))
    except RecipeError as error:
        outcome = str(error)
    assert isinstance(outcome, Recipe) or outcome.startswith(f"{path}: ")


def test_channels_must_divide_the_inputs(tmp_path: Path) -> None:
    conv = '[{ name = "conv1d", filters = 2, kernel = 2 }, { name = "flatten" }]'
    text = f"[network]\nhidden = {conv}\nchannels = "
    network = load_recipe(str(extend_article(tmp_path, text + "3"))).network
    assert (network.channels, network.layout.size) == (3, 2 * (2 * 3 + 1) + 2 * 2 + 1)
    message = "network: inputs must be a multiple of channels, got 9 and 2"
    assert error_text(extend_article(tmp_path, text + "2")) == message


# A recipe that extends another


def test_article_long_differs_from_article_in_rate_and_epochs() -> None:
    article, long = load_recipe("article"), load_recipe("article-long")
    changes = {"learning_rate": 0.07, "epochs": 65_000}
    expected = article.facts["recipe"]
    training = {**expected["training"], **changes}
    assert long.facts["recipe"] == {**expected, "name": "article-long", "training": training}


def test_the_features_of_the_same_table_have_the_same_texts() -> None:
    article, monotone = (
        load_recipe(each).schema.features for each in ("article", "wisconsin-monotone")
    )
    assert all(feature.levels for feature in article)
    assert [each.model_copy(update={"monotone": None}) for each in monotone] == list(article)


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


def test_names_are_in_nfc(tmp_path: Path) -> None:
    text = """
features = [{ name = "größe", minimum = 1 }]
data.target = "ä"
data.negative = "ö"
data.positive = "ü"
data.missing_values = ["ß", "é"]
scaling.transform = { "größe" = "log" }
split = { column = "ñ", validation = "à" }
"""
    path = extend_article(tmp_path, unicodedata.normalize("NFD", text))
    recipe = load_recipe(str(path))
    assert recipe.schema.names == ("größe",)
    assert recipe.schema.missing_values == ("ß", "é")
    assert recipe.transforms == ("log",)
    assert (recipe.data.target, recipe.data.negative, recipe.data.positive) == ("ä", "ö", "ü")
    assert (recipe.split.column, recipe.split.validation) == ("ñ", "à")


def test_names_that_differ_by_normalization_only_are_rejected(tmp_path: Path) -> None:
    other = unicodedata.normalize("NFD", "größe")
    text = f"extends = 'article'\nfeatures = [{{ name = 'größe' }}, {{ name = '{other}' }}]"
    assert "feature 'größe' is listed twice" in error_text_of(tmp_path, text)
