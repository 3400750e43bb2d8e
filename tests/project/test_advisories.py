"""No file of pinned versions has a version with one of these known advisories.

`pip-audit` queries a database. Where the database cannot be reached, these floors replace it: the
first version that fixes an advisory, of packages that are, or were, dependencies or build them.
Last checked in November 2026.
"""

import pytest
from packaging.version import Version
from support.pins import pins_of

FLOORS = """
aiohttp 3.14.3 CVE-2026-69244
certifi 2026.10.19 GHSA-6q48-6c7w-9gw2
cryptography 50.0.0 CVE-2026-69247
distributed 2026.1.0 CVE-2026-23528
fastapi 0.109.1 CVE-2024-24762
filelock 4.2.1 CVE-2026-112934
fonttools 4.60.2 CVE-2025-66034
h11 0.16.0 CVE-2025-43859
httpx 0.23.0 CVE-2021-41945
idna 3.14 CVE-2026-45409
jinja2 3.1.6 CVE-2025-27516
joblib 1.2.0 CVE-2022-21797
keras 3.14.0 GHSA-hqp4-2352-xf5r
numpy 1.22.0 CVE-2021-41496
onnx 1.21.0 CVE-2026-34447
pillow 13.0.0 CVE-2026-112392
pip 26.2.2 CVE-2026-133949
protobuf 6.33.5 CVE-2026-0994
pyarrow 14.0.1 CVE-2023-47248
pydantic 2.4.0 CVE-2024-3772
python-dotenv 1.2.2 CVE-2026-28684
requests 2.33.0 CVE-2026-25645
scikit-learn 1.5.0 CVE-2024-5206
setuptools 78.1.1 CVE-2025-47273
starlette 1.3.1 CVE-2026-54283
torch 2.6.0 CVE-2025-32434
tornado 6.5.5 PYSEC-2026-140
urllib3 2.8.0 CVE-2026-97687
uvicorn 0.11.7 CVE-2020-7694
werkzeug 3.1.6 GHSA-29vq-49wr-vm6x
""".strip().splitlines()

PINS = pins_of("constraints.txt")
VERSIONS = {pin.name: pin.version for pin in [*pins_of("requirements/build.txt"), *PINS]}


def test_every_constraint_is_one_version() -> None:
    assert len({pin.name for pin in PINS}) == len(PINS) > 50


@pytest.mark.parametrize("floor", FLOORS)
def test_the_version_is_at_least_the_floor(floor: str) -> None:
    name, fixed, advisory = floor.split()
    if name not in VERSIONS:
        pytest.skip(f"{name} is no longer a dependency")
    assert VERSIONS[name] >= Version(fixed), advisory
