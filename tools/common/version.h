#ifndef TOOLS_COMMON_VERSION_H_
#define TOOLS_COMMON_VERSION_H_

namespace chat::tools {

// Of chatd and all its tools.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace chat::tools

#endif  // TOOLS_COMMON_VERSION_H_
