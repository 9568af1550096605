#ifndef LIBCHAT_WIRE_READER_H_
#define LIBCHAT_WIRE_READER_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

namespace chat::wire {

// A bounds-checked cursor over received bytes. Integers are big-endian, signed ones in two's
// complement.
//
// A read that finds fewer bytes than it needs returns false; neither the cursor nor *out has moved
// then, so a decoder can say "need more" and be run again when more has come.
//
// The bytes are borrowed: they must stay in place WHILE the Reader or a view from Bytes() is used.
//
// Thread safety: none; a Reader is a local variable of one decoder.
//
// Invariants:
//   1. consumed() + remaining() is the size of the input.
//   2. consumed() never shrinks.
class Reader {
 public:
  explicit Reader(absl::string_view input) : input_(input) {}

  ABSL_MUST_USE_RESULT bool U8(uint8_t* out) { return Integer(out); }
  ABSL_MUST_USE_RESULT bool U16(uint16_t* out) { return Integer(out); }
  ABSL_MUST_USE_RESULT bool U32(uint32_t* out) { return Integer(out); }
  ABSL_MUST_USE_RESULT bool I16(int16_t* out) { return Integer(out); }
  ABSL_MUST_USE_RESULT bool I32(int32_t* out) { return Integer(out); }
  ABSL_MUST_USE_RESULT bool I64(int64_t* out) { return Integer(out); }

  // The next n bytes, as a view INTO THE INPUT: it dies with the input's buffer.
  ABSL_MUST_USE_RESULT bool Bytes(size_t n, absl::string_view* out) {
    if (remaining() < n) return false;
    *out = input_.substr(consumed_, n);
    consumed_ += n;
    return true;
  }

  // Bytes not read yet.
  size_t remaining() const { return input_.size() - consumed_; }

  // Bytes read so far.
  size_t consumed() const { return consumed_; }

 private:
  template <class T>
  bool Integer(T* out) {
    absl::string_view bytes;
    if (!Bytes(sizeof(T), &bytes)) return false;
    uint64_t value = 0;
    for (char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
    *out = static_cast<T>(static_cast<std::make_unsigned_t<T>>(value));
    return true;
  }

  absl::string_view input_;
  size_t consumed_ = 0;
};

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_READER_H_
