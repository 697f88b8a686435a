#pragma once

#include <cstdint>

namespace lt {

enum class Filter { kBilinear, kBicubic };

/// Bytes [height, width, channels], the channels and pixels of a row side by side, rows `rowStride` bytes apart.
struct Pixels {
  const uint8_t* data;
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t rowStride;
};

/// Writes `source` in the size [height, width] to `target`, contiguous.
void resample(const Pixels& source, int64_t height, int64_t width, Filter filter, uint8_t* target);

/// Writes `source` from right to left to `target`, contiguous.
void mirror(const Pixels& source, uint8_t* target);

/// Looks each byte up in the table of its channel, and writes floats [channels, height, width].
/// `tables` is [channels, 256]; strides count bytes.
void mapPixels(const uint8_t* source, int64_t channels, int64_t height, int64_t width, int64_t channelStride, int64_t rowStride,
               int64_t pixelStride, const float* tables, float* target);

}  // namespace lt
