/** Takes the payload of a message. The bytes are valid until it returns. */
export type TakePayload = (payload: Uint8Array) => void

const LF = 0x0a
const M = 0x4d

/**
 * `MSG <subject> <sid> [reply] <bytes>` or `HMSG <subject> <sid> [reply] <bytes of headers> <bytes>` (docs.nats.io,
 * "Client Protocol").
 */
const message = /^H?MSG \S+ (\S+)(?: \S+)*? (\d+)\r\n$/u

/** A payload is followed by CRLF. */
const endBytes = 2

const firstCapacity = 65_536

/**
 * Divides what a NATS server sends, from the start of an operation on. The payloads of some subscriptions go to their
 * takers: from the bytes that were read, or if they came in parts, from memory that is used again for the next one.
 * Everything else is passed on, whole operations in order.
 */
export class NatsStream {
  /** The start of an operation, without the end of its line. */
  private rest: Buffer | undefined = undefined
  /** Whose payload comes next; undefined: it is passed on. */
  private taker: TakePayload | undefined = undefined
  /** The bytes of the payload, with its CRLF, that have not come yet. */
  private left = 0
  private assembled = Buffer.alloc(0)
  private filled = 0

  /**
   * @param takerOf the taker of a subscription, by its id
   * @param pass the bytes stay as they are, since they are copies: whoever gets them may keep them
   */
  constructor(
    private readonly takerOf: (sid: string) => TakePayload | undefined,
    private readonly pass: (bytes: Buffer) => void
  ) {}

  /** @param bytes may change as soon as this returns */
  push(bytes: Buffer) {
    let at = 0
    /** Where the bytes begin that are to be passed on; at `at` if there are none. */
    let from = 0
    const passBefore = (end: number) => {
      if (end > from) this.pass(Buffer.from(bytes.subarray(from, end)))
    }
    while (at < bytes.length) {
      if (this.left > 0) {
        const end = Math.min(bytes.length, at + this.left)
        if (this.taker === undefined) this.left -= end - at
        else {
          this.takePart(bytes, at, end)
          from = end
        }
        at = end
        continue
      }
      const end = bytes.indexOf(LF, at) + 1
      if (end === 0) {
        passBefore(at)
        this.rest = Buffer.from(this.withRest(bytes.subarray(at)))
        return
      }
      const { rest } = this
      const line = this.withRest(bytes.subarray(at, end))
      this.rest = undefined
      this.begin(line)
      if (this.taker !== undefined) {
        passBefore(at)
        from = end
      } else if (rest !== undefined) {
        this.pass(line) // at the start of the bytes
        from = end
      }
      at = end
    }
    passBefore(at)
  }

  private withRest(bytes: Buffer): Buffer {
    return this.rest === undefined ? bytes : Buffer.concat([this.rest, bytes])
  }

  private begin(line: Buffer) {
    this.taker = undefined
    if (line[0] !== M && line[1] !== M) return
    const [, sid, size] = message.exec(line.toString("latin1")) ?? []
    if (sid === undefined) return
    this.left = Number(size) + endBytes
    this.taker = this.takerOf(sid)
  }

  /** Takes a part of the payload; the whole one as it lies in the bytes. */
  private takePart(bytes: Buffer, at: number, end: number) {
    const { filled, left } = this
    this.left -= end - at
    if (filled === 0 && this.left === 0) return this.taker?.(bytes.subarray(at, end - endBytes))
    if (filled === 0 && this.assembled.length < left)
      this.assembled = Buffer.allocUnsafeSlow(Math.max(firstCapacity, 2 ** Math.ceil(Math.log2(left))))
    bytes.copy(this.assembled, filled, at, end)
    this.filled = filled + end - at
    if (this.left > 0) return
    const whole = this.assembled.subarray(0, this.filled - endBytes)
    this.filled = 0
    this.taker?.(whole)
  }
}
