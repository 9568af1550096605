// The chatos dialect (document 000).

#ifndef LIBCHAT_CHATOS_DIALECT_H_
#define LIBCHAT_CHATOS_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::chatos {

// It has no options.
const Dialect& Instance();

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_DIALECT_H_
