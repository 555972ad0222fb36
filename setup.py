"""Says in a line what an old setuptools would say in ninety; everything else stands in pyproject.toml."""

import setuptools

if int(setuptools.__version__.split(".")[0]) < 77:
    raise SystemExit(
        f"bnverify is built by setuptools 77 or newer, this is {setuptools.__version__}; "
        "leave out --no-build-isolation, or pip install --upgrade setuptools"
    )
setuptools.setup()
