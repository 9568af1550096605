// A dialect in thirty lines, which shows that a new one needs nothing but its folder. A line from
// the client is a public message, the first one is its login; a line to the client is
// "name: text". Nothing private, no options, no bounds on its clients' lines.

#ifndef LIBCHAT_TESTING_TOY_DIALECT_H_
#define LIBCHAT_TESTING_TOY_DIALECT_H_

#include "libchat/dialect/dialect.h"

namespace chat::testing {

// Its name is "toy".
const Dialect& ToyDialect();

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_TOY_DIALECT_H_
