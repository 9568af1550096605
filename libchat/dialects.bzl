"""The dialects of this build: the one list.

The registry, the package groups, the notations of transcripts and the tests that hold for every
dialect are generated from it or run over it. A new dialect is its name here and two folders, whose
BUILD files begin with chat_dialect and dialect_testdata of libchat/dialect/dialect.bzl:

  libchat/<name>   exports //libchat/<name>:dialect, with the header libchat/<name>/dialect.h and in
                   it `const Dialect& chat::<name>::Instance()`; and, for tests,
                   //libchat/<name>:notation (see libchat/testing/notation.h).
  testdata/<name>  exports //testdata/<name>:transcripts, its *.txt.
"""

DIALECTS = [
    "chatos",
    "chaton",
    "chathack",
    "cfp",
    "crp",
]
