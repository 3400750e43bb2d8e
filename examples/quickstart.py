# %% [markdown]
# # Quickstart
#
# Predictions, explanations and metrics of the default model, with the Python client. Install, train
# and serve in a terminal first:
#
# ```
# pip install 'malignancy[train,client]'
# malignancy train wisconsin
# malignancy serve
# ```
#
# The variable `SERVICE_URL` is the address of another service.

# %%
import os

import pandas as pd

from malignancy import Client, InvalidRequest

client = Client(os.environ.get("SERVICE_URL", "http://localhost:8000"))
print("ready:", client.health().is_ready)

# %% [markdown]
# ## The model
#
# A row has these features. One that may be missing is imputed.

# %%
model = client.model()
features = pd.DataFrame(model.features)[["name", "type", "minimum", "maximum", "may_be_missing"]]
print(features.to_string(index=False))

# %% [markdown]
# ## Predict
#
# A data frame in, a prediction a row out, in the same order. Missing values are NaN.

# %%
rows = pd.DataFrame(
    [[5, 1, 1, 1, 2, None, 3, 1, 1], [8, 4, 5, 1, 2, 7, 7, 3, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]],
    columns=list(features["name"]),
)
answer = client.predict(rows)
for prediction in answer:
    print(f"{prediction.label:9} {prediction.probability:.3f}", *prediction.imputed)

# %% [markdown]
# The threshold is the model's, unless a request sets one: a number, or the name of an operating
# point.

# %%
print("default", answer.threshold, [each.label for each in answer])
for threshold in (0.9, "sensitivity-99"):
    other = client.predict(rows, threshold=threshold)
    print(threshold, other.threshold, [each.label for each in other])

# %% [markdown]
# ## Explain
#
# The values of Shapley say how much each feature moves the probability away from the mean of the
# reference rows.

# %%
[explained] = client.explain(rows.iloc[[1]], include=["shapley", "counterfactuals"])
values = pd.Series(explained.shapley["probability"]["values"])
print(values.sort_values(key=abs, ascending=False).head(4).round(3).to_string())

# %% [markdown]
# The smallest changes of the row that change its label:

# %%
for found in explained.counterfactuals["found"]:
    print(found["changes"], "->", found["label"], round(found["probability"], 3))

# %% [markdown]
# ## How good is it?
#
# Confusion matrix and metrics on rows that were not trained on, at a threshold.

# %%
validation = client.metrics(threshold=0.5)["validation"]
print(validation["confusion_matrix"])
print({name: round(validation[name], 3) for name in ("accuracy", "sensitivity", "specificity")})

# %% [markdown]
# ## Errors
#
# A value that breaks a rule is an exception that names the field and the rule.

# %%
try:
    client.predict([[5, 1, 1, 1, 2, 1, 3, 1, 11]])
except InvalidRequest as error:
    for each in error.errors:
        print(each.field, each.rule)

client.close()
