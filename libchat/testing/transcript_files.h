// The transcripts of all dialects, testdata/<dialect>/*.txt.

#ifndef LIBCHAT_TESTING_TRANSCRIPT_FILES_H_
#define LIBCHAT_TESTING_TRANSCRIPT_FILES_H_

#include <string>
#include <vector>

#include "libchat/dialect/dialect.h"
#include "libchat/testing/transcript.h"

namespace chat::testing {

struct TranscriptFile {
  std::string path;  // e.g. "testdata/chaton/message.txt"
  std::string name;  // e.g. "chaton_message": fit for the name of a test
  const Dialect* dialect = nullptr;
  std::string text;
};

// All that are in the `data` of this test, by path. What cannot be read ends the process.
const std::vector<TranscriptFile>& TranscriptFiles();

// Clients of this file speak its dialect, and any other of this build.
Players PlayersOf(const TranscriptFile& file);

}  // namespace chat::testing

#endif  // LIBCHAT_TESTING_TRANSCRIPT_FILES_H_
