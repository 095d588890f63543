import { isUtf8 } from "node:buffer"
import * as Name from "./Name.js"
import * as Wire from "./Wire.js"

/** A login line: `alice`, or on a server with accounts `alice/phone: SECRET` (protocol, section 9). */
export interface LoginLine {
  /** In wire form. */
  readonly name: string
  /** The device of an account; undefined if the line has none. */
  readonly device: string | undefined
  /** A password or a token, as ordinary text; undefined if the line has none. */
  readonly secret: string | undefined
}

/** The device of a login that does not name one. */
export const mainDevice = "main"

const deviceForm = /^[A-Za-z0-9_.-]{1,32}$/

/** Whether this can be the name of a device. */
export const isDevice = (text: string): boolean => deviceForm.test(text)

/** Parses a line that is only a name; undefined if it is not one. */
export const parseName = (line: string): LoginLine | undefined => {
  const name = Name.parse(line)
  return name === undefined ? undefined : { name, device: undefined, secret: undefined }
}

/**
 * Parses any login line; undefined if it is not one. A secret must be UTF-8 without control characters, which no
 * password has.
 *
 * @param line in wire form
 */
export const parse = (line: string): LoginLine | undefined => {
  const colon = line.indexOf(":")
  const who = colon < 0 ? line : line.slice(0, colon)
  const slash = who.indexOf("/")
  const name = Name.parse(slash < 0 ? who : who.slice(0, slash))
  if (name === undefined) return undefined
  const device = slash < 0 ? undefined : Wire.trim(who, slash + 1)
  if (device !== undefined && !isDevice(device)) return undefined
  if (colon < 0) return { name, device, secret: undefined }
  const secret = Wire.trim(line, colon + 1)
  if (secret === "" || Wire.hasControl(secret) || !isUtf8(Buffer.from(secret, "latin1"))) return undefined
  return { name, device, secret: Wire.decode(secret) }
}
