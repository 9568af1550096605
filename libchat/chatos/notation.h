// How chatos' packets are written in transcripts: as ToString writes them, where a string may also
// be put together of several, each with a repetition: `message="ab" "x"*1024`.

#ifndef LIBCHAT_CHATOS_NOTATION_H_
#define LIBCHAT_CHATOS_NOTATION_H_

#include "libchat/testing/notation.h"

namespace chat::chatos {

const testing::Notation& TranscriptNotation();

}  // namespace chat::chatos

#endif  // LIBCHAT_CHATOS_NOTATION_H_
