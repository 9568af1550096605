"""The registry of dialects, generated from the one list of them."""

load("//libchat:dialects.bzl", "DIALECTS")

_SOURCE = """\\
// Generated from libchat/dialects.bzl.
#include "libchat/dialect/registry.h"

{includes}

namespace chat {{

const std::vector<const Dialect*>& AllDialects() {{
  static const auto& all = *new std::vector<const Dialect*>{{
{instances}
  }};
  return all;
}}

const Dialect* FindDialect(absl::string_view name) {{
  for (const Dialect* dialect : AllDialects()) {{
    if (dialect->name() == name) return dialect;
  }}
  return nullptr;
}}

}}  // namespace chat
"""

def dialect_registry(name, **kwargs):
    """A cc_library with libchat/dialect/registry.h and all DIALECTS.

    Args:
      name: of the library.
      **kwargs: passed on to the cc_library.
    """
    source = _SOURCE.format(
        includes = "\n".join(['#include "libchat/%s/dialect.h"' % d for d in DIALECTS]),
        instances = "\n".join(["      &chat::%s::Instance()," % d for d in DIALECTS]),
    )
    native.genrule(
        name = name + "_source",
        outs = [name + ".cc"],
        cmd = "cat > $@ <<'END_OF_SOURCE'\n" + source + "END_OF_SOURCE",
    )
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = ["registry.h"],
        deps = [
            ":dialect",
            "@com_google_absl//absl/strings",
        ] + ["//libchat/%s:dialect" % d for d in DIALECTS],
        **kwargs
    )
