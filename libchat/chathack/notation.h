// How chathack's packets are written in transcripts: as ToString writes them, passwords in full. A
// string may also be put together of several, each with a repetition: `message="ab" "x"*1024`.

#ifndef LIBCHAT_CHATHACK_NOTATION_H_
#define LIBCHAT_CHATHACK_NOTATION_H_

#include "libchat/testing/notation.h"

namespace chat::chathack {

const testing::Notation& TranscriptNotation();

}  // namespace chat::chathack

#endif  // LIBCHAT_CHATHACK_NOTATION_H_
