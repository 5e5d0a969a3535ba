// Finding the first byte of a kind in a head: sixteen at a time where there is SSE2 (on every x86-64), one by
// one elsewhere, with the same answer. Nothing outside the text is read. Pure.
#pragma once

#include <bit>
#include <cstddef>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::codec {

template <char kByte>
struct Exactly {
  static bool is(char c) { return c == kByte; }
#ifdef __SSE2__
  static __m128i are(__m128i bytes) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(kByte)); }
#endif
};

// A control character but HTAB: what ends a field value (RFC 9110 5.5). Bytes from 0x80 on are obs-text.
struct Control {
  static bool is(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }
#ifdef __SSE2__
  static __m128i are(__m128i bytes) {
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    return _mm_or_si128(_mm_andnot_si128(Exactly<'\t'>::are(bytes), low), Exactly<0x7f>::are(bytes));
  }
#endif
};

#ifdef __SSE2__
inline constexpr std::size_t kWide = sizeof(__m128i);

// Which of the next sixteen bytes are of the kind, the first one as the lowest bit.
template <class Kind>
unsigned hits(const char* bytes) {
  const __m128i wide = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  return static_cast<unsigned>(_mm_movemask_epi8(Kind::are(wide)));
}
#endif

// Where in `text` the first byte of the kind stands, from `at` on; text.size() if there is none.
template <class Kind>
inline std::size_t find_first(std::string_view text, std::size_t at) {
#ifdef __SSE2__
  if (text.size() >= kWide) {
    for (; at + kWide <= text.size(); at += kWide)
      if (const unsigned bits = hits<Kind>(text.data() + at))
        return at + static_cast<std::size_t>(std::countr_zero(bits));
    // The last sixteen bytes, less those that were looked at already.
    const std::size_t last = text.size() - kWide;
    const unsigned bits = hits<Kind>(text.data() + last) >> (at - last);
    return bits ? at + static_cast<std::size_t>(std::countr_zero(bits)) : text.size();
  }
#endif
  while (at < text.size() && !Kind::is(text[at])) ++at;
  return at;
}

}  // namespace weir::codec
