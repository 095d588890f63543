import type { NatsConnection as Client } from "@nats-io/transport-node"
import { Socket } from "node:net"
import * as NodeInternals from "../transport/NodeInternals.js"
import { NatsStream, type TakePayload } from "./NatsStream.js"

/** Messages up to this size are copied into one piece of memory, which costs less than three. */
const smallBytes = 4_096

/** The most that is read at once: a frame of lines as a rule, and the start of the next one. */
const readBytes = 131_072

const CRLF = Buffer.from("\r\n")

/** The part of a client (`@nats-io/transport-node` 3.4.0) that its interface does not show. */
interface Inside {
  readonly protocol?: {
    readonly parser?: { readonly state?: unknown }
    readonly transport?: { readonly socket?: unknown; readonly yields?: ReadonlyArray<unknown> }
  }
}

/** The state of a parser between two operations. */
const betweenOperations = 0

/**
 * Writes and reads messages on the socket of a client, past the client: which joins what it writes to a socket in new
 * memory, and joins each payload again from what it reads, in memory that doubles. That is several times the work of
 * the messages themselves, and most of it is V8's, which collects garbage because of it (benchmarks: nodes-100,
 * nodes-1000). The client still connects, authenticates, and has all other operations.
 */
export class NatsTap {
  private readonly takers = new Map<string, TakePayload>()

  private constructor(private readonly socket: Socket) {
    const pass = socket.listeners("data")
    const stream = new NatsStream(
      (sid) => this.takers.get(sid),
      (bytes) => {
        for (const listener of pass) listener.call(socket, bytes)
      }
    )
    // First, so that the socket is never without a listener. It gets nothing if reads are reused.
    socket.on("data", (bytes: Buffer) => stream.push(bytes))
    NodeInternals.readInto(socket, Buffer.allocUnsafeSlow(readBytes), (bytes) => stream.push(bytes))
    for (const listener of pass) socket.removeListener("data", listener as () => void)
  }

  /** Undefined if the client is another one than expected, or is just reading an operation. */
  static on(client: Client): NatsTap | undefined {
    const { parser, transport } = (client as unknown as Inside).protocol ?? {}
    const socket = transport?.socket
    if (!(socket instanceof Socket) || socket.listenerCount("data") !== 1) return undefined
    return parser?.state === betweenOperations && transport?.yields?.length === 0 ? new NatsTap(socket) : undefined
  }

  /** Subscribes until the connection ends. */
  subscribe(subject: string, take: TakePayload) {
    const sid = `tap${this.takers.size}` // the client numbers its own
    this.takers.set(sid, take)
    this.socket.write(`SUB ${subject} ${sid}\r\n`)
  }

  /** The data must stay as it is until it is written. */
  publish(subject: string, data: Uint8Array) {
    const { socket } = this
    if (!socket.writable) return
    const head = `PUB ${subject} ${data.length}\r\n`
    if (data.length <= smallBytes) {
      const whole = Buffer.allocUnsafe(head.length + data.length + CRLF.length)
      whole.write(head, "latin1")
      whole.set(data, head.length)
      whole.set(CRLF, head.length + data.length)
      socket.write(whole)
      return
    }
    socket.cork()
    socket.write(Buffer.from(head, "latin1"))
    socket.write(data)
    socket.write(CRLF)
    socket.uncork()
  }
}
