"""The notations of all dialects, generated from the one list of them."""

load("//libchat:dialects.bzl", "DIALECTS")

_SOURCE = """\\
// Generated from libchat/dialects.bzl.
{includes}

namespace chat::testing {{

const Notation* FindNotation(absl::string_view dialect) {{
{cases}
  return nullptr;
}}

}}  // namespace chat::testing
"""

def dialect_notations(name, **kwargs):
    """A cc_library that defines FindNotation of libchat/testing/notation.h.

    Args:
      name: of the library.
      **kwargs: passed on to the cc_library.
    """
    source = _SOURCE.format(
        includes = "\n".join(['#include "libchat/%s/notation.h"' % d for d in DIALECTS]),
        cases = "\n".join([
            '  if (dialect == "%s") return &chat::%s::TranscriptNotation();' % (d, d)
            for d in DIALECTS
        ]),
    )
    native.genrule(
        name = name + "_source",
        outs = [name + ".cc"],
        cmd = "cat > $@ <<'END_OF_SOURCE'\n" + source + "END_OF_SOURCE",
    )
    native.cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        deps = [":notation"] + ["//libchat/%s:notation" % d for d in DIALECTS],
        **kwargs
    )
