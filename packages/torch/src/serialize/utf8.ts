const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Python's UTF-8 with `surrogatepass`: a lone surrogate takes three bytes instead of being replaced. */
export function encodeUtf8(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return encoder.encode(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 0xd800 && code <= 0xdfff) {
      parts.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    } else {
      for (const byte of encoder.encode(character)) parts.push(byte);
    }
  }
  return Uint8Array.from(parts);
}

/** The inverse of {@link encodeUtf8}; null when the bytes are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

function decodeWithSurrogates(bytes: Uint8Array): string | null {
  let text = '';
  let start = 0;
  for (let i = 0; i + 2 < bytes.length; i++) {
    const second = bytes[i + 1] as number;
    const third = bytes[i + 2] as number;
    const isSurrogate = bytes[i] === 0xed && second >= 0xa0 && second <= 0xbf && (third & 0xc0) === 0x80;
    if (!isSurrogate) continue;
    try {
      text += strictDecoder.decode(bytes.subarray(start, i));
    } catch {
      return null;
    }
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    i += 2;
    start = i + 1;
  }
  try {
    return text + strictDecoder.decode(bytes.subarray(start));
  } catch {
    return null;
  }
}
