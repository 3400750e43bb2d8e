"""constraints.txt pins no version with one of these known advisories.

`pip-audit` queries a database. Where the database cannot be reached, these floors replace it: the
first version that fixes an advisory, of packages that are, or were, dependencies.
"""

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from support.paths import ROOT

FLOORS = """
aiohttp 3.12.14 CVE-2025-53643
certifi 2024.7.4 CVE-2024-39689
cryptography 44.0.1 CVE-2024-12797
fastapi 0.109.1 CVE-2024-24762
h11 0.16.0 CVE-2025-43859
httpx 0.23.0 CVE-2021-41945
idna 3.7 CVE-2024-3651
jinja2 3.1.6 CVE-2025-27516
joblib 1.2.0 CVE-2022-21797
keras 3.9.0 CVE-2025-1550
numpy 1.22.0 CVE-2021-41496
onnx 1.17.0 CVE-2024-5187
pillow 10.2.0 CVE-2023-50447
protobuf 6.31.1 CVE-2025-4565
pyarrow 14.0.1 CVE-2023-47248
pydantic 2.4.0 CVE-2024-3772
requests 2.32.4 CVE-2024-47081
scikit-learn 1.5.0 CVE-2024-5206
starlette 0.49.1 CVE-2025-62727
torch 2.6.0 CVE-2025-32434
tornado 6.5.0 CVE-2025-47287
urllib3 2.5.0 CVE-2025-50181
uvicorn 0.11.7 CVE-2020-7694
werkzeug 3.0.6 CVE-2024-49767
""".strip().splitlines()

LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if line and not line.startswith("#")]
VERSIONS = {pin.name.lower(): Version(str(pin.specifier).removeprefix("==")) for pin in PINS}


def test_every_constraint_is_one_version() -> None:
    assert len(VERSIONS) == len(PINS) > 50
    assert all(len(pin.specifier) == 1 and pin.url is None for pin in PINS)


@pytest.mark.parametrize("floor", FLOORS)
def test_the_version_is_at_least_the_floor(floor: str) -> None:
    name, fixed, advisory = floor.split()
    if name not in VERSIONS:
        pytest.skip(f"{name} is no longer a dependency")
    assert VERSIONS[name] >= Version(fixed), advisory
