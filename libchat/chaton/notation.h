// How chaton's packets are written in transcripts: as ToString writes them, where a string may also
// be put together of several, each with a repetition: `msg="ab" "x"*1024`.

#ifndef LIBCHAT_CHATON_NOTATION_H_
#define LIBCHAT_CHATON_NOTATION_H_

#include "libchat/testing/notation.h"

namespace chat::chaton {

const testing::Notation& TranscriptNotation();

}  // namespace chat::chaton

#endif  // LIBCHAT_CHATON_NOTATION_H_
