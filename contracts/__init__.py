"""Contract tests: the rules of each kind of plug-in, as test classes that its author inherits.

They need the extra `test`: pip install 'onward[test]'.
"""

import pkgutil

import pytest

# Without this, pytest would not show the values of a failed assertion outside test files.
pytest.register_assert_rewrite(*(module.name for module in pkgutil.iter_modules(__path__, f"{__name__}.")))
