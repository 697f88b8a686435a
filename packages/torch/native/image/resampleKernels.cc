// Makes images of bytes smaller or larger, to the bit as PIL does: weights as integers with 22 bits behind the point, the
// rows first, bytes in between. A filter grows with the factor by which an image shrinks, so that nothing is skipped.

#include "resampleKernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__)
#define LT_AVX2 1
#include <immintrin.h>
// Compiled a second time for processors that have wide integer multiplication, and chosen when the addon is loaded.
#define LT_WIDE_TOO __attribute__((target_clones("avx2", "default")))
#else
#define LT_WIDE_TOO
#endif

namespace lt {

namespace {

constexpr int kBits = 22;
constexpr int32_t kHalf = 1 << (kBits - 1);

/// What each place of the result is made of: `count` places of the source from `first` on, and their weights.
struct Taps {
  struct Range {
    int32_t first;
    int32_t count;
  };
  std::vector<Range> ranges;
  std::vector<int32_t> weights;  // `most` for each place of the result
  int32_t most = 0;

  const int32_t* of(int64_t place) const { return weights.data() + place * most; }
};

double bilinear(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

/// Keys, "Cubic Convolution Interpolation" (1981), with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Taps tapsFor(int64_t from, int64_t to, Filter filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double spread = std::max(scale, 1.0);
  const double support = (filter == Filter::kBilinear ? 1.0 : 2.0) * spread;
  Taps taps;
  taps.most = static_cast<int32_t>(std::ceil(support)) * 2 + 1;
  taps.ranges.resize(static_cast<size_t>(to));
  taps.weights.assign(static_cast<size_t>(to) * static_cast<size_t>(taps.most), 0);
  std::vector<double> exact(static_cast<size_t>(taps.most));
  for (int64_t place = 0; place < to; ++place) {
    const double center = (static_cast<double>(place) + 0.5) * scale;
    const double inverse = 1.0 / spread;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const auto count = std::min<int64_t>(from, static_cast<int64_t>(center + support + 0.5)) - first;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double x = (static_cast<double>(i + first) - center + 0.5) * inverse;
      const double weight = filter == Filter::kBilinear ? bilinear(x) : bicubic(x);
      exact[static_cast<size_t>(i)] = weight;
      sum += weight;
    }
    taps.ranges[static_cast<size_t>(place)] = {static_cast<int32_t>(first), static_cast<int32_t>(count)};
    int32_t* weights = taps.weights.data() + place * taps.most;
    for (int64_t i = 0; i < count; ++i) {
      const double weight = sum == 0 ? exact[static_cast<size_t>(i)] : exact[static_cast<size_t>(i)] / sum;
      weights[i] = static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kBits));
    }
  }
  return taps;
}

inline uint8_t toByte(int32_t sum) { return static_cast<uint8_t>(std::min(std::max(sum >> kBits, 0), 255)); }

#if LT_AVX2

/// Rows of three or four channels, a pixel at a time in one vector. Reads and writes up to one byte past the ends.
__attribute__((target("avx2"))) void resampleColorRow(const uint8_t* row, int64_t channels, const Taps& taps, int64_t width, uint8_t* target) {
  for (int64_t place = 0; place < width; ++place) {
    const Taps::Range range = taps.ranges[static_cast<size_t>(place)];
    const int32_t* weights = taps.of(place);
    const uint8_t* pixel = row + range.first * channels;
    __m128i sum = _mm_set1_epi32(kHalf);
    for (int32_t i = 0; i < range.count; ++i, pixel += channels) {
      const __m128i values = _mm_cvtepu8_epi32(_mm_loadu_si32(pixel));
      sum = _mm_add_epi32(sum, _mm_mullo_epi32(values, _mm_set1_epi32(weights[i])));
    }
    sum = _mm_srai_epi32(sum, kBits);
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
    _mm_storeu_si32(target + place * channels, sum);
  }
}

bool hasColorRow() { return __builtin_cpu_supports("avx2") != 0; }

#else

void resampleColorRow(const uint8_t*, int64_t, const Taps&, int64_t, uint8_t*) {}
bool hasColorRow() { return false; }

#endif

