#include "tools/chat-listen/file_desk.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libchat/client/signal.h"
#include "tools/chat-listen/printer.h"
#include "tools/common/diagnostics.h"
#include "tools/common/stdio.h"
#include "tools/testing/process.h"

namespace chat::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempDir;

constexpr int64_t kPiece = 1024;

// Knows whose files were refused.
class FakeSession final : public ClientSession {
 public:
  absl::Status Login(absl::string_view) override { return absl::OkStatus(); }
  absl::Status RefuseFile(UserRef from) override {
    refused.push_back(Display(from));
    return absl::OkStatus();
  }
  Step OnBytes(absl::string_view) override { return {}; }

  std::vector<std::string> refused;
};

class FileDeskTest : public ::testing::Test {
 protected:
  explicit FileDeskTest(absl::Duration idle = FileDesk::kIdle)
      : changed_(io_.get_executor()),
        output_(io_.get_executor(), STDOUT_FILENO),
        queue_(io_.get_executor(), output_, changed_),
        printer_(PrintOptions(), queue_),
        diagnostics_("test", err_),
        refusals_(diagnostics_),
        inbox_({dir_.path(), *client::FileReceiver::Open(dir_.path())}, printer_),
        desk_(io_, inbox_, refusals_, idle) {
    desk_.OnConnected(session_);
  }

