"""Facts: what an artifact says about its model beyond what predicting needs, and their rules."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from model.errors import ArtifactError
from model.prediction.names import Text
from model.prediction.numerals import Decimal

MAX_TEXT_CHARACTERS: Final = 10_000
MAX_NAME_CHARACTERS: Final = 1_000
MAX_LIMITS: Final = 100
DEFAULT_LEVEL: Final = 0.9  # of prediction sets and intervals
MAX_NUMBER: Final = 2**63
LARGEST: Final = float(MAX_NUMBER)

CardText = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
CardLimits = Annotated[list[CardText], Field(max_length=MAX_LIMITS)]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER), Strict()]
Score = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER), Strict()]
Scores = dict[str, Score | None]


class _Data(BaseModel):
    model_config = ConfigDict(extra="allow")

    file: str | None = None
    rows: Count
    rows_used: Count
    positives: Count | None = None
    rows_of: dict[str, Count] = Field(default_factory=dict)


class _Scored(BaseModel):
    model_config = ConfigDict(extra="allow")

    rows: Count
    scores: Scores


class _Figure(BaseModel):
    model_config = ConfigDict(extra="allow")

    value: Score | None
    interval: tuple[Score, Score] | None = None


class _Subgroup(BaseModel):
    model_config = ConfigDict(extra="allow")

    column: str
    value: str
    rows: Count
    scores: dict[str, _Figure]


class _Examination(BaseModel):
    model_config = ConfigDict(extra="allow")

    subgroups: list[_Subgroup] = Field(default_factory=list)


class _Losses(BaseModel):
    model_config = ConfigDict(extra="allow")

    epoch: Score
    train: Score | None = None
    validation: Score | None = None
    out_of_bag: Score | None = None


class _RecipeData(BaseModel):
    model_config = ConfigDict(extra="allow")

    missing_values: tuple[Text, ...] = ()
    decimal: Decimal | None = None


class _RecipeSplit(BaseModel):
    model_config = ConfigDict(extra="allow")

    column: Text | None = None
    validation: Any = None


class _RecipeExplanation(BaseModel):
    model_config = ConfigDict(extra="allow")

    level: Annotated[float, Field(gt=0, lt=1)] = DEFAULT_LEVEL


class _Recipe(BaseModel):
    model_config = ConfigDict(extra="allow")

    data: _RecipeData | None = None
    explanation: _RecipeExplanation | None = None
    split: _RecipeSplit | None = None


class _Facts(BaseModel):
    """The facts that responses and reports read; an artifact may lack any, and have others."""

    model_config = ConfigDict(extra="allow")

    description: CardText | None = None
    intended_use: CardText | None = None
    limits: CardLimits = Field(default_factory=list)
    notices: CardLimits = Field(default_factory=list)
    recipe: _Recipe | None = None
    data: _Data | None = None
    out_of_bag: _Scored | None = None
    test: _Scored | None = None
    scores: Scores | None = None
    versions: dict[str, str] | None = None
    examination: _Examination | None = None
    loss_history: list[_Losses] | None = None


def check_facts(facts: Mapping[str, Any]) -> None:
    """Check the types and sizes of an artifact's facts.

    Args:
        facts: Plain data, as JSON has it.

    Raises:
        ArtifactError: A fact that responses and reports read has another type, a text or name of
            any fact is too long, or a number too large or not finite. The text names the fact.
    """
    try:
        _Facts.model_validate(facts)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, ("facts", *first["loc"])))
        raise ArtifactError(f"invalid metadata at {place}: {first['msg']}") from None
    _check_sizes("facts", facts)


def cell_rules(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Schema` by which the model's recipe reads cells.

    Args:
        facts: Facts that `check_facts` accepts.
    """
    recipe = _Facts.model_validate(facts).recipe
    data = _RecipeData() if recipe is None or recipe.data is None else recipe.data
    return {"missing_values": data.missing_values, "decimal": data.decimal}


def validates_out_of_bag(facts: Mapping[str, Any]) -> bool:
    """Return whether the validation rows are training rows with their out-of-bag predictions.

    Args:
        facts: Facts that `check_facts` accepts.
    """
    recipe = _Facts.model_validate(facts).recipe
    split = None if recipe is None else recipe.split
    return split is not None and split.column is None and split.validation == "out-of-bag"


def explanation_level(facts: Mapping[str, Any]) -> float:
    """Return the level of prediction sets and intervals that the model's recipe states.

    Args:
        facts: Facts that `check_facts` accepts.
    """
    recipe = _Facts.model_validate(facts).recipe
    explanation = None if recipe is None else recipe.explanation
    return DEFAULT_LEVEL if explanation is None else explanation.level


def within_limits(facts: Any) -> Any:
    """Return facts with numbers that `check_facts` accepts.

    A score of predictions that are far off, such as those of a linear model, may be larger.

    Args:
        facts: Plain values, in mappings and lists of any depth. Numbers beyond ±2^63 become the
            nearest of the two, NaN becomes None.
    """
    if isinstance(facts, Mapping):
        return {name: within_limits(each) for name, each in facts.items()}
    if isinstance(facts, list | tuple):
        return [within_limits(each) for each in facts]
    if isinstance(facts, float):
        return None if math.isnan(facts) else min(max(facts, -LARGEST), LARGEST)
    return facts


def _check_sizes(place: str, value: object) -> None:
    rule = ""
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARACTERS:
            rule = f"a text may have {MAX_TEXT_CHARACTERS} characters"
    elif isinstance(value, int | float):
        if not -MAX_NUMBER <= value <= MAX_NUMBER:
            rule = "a number must be finite, and from -2^63 to 2^63"
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if len(name) > MAX_NAME_CHARACTERS:
                rule = f"a name may have {MAX_NAME_CHARACTERS} characters"
                break
            _check_sizes(f"{place}.{name}", each)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _check_sizes(f"{place}.{index}", each)
    if rule:
        raise ArtifactError(f"invalid metadata at {place}: {rule}")
