#pragma once

#include <cstddef>
#include <cstdint>

namespace lt {

/// The CRC-32 of the zip format: of these bytes, continued from the checksum of what came before them (0 at the start).
uint32_t crc32Of(uint32_t crc, const uint8_t* data, size_t length);

}  // namespace lt
