#ifndef LIBCHAT_WIRE_WRITER_H_
#define LIBCHAT_WIRE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace chat::wire {

// Writer and StringWriter have the same methods, so that one encoder serves both:
//
//   template <class W>
//   void Encode(const Packet& packet, W& out) {
//     out.U8(packet.kind);
//     out.U16(packet.text.size());
//     out.Bytes(packet.text);
//   }
//
// Integers are written big-endian, signed ones in two's complement. An encoder calls these methods
// with exactly the field's type or a value that fits it: a wider value loses its upper bits.
//
// Thread safety: none; a writer is a local variable of whoever encodes.

namespace internal {

// The integers, in terms of Derived::Bytes.
template <class Derived>
class IntegerWriter {
 public:
  void U8(uint8_t value) { Integer(value); }
  void U16(uint16_t value) { Integer(value); }
  void U32(uint32_t value) { Integer(value); }
  void I16(int16_t value) { Integer(value); }
  void I32(int32_t value) { Integer(value); }
  void I64(int64_t value) { Integer(value); }

 private:
  template <class T>
  void Integer(T value) {
    auto rest = static_cast<uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
    char bytes[sizeof(T)];
    for (size_t i = sizeof(T); i > 0; --i, rest >>= 8) bytes[i - 1] = static_cast<char>(rest);
    static_cast<Derived*>(this)->Bytes(absl::string_view(bytes, sizeof(T)));
  }
};

}  // namespace internal

// Writes into a buffer that the caller gives and keeps. A field that does not fit is left out whole
// and so is everything after it: what is in the buffer is always a prefix of what was asked for,
// cut at a field.
//
// Invariants:
//   1. size() is at most the buffer's size.
//   2. overflowed() never becomes false again, and size() does not change once it is true.
class Writer : public internal::IntegerWriter<Writer> {
 public:
  // The buffer must outlive the writer and every view from written().
  explicit Writer(absl::Span<char> buffer) : buffer_(buffer) {}

  void Bytes(absl::string_view bytes) {
    if (overflowed_ || bytes.size() > buffer_.size() - size_) {
      overflowed_ = true;
      return;
    }
    if (bytes.empty()) return;  // memcpy forbids null pointers, even for nothing
    std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  // True once a field did not fit.
  bool overflowed() const { return overflowed_; }

  // Bytes written so far.
  size_t size() const { return size_; }

  // The bytes written so far, IN THE CALLER'S BUFFER.
  absl::string_view written() const { return {buffer_.data(), size_}; }

 private:
  absl::Span<char> buffer_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

// Appends to a string that the caller keeps; it grows as needed. Encoders of packets whose size the
// protocol does not bound by a buffer, and tests, use it.
class StringWriter : public internal::IntegerWriter<StringWriter> {
 public:
  // *out must outlive the writer, and nobody else may shorten it in the meantime.
  explicit StringWriter(std::string* out) : out_(out), start_(out->size()) {}

  void Bytes(absl::string_view bytes) { out_->append(bytes.data(), bytes.size()); }

  // Always false: a string grows.
  bool overflowed() const { return false; }

  // Bytes written by this writer; what was in the string before does not count.
  size_t size() const { return out_->size() - start_; }

  // The bytes written by this writer. The view DIES AT THE NEXT WRITE.
  absl::string_view written() const { return absl::string_view(*out_).substr(start_); }

 private:
  std::string* out_;
  size_t start_;
};

}  // namespace chat::wire

#endif  // LIBCHAT_WIRE_WRITER_H_
