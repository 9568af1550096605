#include "libchat/dialect/direct_session.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chat {
namespace {

struct Printer {
  std::string operator()(const DirectOpened&) const { return "DirectOpened"; }
  std::string operator()(const DirectMessage& e) const {
    return absl::StrCat("DirectMessage \"", absl::CHexEscape(e.body), "\"");
  }
  std::string operator()(const DirectFilePiece& e) const {
    return absl::StrCat("DirectFilePiece \"", absl::CHexEscape(e.name), "\" ", e.content.size(),
                        " bytes", e.last ? ", the last" : "");
  }
};

}  // namespace

std::string ToString(const DirectEvent& event) { return std::visit(Printer{}, event); }

}  // namespace chat