  // The `number`th piece of a file of `size` bytes, which has `number` in every place, and 'P' in
  // the padding of the last one.
  static FileChunkReceived Piece(User from, int32_t transfer, std::string name, int64_t size,
                                 int number = 0) {
    const int64_t left = size - number * kPiece;
    std::string content(kPiece, static_cast<char>('0' + number));
    if (left < kPiece) content.replace(left, kPiece - left, kPiece - left, 'P');
    return {std::move(from), transfer, std::move(name), size, std::move(content)};
  }
  void Take(const FileChunkReceived& piece, bool allowed = true) {
    desk_.Take(piece, "bob", allowed);
  }

  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(dir_.path() + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir dir_;
  asio::io_context io_;
  client::Signal changed_;
  Output output_;
  OutputQueue queue_;
  Printer printer_;
  std::ostringstream err_;
  Diagnostics diagnostics_;
  Refusals refusals_;
  Inbox inbox_;
  FakeSession session_;
  FileDesk desk_;
};

const User kAlice("alice");

TEST_F(FileDeskTest, PiecesMakeAFileWithoutThePadding) {
  for (int64_t size : {0, 1, 1023, 1024, 1025, 2048, 3000}) {
    const std::string name = absl::StrCat("of ", size);
    std::string whole;
    for (int number = 0; number == 0 || number * kPiece < size; ++number) {
      EXPECT_EQ(Names().count(name), 0u);
      const FileChunkReceived piece = Piece(kAlice, 7, name, size, number);
      Take(piece);
      whole += piece.content;
    }
    EXPECT_EQ(Read(name), whole.substr(0, size)) << size;
    EXPECT_EQ(Names().count(name), 1u);
    EXPECT_EQ(desk_.size(), 0u);
  }
  EXPECT_EQ(err_.str(), "");
}

TEST_F(FileDeskTest, TransfersAreKeptApart) {
  const User kUsers[] = {User("alice"), User("alice", 7), User("carol")};
  for (int number : {0, 1}) {
    for (const User& user : kUsers) {
      for (int32_t transfer : {-1, 1}) {
        const std::string name = absl::StrCat(Display(user), transfer);
        Take(Piece(user, transfer, name, 1024 + 100 + transfer, number));
      }
    }
  }
  EXPECT_EQ(desk_.size(), 0u);
  for (const User& user : kUsers) {
    for (int32_t transfer : {-1, 1}) {
      EXPECT_EQ(Read(absl::StrCat(Display(user), transfer)),
                std::string(1024, '0') + std::string(100 + transfer, '1'));
    }
  }
  EXPECT_EQ(Names().size(), 6u);
}

TEST_F(FileDeskTest, WhatDoesNotFitGivesTheFileUp) {
  FileChunkReceived longer = Piece(kAlice, 1, "a", 3000, 1);
  longer.content += 'x';
  FileChunkReceived shorter = Piece(kAlice, 1, "a", 3000, 1);
  shorter.content.pop_back();
  for (const FileChunkReceived& unfit :
       {longer, shorter, Piece(kAlice, 1, "a", 3001, 1), Piece(kAlice, 1, "b", 3000, 1)}) {
    Take(Piece(kAlice, 1, "a", 3000));
    EXPECT_EQ(Names().size(), 1u);
    Take(unfit);
    EXPECT_THAT(Names(), IsEmpty());
    // Nor does the rest make a file.
    EXPECT_EQ(desk_.size(), 1u);
    Take(Piece(kAlice, 1, "a", 3000, 2));
    EXPECT_THAT(Names(), IsEmpty());
    EXPECT_EQ(desk_.size(), 0u);
  }
  EXPECT_THAT(err_.str(), HasSubstr("alice: refused the file \"a\": its pieces do not fit"));
  EXPECT_EQ(session_.refused.size(), 4u);
}

TEST_F(FileDeskTest, OfARefusedFileTheRestIsDropped) {
  dir_.Write("taken", "untouched");
  for (const char* name : {"taken", "../x", "", "\x1b[2J"}) {
    Take(Piece(kAlice, 1, name, 2000, 0));
    EXPECT_EQ(desk_.size(), 1u);
    Take(Piece(kAlice, 1, name, 2000, 1));
    EXPECT_EQ(desk_.size(), 0u);
  }
  EXPECT_THAT(Names(), ElementsAre("taken"));
  EXPECT_EQ(Read("taken"), "untouched");
  EXPECT_THAT(err_.str(), HasSubstr("alice: refused the file \"taken\": "));
}

TEST_F(FileDeskTest, TheLargestIsAGibibyte) {
  constexpr int64_t kLimit = int64_t{1} << 30;
  Take(Piece(kAlice, 1, "largest", kLimit));
  EXPECT_EQ(Names().size(), 1u);
  desk_.OnDisconnected();
  EXPECT_THAT(Names(), IsEmpty());
  Take(Piece(kAlice, 2, "too large", kLimit + 1));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(err_.str(), HasSubstr("\"too large\": it is larger than the limit of 1073741824"));
}

TEST_F(FileDeskTest, OnlySoManyAreUnderWay) {
  int32_t transfer = 0;
  // True if a file begins.
  const auto begin = [&](const User& from) {
    const size_t before = Names().size();
    ++transfer;
    Take(Piece(from, transfer, absl::StrCat("f", transfer), 2000));
    return Names().size() > before;
  };
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(begin(kAlice));
  EXPECT_FALSE(begin(kAlice));
  EXPECT_THAT(err_.str(), HasSubstr("alice: refused the file \"f9\": 8 files of this sender are "
                                    "under way, which is the limit"));
  EXPECT_THAT(session_.refused, ElementsAre("alice"));
  // What comes later of that one is not taken for a whole file.
  Take(Piece(kAlice, 1, "f1", 2000, 1));
  Take(Piece(kAlice, 9, "f9", 2000, 1));
  EXPECT_EQ(Names().count("f1"), 1u);
  EXPECT_EQ(Names().count("f9"), 0u);

  for (int server = 1; server <= 7; ++server) {
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(begin(User("alice", server)));
  }
  EXPECT_TRUE(begin(User("carol")));
  EXPECT_EQ(desk_.size(), 64u);
  EXPECT_FALSE(begin(User("carol")));
  EXPECT_THAT(err_.str(), HasSubstr("64 files of all senders are under way"));
}

TEST_F(FileDeskTest, WhatWasRefusedDoesNotBeginInItsMiddle) {
  for (int transfer = 1; transfer <= 9; ++transfer) {
    Take(Piece(kAlice, transfer, absl::StrCat("f", transfer), 5000));
  }
  Take(Piece(kAlice, 1, "f1", 5000, 1));
  desk_.OnDisconnected();
  desk_.OnConnected(session_);
  EXPECT_THAT(Names(), IsEmpty());
  for (int transfer = 1; transfer <= 9; ++transfer) {
    Take(Piece(kAlice, transfer, absl::StrCat("f", transfer), 5000));
  }
  // There is room again, in which the refused one does not begin.
  for (int number = 1; number < 5; ++number) Take(Piece(kAlice, 1, "f1", 5000, number));
  EXPECT_EQ(Names().size(), 8u);
  Take(Piece(kAlice, 9, "f9", 5000, 1));
  Take(Piece(kAlice, 9, "f9", 5000, 2));
  EXPECT_EQ(Names().size(), 8u);
  EXPECT_EQ(session_.refused.size(), 2u);  // once a transfer
}

TEST_F(FileDeskTest, ANumberThatIsUsedAgainBeginsAnotherFile) {
  dir_.Write("taken", "untouched");
  Take(Piece(kAlice, 1, "taken", 5000));
  // Its sender has been told, and sends something else.
  for (int number : {0, 1}) Take(Piece(kAlice, 1, "free", 2000, number));
  EXPECT_EQ(Read("free").size(), 2000u);
  EXPECT_EQ(desk_.size(), 0u);
}

TEST_F(FileDeskTest, EachRefusedTransferIsSaidOnceOnBothSides) {
  for (int number : {0, 1, 2}) {
    Take(Piece(User("carol"), 5, "photo.png", 3000, number), /*allowed=*/false);
  }
  EXPECT_EQ(err_.str(),
            "test: carol: refused the file \"photo.png\": not among those whom --allow names\n");
  EXPECT_THAT(session_.refused, ElementsAre("carol"));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_EQ(desk_.size(), 0u);
}

TEST_F(FileDeskTest, RefusedTransfersTakeNoRoomAndAreBounded) {
  for (int32_t transfer = 0; transfer < 1000; ++transfer) {
    Take(Piece(User("mallory"), transfer, "x", 5000), /*allowed=*/false);
  }
  EXPECT_EQ(desk_.size(), FileDesk::kRefusedOfOne);
  for (int server = 1; server <= 2000; ++server) {
    Take(Piece(User("mallory", server), 1, "x", 5000), /*allowed=*/false);
  }
  EXPECT_EQ(desk_.size(), FileDesk::kRefusedInAll);
  Take(Piece(kAlice, 1, "mine", 100));
  EXPECT_EQ(Read("mine").size(), 100u);
}

class QuietFileDeskTest : public FileDeskTest {
 protected:
  QuietFileDeskTest() : FileDeskTest(absl::Milliseconds(1)) {}

  void AwaitTimer() {
    io_.restart();
    EXPECT_EQ(io_.run_one_for(std::chrono::minutes(1)), 1u);
  }
};

TEST_F(QuietFileDeskTest, WhoStopsInTheMiddleLeavesNothing) {
  Take(Piece(kAlice, 1, "a", 5000, 0));
  for (int number : {1, 2}) {
    AwaitTimer();
    EXPECT_EQ(desk_.size(), 1u);
    Take(Piece(kAlice, 1, "a", 5000, number));  // just in time
  }
  AwaitTimer();
  EXPECT_EQ(desk_.size(), 1u);
  EXPECT_EQ(err_.str(), "");
  AwaitTimer();
  EXPECT_EQ(desk_.size(), 0u);
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_THAT(err_.str(), HasSubstr("alice: refused the file \"a\": the rest of it has not come"));
  // And so does the next one.
  Take(Piece(kAlice, 2, "b", 5000, 0));
  AwaitTimer();
  AwaitTimer();
  EXPECT_EQ(desk_.size(), 0u);
}

}  // namespace
}  // namespace chat::tools
