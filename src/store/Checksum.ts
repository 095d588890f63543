import * as Crc32 from "./Crc32.js"
import type { LineRow } from "./SqlQuery.js"

const header = new Float64Array(5)
const headerBytes = new Uint8Array(header.buffer)

/**
 * The CRC-32 of all parts of a stored line that readers get. SQLite's pages have no checksums: without this, a flipped
 * bit in a text would be delivered.
 */
export const ofLine = (
  line: Pick<LineRow, "conversation" | "seq" | "at" | "account" | "author" | "flags" | "recipients" | "body">
): number => {
  header[0] = line.conversation
  header[1] = line.seq
  header[2] = line.at
  header[3] = line.account
  header[4] = line.flags
  const names = line.recipients === "" ? line.author : `${line.author}\n${line.recipients}`
  return Crc32.ofBytes(headerBytes, Crc32.ofText(names, Crc32.ofBytes(line.body, 0)))
}
