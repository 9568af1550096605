"""The dialects of this build: the one list.

The registry, the package groups, the conformance tests and the replays of fuzz corpora are
generated from it. A new dialect is a folder libchat/<name>, a folder testdata/<name> and its name
here; libchat/<name> exports //libchat/<name>:dialect with the header libchat/<name>/dialect.h and,
in it, `const Dialect& chat::<name>::Instance()`.
"""

DIALECTS = [
    "chaton",
]
