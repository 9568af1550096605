// The chaton dialect (document 001).

#ifndef LIBCHAT_CHATON_DIALECT_H_
#define LIBCHAT_CHATON_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::chaton {

// Options: long_bytes=4 (the default) or long_bytes=8, the size of a LONG.
const Dialect& Instance();

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_DIALECT_H_
