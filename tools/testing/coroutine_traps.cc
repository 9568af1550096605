#include "tools/testing/coroutine_traps.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/ascii.h"

namespace chat::testing {
namespace {

struct Token {
  absl::string_view text;
  int line = 0;
  size_t partner = 0;  // of a bracket: the index of its other half, else its own
};

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// Behind the literal that begins at `at` with a quote. `raw`: it is R"...".
size_t EndOfLiteral(absl::string_view source, size_t at, bool raw) {
  if (raw) {
    const size_t open = source.find('(', at);
    if (open == source.npos) return source.size();
    const std::string end = ")" + std::string(source.substr(at + 1, open - at - 1)) + "\"";
    const size_t found = source.find(end, open);
    return found == source.npos ? source.size() : found + end.size();
  }
  const char quote = source[at];
  for (++at; at < source.size() && source[at] != quote; ++at) {
    if (source[at] == '\\') ++at;
  }
  return std::min(at + 1, source.size());
}

// Comments and preprocessor lines are left out; a literal is one token.
std::vector<Token> Split(absl::string_view source) {
  std::vector<Token> tokens;
  int line = 1;
  bool fresh_line = true;
  for (size_t at = 0; at < source.size();) {
    const absl::string_view rest = source.substr(at);
    size_t size = 1;
    bool keep = true;
    if (rest[0] == '\n') fresh_line = true;
    if (absl::ascii_isspace(rest[0])) {
      keep = false;
    } else if (rest.substr(0, 2) == "//") {
      size = std::min(rest.find('\n'), rest.size());
      keep = false;
    } else if (rest.substr(0, 2) == "/*") {
      size = std::min(rest.find("*/"), rest.size() - 2) + 2;
      keep = false;
    } else if (rest[0] == '#' && fresh_line) {
      while (size < rest.size() && (rest[size] != '\n' || rest[size - 1] == '\\')) ++size;
      keep = false;
    } else if (rest[0] == '"' || rest[0] == '\'') {
      const bool raw = rest[0] == '"' && !tokens.empty() && tokens.back().text == "R" &&
                       tokens.back().text.data() + 1 == rest.data();
      size = EndOfLiteral(source, at, raw) - at;
    } else if (IsWord(rest[0])) {
      // A digit separator is no quote.
      while (size < rest.size() &&
             (IsWord(rest[size]) || (rest[size] == '\'' && absl::ascii_isdigit(rest[0])))) {
        ++size;
      }
    } else if (rest.substr(0, 2) == "->" || rest.substr(0, 2) == "::") {
      size = 2;
    }
    if (keep) {
      tokens.push_back({rest.substr(0, size), line, tokens.size()});
      fresh_line = false;
    }
    line += static_cast<int>(std::count(rest.begin(), rest.begin() + size, '\n'));
    at += size;
  }
  return tokens;
}

void PairBrackets(std::vector<Token>& tokens) {
  std::vector<size_t> open;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const absl::string_view text = tokens[i].text;
    if (text == "(" || text == "[" || text == "{") open.push_back(i);
    if ((text == ")" || text == "]" || text == "}") && !open.empty()) {
      tokens[i].partner = open.back();
      tokens[open.back()].partner = i;
      open.pop_back();
    }
  }
}

struct Lambda {
  size_t intro = 0;  // '['
  size_t body = 0;   // '{'
  size_t end = 0;    // '}'
  bool captures = false;
};

class Scanner {
 public:
  explicit Scanner(absl::string_view source) : tokens_(Split(source)) {
    PairBrackets(tokens_);
    FindLambdas();
  }

