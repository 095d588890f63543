import * as Name from "./Name.js"
import * as Wire from "./Wire.js"

/** The names of rooms: `#` and a valid name (protocol, section 11). */

/** Whether a name can only be that of a room: no client's name begins with `#`. */
export const isOfRoom = (wire: string): boolean => wire.charCodeAt(0) === 0x23 /* # */

/** The name of a room in NFC and wire form, with its `#`; undefined if the text is no such name. */
export const parse = (wire: string): string | undefined => {
  const trimmed = Wire.trim(wire)
  // `Name.parse` drops white space around a name.
  if (!isOfRoom(trimmed) || Wire.skipSpace(trimmed, 1, trimmed.length) !== 1) return undefined
  const name = Name.parse(trimmed.slice(1))
  return name === undefined ? undefined : `#${name}`
}
