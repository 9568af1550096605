"""What the BUILD files of all dialects have in common: see libchat/dialects.bzl."""

load("//libchat/testing:fuzz.bzl", "cc_fuzz_target")

_ABSL = [
    "@com_google_absl//absl/status",
    "@com_google_absl//absl/strings",
    "@com_google_absl//absl/types:span",
]

_PACKETS = [
    "//libchat/event",
    "//libchat/wire",
    "//libchat/wire:packets",
] + _ABSL

_TESTING = [
    "//libchat/testing:fake_host",
    "//libchat/testing:hex",
    "//libchat/testing:random_text",
    "//libchat/testing:segments",
    "//libchat/testing:session_pair",
    "@com_google_googletest//:gtest_main",
]

def chat_dialect(
        name,
        sessions = ["client", "server"],
        packets_deps = [],
        session_parts = [],
        session_deps = [],
        test_deps = []):
    """Declares a dialect, whose files lie in this folder.

        :dialect    dialect.{h,cc}, which the registry uses
        :sessions   <session>_session.{h,cc}
        :packets    packets.{h,cc}
        :notation   notation.{h,cc}: how transcripts write its packets

    Each of packets, dialect, notation and the sessions has a test, <file>_test. Packets and
    sessions have a fuzz target as well, <file>_fuzz, whose seeds are testdata/<name>/corpus/packets
    and testdata/<name>/corpus/<session>.

    Args:
      name: of the dialect.
      sessions: its sessions: "client" stands for client_session.
      packets_deps: what :packets needs besides what all need; the same for the others.
      session_parts: files that are a part of :sessions and of nothing else, without their endings.
      session_deps: for :sessions and :dialect.
      test_deps: for the tests of :sessions and :dialect.
    """
    native.cc_library(
        name = "packets",
        srcs = ["packets.cc"],
        hdrs = ["packets.h"],
        deps = _PACKETS + packets_deps,
    )
    files = [session + "_session" for session in sessions] + session_parts
    native.cc_library(
        name = "sessions",
        srcs = [file + ".cc" for file in files],
        hdrs = [file + ".h" for file in files],
        deps = [
            ":packets",
            "//libchat/dialect",
            "//libchat/dialect:packet_fault",
        ] + _PACKETS + session_deps,
    )
    native.cc_library(
        name = "dialect",
        srcs = ["dialect.cc"],
        hdrs = ["dialect.h"],
        visibility = [
            "//libchat:testing",
            "//libchat/dialect:__pkg__",
        ],
        deps = [
            ":packets",
            ":sessions",
            "//libchat/dialect",
        ] + _PACKETS + session_deps,
    )
    native.cc_library(
        name = "notation",
        testonly = True,
        srcs = ["notation.cc"],
        hdrs = ["notation.h"],
        visibility = ["//libchat:testing"],
        deps = [
            ":packets",
            "//libchat/testing:hex",
            "//libchat/testing:notation",
            "//libchat/testing:packet_notation",
        ] + _PACKETS,
    )
    _test("packets", [
        ":packets",
        "//libchat/testing:walk",
    ])
    _test("notation", [
        ":notation",
        ":packets",
    ])
    _test("dialect", [":dialect", ":packets"] + test_deps)
    cc_fuzz_target(
        name = "packets_fuzz",
        srcs = ["packets_fuzz.cc"],
        corpus = ["//testdata/%s:corpus_packets" % name],
        deps = [
            ":packets",
            "//libchat/testing:walk",
        ] + _PACKETS,
    )
    for session in sessions:
        _test(session + "_session", [":packets", ":sessions"] + test_deps)
        cc_fuzz_target(
            name = session + "_session_fuzz",
            srcs = [session + "_session_fuzz.cc"],
            corpus = ["//testdata/%s:corpus_%s" % (name, session)],
            deps = [
                ":packets",
                ":sessions",
                "//libchat/testing:fake_host",
                "//libchat/testing:hex",
                "//libchat/testing:segments",
            ] + _PACKETS,
        )

def _test(file, deps):
    native.cc_test(
        name = file + "_test",
        size = "small",
        srcs = [file + "_test.cc"],
        deps = deps + _PACKETS + _TESTING,
    )

def dialect_testdata(name, corpora):
    """Declares what lies in testdata/<name>.

        :transcripts        *.txt. Each says one rule of libchat/<name>/README.md, in its first line.
        :corpus_<corpus>    corpus/<corpus>/*. Seeds of a fuzz target of chat_dialect, and what it
                            has found.

    Args:
      name: of the dialect.
      corpora: "packets", and the sessions of chat_dialect.
    """
    native.filegroup(
        name = "transcripts",
        srcs = native.glob(["*.txt"]),
        visibility = ["//libchat:testing"],
    )
    for corpus in corpora:
        native.filegroup(
            name = "corpus_" + corpus,
            srcs = native.glob(["corpus/%s/*" % corpus]),
            visibility = [
                "//libchat:dialects",
                "//libchat:tools",
            ],
        )
