// The cfp dialect (document 003).

#ifndef LIBCHAT_CFP_DIALECT_H_
#define LIBCHAT_CFP_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::cfp {

// It has no options.
const Dialect& Instance();

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_DIALECT_H_
