// All dialects of this build, in the order of DIALECTS in libchat/dialects.bzl. Only tools and
// tests link this; everybody else is handed a `const Dialect*`.

#ifndef LIBCHAT_DIALECT_REGISTRY_H_
#define LIBCHAT_DIALECT_REGISTRY_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "libchat/dialect/dialect.h"

namespace chat {

// Thread safety: may be called from any thread.
const std::vector<const Dialect*>& AllDialects();

// The dialect of that name, or null. Thread safety: may be called from any thread.
const Dialect* FindDialect(absl::string_view name);

}  // namespace chat

#endif  // LIBCHAT_DIALECT_REGISTRY_H_