LT_WIDE_TOO void resampleRow(const uint8_t* row, int64_t channels, const Taps& taps, int64_t width, uint8_t* target) {
  for (int64_t place = 0; place < width; ++place) {
    const Taps::Range range = taps.ranges[static_cast<size_t>(place)];
    const int32_t* weights = taps.of(place);
    for (int64_t c = 0; c < channels; ++c) {
      int32_t sum = kHalf;
      const uint8_t* byte = row + range.first * channels + c;
      for (int32_t i = 0; i < range.count; ++i, byte += channels) sum += *byte * weights[i];
      target[place * channels + c] = toByte(sum);
    }
  }
}

/// One row of the result from `range.count` rows of the source, all of `length` bytes.
LT_WIDE_TOO void mixRows(const uint8_t* source, int64_t rowStride, Taps::Range range, const int32_t* weights, int64_t length, uint8_t* target) {
  constexpr int64_t kPiece = 256;
  int32_t sums[kPiece];
  const uint8_t* first = source + range.first * rowStride;
  for (int64_t start = 0; start < length; start += kPiece) {
    const int64_t count = std::min(kPiece, length - start);
    for (int64_t i = 0; i < count; ++i) sums[i] = kHalf;
    for (int32_t tap = 0; tap < range.count; ++tap) {
      const uint8_t* row = first + tap * rowStride + start;
      const int32_t weight = weights[tap];
      for (int64_t i = 0; i < count; ++i) sums[i] += row[i] * weight;
    }
    for (int64_t i = 0; i < count; ++i) target[start + i] = toByte(sums[i]);
  }
}

}  // namespace

void resample(const Pixels& source, int64_t height, int64_t width, Filter filter, uint8_t* target) {
  const int64_t channels = source.channels;
  const int64_t length = width * channels;
  std::vector<uint8_t> narrow;
  const uint8_t* rows = source.data;
  int64_t rowStride = source.rowStride;
  if (width != source.width) {
    const Taps taps = tapsFor(source.width, width, filter);
    static const bool isWide = hasColorRow();
    const bool byPixel = isWide && channels >= 3;
    narrow.resize(static_cast<size_t>(source.height * length + 1));
    std::vector<uint8_t> padded(static_cast<size_t>(source.width * channels + 1));
    for (int64_t y = 0; y < source.height; ++y) {
      const uint8_t* row = source.data + y * source.rowStride;
      uint8_t* out = narrow.data() + y * length;
      if (!byPixel) {
        resampleRow(row, channels, taps, width, out);
        continue;
      }
      // Only the last row has nothing behind it that can be read.
      if (y + 1 == source.height) row = static_cast<const uint8_t*>(std::memcpy(padded.data(), row, padded.size() - 1));
      resampleColorRow(row, channels, taps, width, out);
    }
    rows = narrow.data();
    rowStride = length;
  }
  if (height == source.height) {
    for (int64_t y = 0; y < height; ++y) std::memcpy(target + y * length, rows + y * rowStride, static_cast<size_t>(length));
    return;
  }
  const Taps taps = tapsFor(source.height, height, filter);
  for (int64_t y = 0; y < height; ++y) mixRows(rows, rowStride, taps.ranges[static_cast<size_t>(y)], taps.of(y), length, target + y * length);
}

template <int64_t kChannels>
static void mirrorRow(const uint8_t* row, int64_t width, uint8_t* target) {
  for (int64_t x = 0; x < width; ++x)
    for (int64_t c = 0; c < kChannels; ++c) target[x * kChannels + c] = row[(width - 1 - x) * kChannels + c];
}

void mirror(const Pixels& source, uint8_t* target) {
  void (*const mirrorRows[])(const uint8_t*, int64_t, uint8_t*) = {mirrorRow<1>, mirrorRow<2>, mirrorRow<3>, mirrorRow<4>};
  for (int64_t y = 0; y < source.height; ++y)
    mirrorRows[source.channels - 1](source.data + y * source.rowStride, source.width, target + y * source.width * source.channels);
}

void mapPixels(const uint8_t* source, int64_t channels, int64_t height, int64_t width, int64_t channelStride, int64_t rowStride,
               int64_t pixelStride, const float* tables, float* target) {
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t c = 0; c < channels; ++c) {
      const float* table = tables + c * 256;
      const uint8_t* byte = source + c * channelStride + y * rowStride;
      float* out = target + (c * height + y) * width;
      for (int64_t x = 0; x < width; ++x, byte += pixelStride) out[x] = table[*byte];
    }
  }
}

}  // namespace lt
