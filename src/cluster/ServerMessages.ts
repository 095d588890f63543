import type { ServerMessage } from "../ports/OtherServers.js"
import { headerBytes } from "./Nodes.js"

/** A message, and the part of the server that it is for. */
export interface PartMessage {
  readonly part: string
  readonly message: ServerMessage
}

/** In the place where the contents of lines have the length of their head, which is never so long. */
const marker = 0xffffffff

const markerBytes = 4

/** The room that a content with messages needs besides their texts. */
const frameBytes = headerBytes + markerBytes + 2

/** A message as a content carries it. */
export const textOf = ({ message, part }: PartMessage): string => JSON.stringify([part, message])

/**
 * Writes the first messages into one content, behind the bytes that `Nodes.send` fills in: as many as it has room for.
 *
 * @param texts each of `textOf`, at least one
 */
export const encode = (texts: Iterable<string>, maxContentBytes: number): { content: Uint8Array; count: number } => {
  let bytes = frameBytes
  const first: Array<string> = []
  for (const text of texts) {
    const more = Buffer.byteLength(text) + 1
    if (bytes + more > maxContentBytes) break
    bytes += more
    first.push(text)
  }
  if (first.length === 0) throw new Error("a message to another server is longer than the engine carries")
  const text = `[${first.join(",")}]`
  const content = Buffer.allocUnsafe(headerBytes + markerBytes + Buffer.byteLength(text))
  content.writeUInt32LE(marker, headerBytes)
  content.write(text, headerBytes + markerBytes, "utf8")
  return { content, count: first.length }
}

/** Whether a content, without the bytes that `Nodes.send` fills in, has messages, and not lines. */
export const isOfMessages = (content: Uint8Array): boolean =>
  content.length >= markerBytes && bufferOf(content).readUInt32LE(0) === marker

/** Reads such a content. Undefined if it cannot be read, because its node runs another version. */
export const decode = (content: Uint8Array): ReadonlyArray<PartMessage> | undefined => {
  try {
    const read: unknown = JSON.parse(bufferOf(content).toString("utf8", markerBytes))
    return Array.isArray(read) && read.every(isEntry) ? read.map(([part, message]) => ({ part, message })) : undefined
  } catch {
    return undefined
  }
}

const isEntry = (entry: unknown): entry is [string, ServerMessage] =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string"

const bufferOf = (content: Uint8Array) => Buffer.from(content.buffer, content.byteOffset, content.byteLength)
