/** Frames as a client sends them (RFC 6455, 5.2), also wrong ones. */

export interface ClientFrame {
  readonly opcode?: number
  readonly isFinal?: boolean
  /** The three reserved bits. */
  readonly reserved?: number
  readonly isMasked?: boolean
  readonly payload?: Uint8Array
  /** In place of a payload. */
  readonly text?: string
  readonly key?: number
}

export const clientFrame = ({
  isFinal = true,
  isMasked = true,
  key = 0x12345678,
  opcode = 1,
  reserved = 0,
  text = "",
  payload = Buffer.from(text)
}: ClientFrame): Buffer => {
  const { length } = payload
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = isMasked ? 0x80 : 0
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8)
  if (extended.length === 2) extended.writeUInt16BE(length)
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length))
  const short = length < 126 ? length : length < 65_536 ? 126 : 127
  const head = Buffer.concat([Buffer.from([first, mask | short]), extended])
  if (!isMasked) return Buffer.concat([head, payload])
  const keyBytes = Buffer.alloc(4)
  keyBytes.writeUInt32BE(key >>> 0)
  return Buffer.concat([head, keyBytes, payload.map((byte, index) => byte ^ (keyBytes[index % 4] ?? 0))])
}
