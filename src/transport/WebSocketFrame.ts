/** The parts of WebSocket frames (RFC 6455, 5), and how a server writes them. Pure. */

export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

/** Codes of Close frames (RFC 6455, 7.4.1, and IANA's registry). */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupported: 1003,
  invalidData: 1007,
  policy: 1008,
  tooBig: 1009,
  restart: 1012,
  tryLater: 1013
} as const

/** Whether a Close frame may contain this code: one registered for frames, or one of libraries or applications. */
export const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)

const final = 0x80

/**
 * A frame of a server, which masks nothing. The payload and the result have one character per byte, as
 * `Transport.Socket` writes them.
 */
export const frame = (opcode: number, isFinal: boolean, payload: string): string =>
  header(opcode | (isFinal ? final : 0), payload.length) + payload

const header = (first: number, length: number): string => {
  if (length < 126) return String.fromCharCode(first, length)
  if (length < 65_536) return String.fromCharCode(first, 126, length >> 8, length & 255)
  const low = length >>> 0
  return String.fromCharCode(first, 127, 0, 0, 0, 0, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255)
}

/** The most bytes of several lines in one message. A longer line is a message of its own. */
const maxLinesBytes = 16_384

/** The end of the message that begins at `start`. */
const messageEnd = (lines: string, start: number): number => {
  if (lines.length - start <= maxLinesBytes) return lines.length
  const last = lines.lastIndexOf("\n", start + maxLinesBytes - 1)
  const end = last < start ? lines.indexOf("\n", start + maxLinesBytes) : last
  return end < 0 ? lines.length : end + 1
}

/**
 * Messages with these lines. The last one continues in the next call if no LF is at its end.
 *
 * @param isWithinLine whether the last call ended within a line
 */
export const messages = (lines: string, isWithinLine: boolean): string => {
  let frames = ""
  for (let start = 0, end = 0; start < lines.length; start = end) {
    end = messageEnd(lines, start)
    const opcode = start === 0 && isWithinLine ? Opcode.continuation : Opcode.text
    frames += frame(opcode, lines.endsWith("\n", end), lines.slice(start, end))
  }
  return frames
}

/**
 * The number of bytes of the lines that a browser will not see if the last `left` bytes of their messages do not
 * arrive: it sees nothing of a message that is cut off. Within a line that is a message of its own, each byte counts,
 * to show progress.
 */
export const unseen = (lines: string, left: number): number => {
  const starts: Array<number> = []
  for (let start = 0; start < lines.length; start = messageEnd(lines, start)) starts.push(start)
  let end = lines.length
  for (let rest = left; rest > 0;) {
    const start = starts.pop()
    if (start === undefined) break
    const length = end - start
    const isOneLine = lines.indexOf("\n", start) >= end - 1
    if (isOneLine && rest < length) return lines.length - end + rest
    rest -= header(0, length).length + length
    end = start
  }
  return lines.length - end
}

export const close = (code: number): string => frame(Opcode.close, true, String.fromCharCode(code >> 8, code & 255))

/** The code of the server's Close frame. It follows from the last line written, which gives the reason of the close. */
export const closeCodeAfter = (written: string): number => {
  const start = written.lastIndexOf("\n", written.length - 2) + 1
  if (written.startsWith("* bye reason=shutdown", start)) return CloseCode.restart
  if (!written.startsWith("! ", start)) return CloseCode.normal
  const [head = ""] = written.slice(start).split(":", 1)
  if (!head.endsWith(" fatal")) return CloseCode.normal
  if (!head.includes(" retry=")) return CloseCode.policy
  return head.startsWith("! closing ") ? CloseCode.restart : CloseCode.tryLater
}
