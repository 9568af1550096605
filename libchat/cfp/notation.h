// How cfp's packets are written in transcripts: as ToString writes them, where a string may also be
// put together of several, each with a repetition: `message="ab" "x"*1024`. A packet that stands in
// a PCKFWD is written behind it, on the same line:
//   PCKFWD server_id=7 MSGPBLINC server_id=8 sender="alice" message="hi"

#ifndef LIBCHAT_CFP_NOTATION_H_
#define LIBCHAT_CFP_NOTATION_H_

#include "libchat/testing/notation.h"

namespace chat::cfp {

const testing::Notation& TranscriptNotation();

}  // namespace chat::cfp

#endif  // LIBCHAT_CFP_NOTATION_H_
