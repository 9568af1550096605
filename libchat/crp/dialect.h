// The crp dialect (document 004).

#ifndef LIBCHAT_CRP_DIALECT_H_
#define LIBCHAT_CRP_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::crp {

// Options: compat=author, for the programs that the document's author wrote.
const Dialect& Instance();

}  // namespace chat::crp

#endif  // LIBCHAT_CRP_DIALECT_H_
