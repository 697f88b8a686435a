/*
 * The bitmaps of Courier Bold at 8 points (courB08 of X11), PIL's default font.
 *
 * Copyright 1984-1989, 1994 Adobe Systems Incorporated.
 * Copyright 1988, 1994 Digital Equipment Corporation.
 *
 * Adobe is a trademark of Adobe Systems Incorporated which may be registered in certain jurisdictions. Permission to use
 * these trademarks is hereby granted only in association with the images described in this file.
 *
 * Permission to use, copy, modify, distribute and sell this software and its documentation for any purpose and without
 * fee is hereby granted, provided that the above copyright notices appear in all copies and that both those copyright
 * notices and this permission notice appear in supporting documentation, and that the names of Adobe Systems and Digital
 * Equipment Corporation not be used in advertising or publicity pertaining to distribution of the software without
 * specific, written prior permission. Adobe Systems and Digital Equipment Corporation make no representations about the
 * suitability of this software for any purpose. It is provided "as is" without express or implied warranty.
 */

/** Pixels from one character to the next, and of a line. */
export const cellWidth = 6;
export const cellHeight = 11;

/**
 * Eleven bytes for each character, a row each. The highest bit is the pixel before the cell and the lowest the one after
 * it: wide letters reach into their neighbours' cells.
 */
