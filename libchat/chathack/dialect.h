// The chathack dialect (document 002).

#ifndef LIBCHAT_CHATHACK_DIALECT_H_
#define LIBCHAT_CHATHACK_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::chathack {

// Options: any_address=false (the default) or any_address=true, which lets a client say that it
// listens at an address other than its own.
const Dialect& Instance();

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_DIALECT_H_