  std::vector<CoroutineTrap> Scan() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (Is(i, "?")) CheckConditional(i);
      if (Is(i, "co_await")) CheckAwaited(i);
    }
    for (const Lambda& lambda : lambdas_) {
      if (lambda.captures && IsCoroutine(lambda)) Report(lambda.intro, kCapturingCoroutine);
    }
    std::sort(traps_.begin(), traps_.end(), [](const CoroutineTrap& a, const CoroutineTrap& b) {
      return a.line != b.line ? a.line < b.line : a.what < b.what;
    });
    traps_.erase(std::unique(traps_.begin(), traps_.end()), traps_.end());
    return traps_;
  }

 private:
  bool Is(size_t i, absl::string_view text) const {
    return i < tokens_.size() && tokens_[i].text == text;
  }
  bool Opens(size_t i) const { return Is(i, "(") || Is(i, "[") || Is(i, "{"); }
  bool Closes(size_t i) const { return Is(i, ")") || Is(i, "]") || Is(i, "}"); }
  void Report(size_t at, absl::string_view what) {
    traps_.push_back({tokens_[at].line, std::string(what)});
  }

  // A '[' behind a value is a subscript, and two of them are an attribute.
  bool BeginsLambda(size_t i) const {
    if (!Is(i, "[") || Is(i + 1, "[")) return false;
    if (i == 0) return true;
    const absl::string_view before = tokens_[i - 1].text;
    if (before == "return" || before == "co_return" || before == "co_await" ||
        before == "co_yield") {
      return true;
    }
    const char last = before.back();
    return !IsWord(last) && last != ')' && last != ']' && last != '[' && last != '"' && last != '}';
  }

  void FindLambdas() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (!BeginsLambda(i)) continue;
      const size_t close = tokens_[i].partner;
      if (close == i) continue;
      // What may stand before the body: parameters, specifiers and the type of the result.
      size_t body = close + 1;
      while (body < tokens_.size() && !Is(body, "{") && !Is(body, ";") && !Closes(body)) {
        body = Opens(body) ? tokens_[body].partner + 1 : body + 1;
      }
      if (!Is(body, "{")) continue;
      lambdas_.push_back({i, body, tokens_[body].partner, close > i + 1});
    }
  }

  const Lambda* LambdaWithBody(size_t brace) const {
    for (const Lambda& lambda : lambdas_) {
      if (lambda.body == brace) return &lambda;
    }
    return nullptr;
  }

  // Not counting the lambdas inside it.
  bool IsCoroutine(const Lambda& lambda) const {
    for (size_t i = lambda.body + 1; i < lambda.end; ++i) {
      if (LambdaWithBody(i) != nullptr) {
        i = tokens_[i].partner;
      } else if (Is(i, "co_await") || Is(i, "co_return") || Is(i, "co_yield")) {
        return true;
      }
    }
    return false;
  }

  bool EndsOperand(size_t i) const { return Is(i, ";") || Is(i, ",") || Closes(i); }

  void CheckConditional(size_t mark) {
    size_t begin = mark;
    while (begin > 0 && !Is(begin - 1, ";") && !Is(begin - 1, ",") && !Opens(begin - 1) &&
           !Is(begin - 1, "}")) {
      --begin;
      if (Closes(begin) && tokens_[begin].partner < begin) begin = tokens_[begin].partner;
    }
    size_t end = mark;
    while (end < tokens_.size() && !EndsOperand(end)) {
      end = Opens(end) ? std::max(tokens_[end].partner, end) + 1 : end + 1;
    }
    for (size_t i = begin; i < end && i < tokens_.size(); ++i) {
      // "co_await f(a ? b : c)" stops at its bracket, so what is found here is awaited inside.
      if (Is(i, "co_await")) return Report(mark, kAwaitInConditional);
    }
  }

  void CheckAwaited(size_t await) {
    bool in_call = false;
    for (size_t i = await + 1; i < tokens_.size() && !EndsOperand(i) && !Is(i, "?"); ++i) {
      if (!Opens(i) || tokens_[i].partner <= i) continue;
      if (Is(i, "(")) in_call = true;
      if (in_call) CheckArguments(i, tokens_[i].partner);
      i = tokens_[i].partner;
    }
  }

  void CheckArguments(size_t open, size_t close) {
    for (size_t i = open + 1; i < close; ++i) {
      for (const Lambda& lambda : lambdas_) {
        if (lambda.intro == i && lambda.captures) Report(i, kCaptureInAwaited);
      }
      if (!Is(i, "{")) continue;
      if (LambdaWithBody(i) == nullptr) Report(i, kBracedArgument);
      i = std::max(tokens_[i].partner, i);
    }
  }

  std::vector<Token> tokens_;
  std::vector<Lambda> lambdas_;
  std::vector<CoroutineTrap> traps_;
};

}  // namespace

std::vector<CoroutineTrap> FindCoroutineTraps(absl::string_view source) {
  return Scanner(source).Scan();
}

}  // namespace chat::testing