const rows = Buffer.from(
  [
    'AAAAAAAAAAAAAAAAAAAwMDAwADAAAAAAACgoKAAAAAAAAAAoKHwoKHwoKAAAEDxkeDwMbHgQAAAAcFR4EDxUHAAAAAAAOGAwfNh8AAAAABgQIA',
    'AAAAAAAAAACBAwMDAwEAgAAAAgEBgYGBgQIAAAABB4MEgAAAAAAAAAABAQfBAQAAAAAAAAAAAAAAAYECAAAAAAAHwAAAAAAAAAAAAAAAAAMAAA',
    'AAAEBAgIEBAgIAAAADhsbGxsbDgAAAAAGHgYGBgYfgAAAAA4bAwYMGx8AAAAADhsDDgMbDgAAAAADBwsbH4MDAAAAAB8YHhsDEx4AAAAADhsYH',
    'hsbDgAAAAAfGwMGBgwMAAAAAA4bGw4bGw4AAAAADhsbDwMbDgAAAAAAAAAMAAAMAAAAAAAAAAwAAAwIEAAAAAYMGAwGAAAAAAAAAB4AHgAAAAA',
    'AAAAMBgMGDAAAAAAAAA4TBgwADAAAAAAOGRMVFROYDgAAAAAeDgofGzuAAAAAAD4bHhsbPgAAAAAADxsYGBsOAAAAAAA+GxsbGz4AAAAAAD8YH',
    'hgbPwAAAAAAPxgeGBg8AAAAAAAOGxgfGw8AAAAAADubHxsbO4AAAAAAHgwMDAweAAAAAAAPBgY2NhwAAAAAADsaHB4bPYAAAAAAPBgYGBs/AAA',
    'AAAAxGxsfFTUAAAAAADudHRsbOQAAAAAADhsbGxsOAAAAAAA+GxseGDwAAAAAAA4bGxsbDgMAAAAAPhsbHhs9gAAAAAAPGR4HEx4AAAAAAD8tD',
    'AwMHgAAAAAAO5sbGxsOAAAAAAA7mwoODgQAAAAAADWVFR8OCgAAAAAAGY8GBg8ZgAAAAAA5mY8GBg8AAAAAAB8bBgwbHwAAAAAODAwMDAwMDgA',
    'AABAQCAgEBAICAAAADgYGBgYGBg4AAAAEDhsAAAAAAAAAAAAAAAAAAAAAH4AADAQCAAAAAAAAAAAAAA4bDxsfgAAAADgYHhsbGz4AAAAAAAAOG',
    'xgbDgAAAAAHAw8bGxsPgAAAAAAADhsfGA8AAAAABwwfDAwMHwAAAAAAAA2bGxsPAx4AADgYHhsbGxsAAAAABgAeBgYGH4AAAAAGAB4GBgYGBhw',
    'AADgYGx4cHhuAAAAAHgYGBgYGH4AAAAAAAD4fFRUVAAAAAAAANhsbGxsAAAAAAAAOGxsbDgAAAAAAAD4bGxseGDwAAAAADZsbGw8DB4AAAAAbj',
    'owMHgAAAAAAAA8cDwOfAAAAAAwMHwwMDYcAAAAAAAA7GxsbD4AAAAAAADsbDg4EAAAAAAAANZUfDwoAAAAAAAAdjwYPG4AAAAAAADubGwoODDg',
    'AAAAAHxYMGx8AAAAAAwYGDAYGBgMAAAAABAQEBAQEBAAAABgMDAYMDAwYAAAAAAANFgAAAAAAAAAAAAAAAAAAAAAAAAAADAAMDAwMDAAABAQPG',
    'RgPBAQAAAAHDQQfBAyfAAAAAAARDgoOEQAAAAAAGYkfhh+GDwAAAAAEBAQEAAQEBAQAAA8JDBIJBhIeAAAAAAoAAAAAAAAAAAAGCRaUlokGAAA',
    'AAA4BDQAPAAAAAAAAAAANmzYbDYAAAAAAAB8BAQAAAAAAAAAAAB8AAAAAAAAABwiXVlVIhwAAAAAAHgAAAAAAAAAAAAwSDAAAAAAAAAAAAAQEH',
    'wQAHwAAAAAGCgQOAAAAAAAAAA4EAgwAAAAAAAAAAgQAAAAAAAAAAAAAADsbGxsfkBAAAA+VFQ0FBQUNgAAAAAAADAAAAAAAAAAAAAAAAAAEAgw',
    'AAAwEBA4AAAAAAAAABgkGAA8AAAAAAAAAADYbDZs2AAAAADAREj0LF4EAAAAAMBESPYqRA4AAAAA4EQo1CxeBAAAAAAAABgAGBgwZDggEAB4OC',
    'h8bO4AABAgAHg4KHxs7gAAECgAeDgofGzuAAA0SAB4OCh8bO4AAAAoAHg4KHxs7gAAMEgweDgofGzuAAAAAAB+Omx42t4AAAAAADxsYGBsOAgw',
    'IBAA/GR4YGz8AAAQIAD8ZHhgbPwAACBQAPxkeGBs/AAAAFAA/GR4YGz8AAAgEAB4MDAwMHgAABAgAHgwMDAweAAAIFAAeDAwMDB4AAAAUAB4MD',
    'AwMHgAAAAAAPhs9GRs+AAANEgA7mR0fGzsAAAgEAA4bGxsbDgAABAgADhsbGxsOAAAECgAOGxsbGw4AAA0SAA4bGxsbDgAAAAoADhsbGxsOAAA',
    'AAAARCgQKEQAAAAAAAA6bHxsbLgAACAQAO5sbGxsOAAACBAA7mxsbGw4AAAQKADubGxsbDgAAAAoAO5sbGxsOAAABAgA5mY8GBg8AAAAAADgeG',
    'xseOAAAAAAADhofGZm7AAAABAIADhMPGx+AAAACBAAOEw8bH4AAAAQKAA4TDxsfgAAADRIADhMPGx+AAAAACgAOEw8bH4AABgkGAA4TDxsfgAA',
    'AAAAAGy0fLDcAAAAAAAAOGxgbDgIMAAgEAA4bHxgPAAAABAgADhsfGA8AAAAECgAOGx8YDwAAAAAKAA4bHxgPAAAABAIADgYGBh+AAAACBAAOB',
    'gYGH4AAAAQKAA4GBgYfgAAAAAoADgYGBh+AAAAaDBYPGxsbDgAAAA0SADYbGxsbgAAACAQADhsbGw4AAAAECAAOGxsbDgAAAAQKAA4bGxsOAAA',
    'ADRIADhsbGw4AAAAACgAOGxsbDgAAAAAABAAfAAQAAAAAAAABDhsfGw4QAAAIBAA7GxsbD4AAAAQIADsbGxsPgAAABAoAOxsbGw+AAAAACgA7G',
    'xsbD4AAAAIEADubGwoODDwAADgYHhsbGx4YPAAACgA7mxsKDgw8A==',
  ].join(''),
  'base64',
);
/** The characters: printable ASCII, then Latin-1 from U+00A0 on. */
const asciiCount = 95;

/** A frame, for characters that the font does not have. */
const frame = Uint8Array.of(0, 0, 0b01111100, ...Array<number>(5).fill(0b01000100), 0b01111100, 0, 0);

/** The rows of a character. */
export function glyphOf(character: string): Uint8Array {
  const code = character.codePointAt(0)!;
  const place =
    code >= 0x20 && code <= 0x7e ? code - 0x20 : code >= 0xa0 && code <= 0xff ? code - 0xa0 + asciiCount : null;
  return place === null ? frame : rows.subarray(place * cellHeight, (place + 1) * cellHeight);
}
