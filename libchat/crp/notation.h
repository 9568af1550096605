// How crp's messages are written in transcripts: as ToString writes them. A string may also be put
// together of several, each with a repetition: `body="ab" "x"*1024`. The headers may stand in any
// order, the body behind them.

#ifndef LIBCHAT_CRP_NOTATION_H_
#define LIBCHAT_CRP_NOTATION_H_

#include "libchat/testing/notation.h"

namespace chat::crp {

const testing::Notation& TranscriptNotation();

}  // namespace chat::crp

#endif  // LIBCHAT_CRP_NOTATION_H_
