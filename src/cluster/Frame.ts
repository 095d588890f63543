import { headerBytes } from "./Nodes.js"
import { protocolVersion } from "./ProtocolVersion.js"

export { headerBytes }

/**
 * The frames between nodes. Each starts with `headerBytes`:
 *
 *   0   the version of the protocol; frames of another one are dropped
 *   1   the kind
 *   2   the incarnation of the sender, 8 bytes
 *   10  the incarnation of the receiver, 8 bytes; zeros if the frame is for all
 *   18  a number: of the content, of the last content sent (probe), of the first content after the missing ones
 *       (resume), of the heartbeat; otherwise 0
 *   26  the number of the last content that the sender has taken from the receiver
 *   34  of a heartbeat: how many bytes the name of the sender has, at the end of the frame; 0: none, of an earlier
 *       build
 *
 * Numbers are doubles, big-endian, and count from 1.
 */

export const Kind = {
  /** A content of the chat. */
  content: 1,
  /** Only acknowledges. */
  ack: 2,
  /** Asks for the contents after the acknowledged one. */
  resume: 3,
  /** Asks for an acknowledgement: the sender has heard nothing about its contents for some time. */
  probe: 4,
  /** To all: the sender is alive, and has heard these heartbeats of others. */
  heartbeat: 5
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

export interface Header {
  readonly kind: number
  readonly from: string
  readonly to: string
  readonly number: number
  readonly ack: number
}

/** For everybody. */
export const everyone = "0000000000000000"

const at = { kind: 1, from: 2, to: 10, number: 18, ack: 26, end: 34 } as const

const bufferOf = (frame: Uint8Array) => Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)

/** Writes the header into the first bytes of a frame. */
export const write = (frame: Uint8Array, { ack, from, kind, number, to }: Header) => {
  const buffer = bufferOf(frame)
  buffer[0] = protocolVersion
  buffer[at.kind] = kind
  buffer.write(from, at.from, "hex")
  buffer.write(to, at.to, "hex")
  buffer.writeDoubleBE(number, at.number)
  buffer.writeDoubleBE(ack, at.ack)
  buffer.fill(0, at.end, headerBytes)
}

/** A copy: `slice` would return the same memory if the frame is a `Buffer`. */
export const copy = (frame: Uint8Array): Uint8Array => new Uint8Array(frame)

/** A frame without a content. */
export const make = (header: Header): Uint8Array => {
  const frame = new Uint8Array(headerBytes)
  write(frame, header)
  return frame
}

/** The header of a frame; undefined if it is of another version. */
export const read = (frame: Uint8Array): Header | undefined => {
  const buffer = bufferOf(frame)
  if (buffer.length < headerBytes || buffer[0] !== protocolVersion) return undefined
  return {
    kind: buffer[at.kind] ?? 0,
    from: buffer.toString("hex", at.from, at.to),
    to: buffer.toString("hex", at.to, at.number),
    number: buffer.readDoubleBE(at.number),
    ack: buffer.readDoubleBE(at.ack)
  }
}

/**
 * A heartbeat: the incarnations that the sender knows, for each the number of its last heartbeat it has heard, or 0,
 * and the name of the sender.
 */
export const heartbeat = (
  from: string,
  number: number,
  heard: ReadonlyMap<string, number>,
  name: string
): Uint8Array => {
  const frame = Buffer.alloc(headerBytes + heard.size * heardBytes + name.length)
  write(frame, { kind: Kind.heartbeat, from, to: everyone, number, ack: 0 })
  frame[at.end] = name.length
  frame.write(name, frame.length - name.length, "latin1")
  let offset = headerBytes
  for (const [incarnation, beat] of heard) {
    frame.write(incarnation, offset, "hex")
    frame.writeDoubleBE(beat, offset + 8)
    offset += heardBytes
  }
  return frame
}

const heardBytes = 16

/**
 * Which heartbeat of this incarnation the sender of the heartbeat has heard; 0: none; undefined: it does not know it.
 */
export const heardOf = (frame: Uint8Array, incarnation: string): number | undefined => {
  const buffer = bufferOf(frame)
  const wanted = Buffer.from(incarnation, "hex")
  const end = buffer.length - nameBytes(buffer)
  for (let offset = headerBytes; offset + heardBytes <= end; offset += heardBytes)
    if (buffer.compare(wanted, 0, 8, offset, offset + 8) === 0) return buffer.readDoubleBE(offset + 8)
  return undefined
}

const nameBytes = (heartbeat: Uint8Array) => heartbeat[at.end] ?? 0

/** The name of the sender of a heartbeat; empty if the heartbeat does not contain it. */
export const nameIn = (heartbeat: Uint8Array): string => {
  const buffer = bufferOf(heartbeat)
  return buffer.toString("latin1", buffer.length - nameBytes(buffer))
}
