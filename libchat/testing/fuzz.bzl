"""Fuzz targets that are ordinary tests, too."""

def cc_fuzz_target(name, srcs, corpus, deps = [], tags = [], **kwargs):
    """Declares a test that replays a corpus, and the fuzzer that finds more of it.

    `name` is a cc_test in every config: it runs LLVMFuzzerTestOneInput on the empty input and on
    each file of the corpus, and fails if there is none.

    `name`_fuzzer is the libFuzzer binary, for --config=fuzz only:
        bazel run --config=fuzz //libchat/wire:utf8_fuzz_fuzzer -- -max_total_time=60 /tmp/corpus

    Args:
      name: name of the test
      srcs: sources, which define LLVMFuzzerTestOneInput
      corpus: labels of seed files, or of filegroups of them
      deps: libraries that the sources need
      tags: tags of the test
      **kwargs: handed to both targets
    """
    native.cc_test(
        name = name,
        size = "small",
        srcs = srcs,
        args = ["$(rootpaths %s)" % label for label in corpus],
        data = corpus,
        tags = tags,
        deps = deps + ["//libchat/testing:replay_main"],
        **kwargs
    )
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        srcs = srcs,
        linkopts = ["-fsanitize=fuzzer"],
        tags = tags + ["manual"],
        deps = deps,
        **kwargs
    )
