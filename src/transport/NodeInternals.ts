import * as Net from "node:net"

/**
 * Every undocumented internal of Node that this program reads. A Node version may drop any of them: the function that
 * reads it then returns undefined, and its caller falls back as `without` describes. A test reports what the running
 * version lacks.
 */
export const internals: ReadonlyArray<Internal> = [
  {
    path: ["_handle", "getpeername"],
    of: "TCP socket",
    type: "function",
    why: "distinguishes a reset from an orderly end when both arrive together",
    without: "an empty write finds out instead, a tenth of the cost of a connection (benchmark: churn)"
  },
  {
    path: ["_handle", "readStop"],
    of: "TCP socket",
    type: "function",
    why: "has a connection wait while a crowd of clients is accepted",
    without: "each is served as it is accepted, so that the queue of the kernel overflows sooner (benchmark: rush)"
  },
  {
    path: ["_handle", "readStart"],
    of: "TCP socket",
    type: "function",
    why: "see the previous one",
    without: "see the previous one"
  },
  {
    path: ["_handle", "writeQueueSize"],
    of: "TCP socket",
    type: "number",
    why: "shows progress within one large write",
    without: "progress shows only once a whole write is done; a slow client may be closed as stalled"
  },
  {
    path: ["_handle", "bytesWritten"],
    of: "TCP socket",
    type: "number",
    why: "with the previous one: how many bytes the kernel has taken",
    without: "a client that vanished keeps its name until the kernel gives up, a quarter of an hour later"
  },
  {
    path: ["_handle", "writeQueueSize"],
    of: "TLS socket",
    type: "number",
    why: "the ciphertext that is not known to be taken",
    without: "as the next two"
  },
  {
    path: ["_handle", "_parent", "bytesWritten"],
    of: "TLS socket",
    type: "number",
    why: "with the next one: how much ciphertext the kernel has taken",
    without: "each write over TLS waits a turn for Node's callback, and a broken connection counts all of it as untaken"
  },
  {
    path: ["_handle", "_parent", "writeQueueSize"],
    of: "TLS socket",
    type: "number",
    why: "see the previous one",
    without: "see the previous one"
  },
  {
    path: ["_handle", "reading"],
    of: "TLS socket",
    type: "boolean",
    why: "with the next one: distinguishes the end of TLS (close_notify) from a TCP connection that was cut off",
    without: "a cut connection passes for an orderly end"
  },
  {
    path: ["_handle", "_parent", "readStart"],
    of: "TLS socket",
    type: "function",
    why: "see the previous one",
    without: "see the previous one"
  },
  {
    path: ["_parent"],
    of: "TLS socket",
    type: "object", // null without a socket below, as in a client
    why: "finds the connection whose handshake has finished; undone once it is closed, so that V8 can free it early",
    without: "its addresses find it among all that are in their handshakes, which takes system calls (benchmark: churn)"
  },
  {
    path: ["_handle", "useUserBuffer"],
    of: "TCP socket",
    type: "function",
    why: "with the next three: has a socket read into memory that is used again, as `onread` of `net.connect` would",
    without: "Node allocates 64 KiB for each read from NATS, and V8 frees them (benchmark: nodes-1000, a tenth)"
  },
  ...["kBuffer", "kBufferCb", "kBufferGen"].map((symbol): Internal => ({
    path: [`Symbol(${symbol})`],
    of: "TCP socket",
    type: "object", // null unless the option was given
    why: "see the previous one",
    without: "see the previous one"
  })),
  {
    path: ["_handle", "setNoDelay"],
    of: "TCP server",
    type: "function",
    why: "sets the options of a listening socket, which accepted ones inherit on Linux",
    without: "five system calls for each connection set them (benchmark: churn)"
  },
  {
    path: ["_handle", "setKeepAlive"],
    of: "TCP server",
    type: "function",
    why: "see the previous one",
    without: "see the previous one"
  },
  {
    path: ["_listen2"],
    of: "TCP server",
    type: "function",
    why:
      "listens on an IP address; `listen` first loads what other addresses and the worker processes of `cluster` " +
      "need",
    without: "a server listens 2.5 ms later (benchmark: start-up)"
  }
]

export interface Internal {
  /** The property, as seen from a `net.Socket` or a `net.Server`. `Symbol(x)` is a symbol with this description. */
  readonly path: ReadonlyArray<string>
  readonly of: "TCP socket" | "TLS socket" | "TCP server"
  readonly type: "function" | "number" | "boolean" | "object"
  /** The purpose of reading it. */
  readonly why: string
  /** The loss if it does not exist. */
  readonly without: string
}

type Handle = Readonly<Record<string, unknown>> | null | undefined

const handleOf = (socket: Net.Socket | Net.Server) => Reflect.get(socket, "_handle") as Handle

/** The handle of the TCP connection below a TLS socket. */
const carrierOf = (tls: Handle) => tls?.["_parent"] as Handle

/** Whether the kernel still knows the peer; it does not after a reset. */
export const hasPeer = (socket: Net.Socket): boolean | undefined => {
  const handle = handleOf(socket)
  const getpeername = handle?.["getpeername"]
  return typeof getpeername === "function" ? Reflect.apply(getpeername, handle, [{}]) === 0 : undefined
}

/**
 * Stops a socket that has just been accepted from reading, until `readAgain`. Its `pause` would not suffice: Node reads
 * once after the accept. Returns false if that is impossible.
 */
export const stopReading = (socket: Net.Socket): boolean => {
  const handle = handleOf(socket)
  const [readStop, readStart] = [handle?.["readStop"], handle?.["readStart"]]
  if (typeof readStop !== "function" || typeof readStart !== "function") return false
  return Reflect.apply(readStop, handle, []) === 0
}

/** Undoes `stopReading`. */
export const readAgain = (socket: Net.Socket) => {
  const handle = handleOf(socket)
  const readStart = handle?.["readStart"]
  if (typeof readStart === "function") Reflect.apply(readStart, handle, [])
}

/** Bytes that libuv holds because the kernel has not taken them. */
export const queuedBytes = (socket: Net.Socket): number | undefined => {
  const queued = handleOf(socket)?.["writeQueueSize"]
  return typeof queued === "number" ? queued : undefined
}

/** Bytes that the kernel has taken since the connection began; over TLS, ciphertext. */
export const takenBytes = (socket: Net.Socket): number | undefined => {
  const handle = handleOf(socket)
  const carrier = carrierOf(handle) ?? handle
  const [handed, queued] = [carrier?.["bytesWritten"], carrier?.["writeQueueSize"]]
  return typeof handed === "number" && typeof queued === "number" ? handed - queued : undefined
}

/**
 * The progress of the bytes that a TLS socket writes. The handles are looked up once, since this is read at each write
 * (benchmark: mesh over TLS). Must not be read after the socket was destroyed.
 */
export class Ciphertext {
  /** Undefined where a figure is missing. */
  static of(tls: Net.Socket): Ciphertext | undefined {
    const handle = handleOf(tls)
    const carrier = carrierOf(handle)
    return countsWrites(handle) && countsWrites(carrier) ? new Ciphertext(handle, carrier) : undefined
  }

  private constructor(
    private readonly handle: WriteCounts,
    private readonly carrier: WriteCounts
  ) {}

  /** Bytes that may be untaken. */
  get pending(): number {
    return this.handle.writeQueueSize
  }

  /** Bytes that were handed to the kernel since the connection began, including those that are queued. */
  get handed(): number {
    return this.carrier.bytesWritten
  }

  /** Bytes that wait until the kernel takes them. */
  get queued(): number {
    return this.carrier.writeQueueSize
  }
}

interface WriteCounts {
  readonly writeQueueSize: number
  readonly bytesWritten: number
}

const countsWrites = (handle: Handle): handle is Readonly<Record<string, unknown>> & WriteCounts =>
  typeof handle?.["writeQueueSize"] === "number" && typeof handle["bytesWritten"] === "number"

/**
 * Whether the TCP connection below has ended, for use when TLS reports its end. Node reports the end of TLS and that of
 * TCP alike. `readStart` fails while the TCP handle is still reading, so its success means that TCP itself has ended. A
 * socket that is paused cannot have reached the end of TCP.
 */
export const hasTcpEnded = (tls: Net.Socket): boolean => {
  const handle = handleOf(tls)
  const carrier = carrierOf(handle)
  const readStart = carrier?.["readStart"]
  if (handle?.["reading"] !== true || typeof readStart !== "function") return false
  return Reflect.apply(readStart, carrier, []) === 0
}

/** The socket around which a TLS socket was made. */
export const socketBelow = (tls: Net.Socket): Net.Socket | undefined => {
  const below: unknown = Reflect.get(tls, "_parent")
  return below instanceof Net.Socket ? below : undefined
}

/** Undoes the reference from a closed TLS socket to the socket around which it was made. */
export const forgetBelow = (tls: Net.Socket) => {
  if (socketBelow(tls) !== undefined) Reflect.set(tls, "_parent", null)
}

interface InheritedOptions {
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
}

/** Sets options of a listening socket that accepted ones inherit. Returns false if they must be set on each. */
export const setInherited = (
  server: Net.Server,
  { keepAlive, keepAliveInitialDelay, noDelay }: InheritedOptions
): boolean => {
  const handle = handleOf(server)
  const [setNoDelay, setKeepAlive] = [handle?.["setNoDelay"], handle?.["setKeepAlive"]]
  if (process.platform !== "linux" || typeof setNoDelay !== "function" || typeof setKeepAlive !== "function")
    return false
  const seconds = Math.round(keepAliveInitialDelay / 1000)
  return (
    Reflect.apply(setNoDelay, handle, [noDelay]) === 0 &&
    Reflect.apply(setKeepAlive, handle, [keepAlive, seconds]) === 0
  )
}

/**
 * Listens on an IP address like `server.listen`: the result is an event. Returns false if only `server.listen` can: in
 * a worker process, whose parent may listen for it.
 */
export const listenOn = (server: Net.Server, host: string, port: number, backlog: number): boolean => {
  const listen: unknown = Reflect.get(server, "_listen2")
  const family = Net.isIP(host)
  const isPort = Number.isInteger(port) && port >= 0 && port < 65_536 // `listen` throws for any other
  if (typeof listen !== "function" || family === 0 || !isPort || process.send !== undefined) return false
  Reflect.apply(listen, server, [host, port, family, backlog, undefined, 0])
  return true
}

/** A property of an object whose key is a symbol that only Node's own modules have. */
export const symbolOf = (socket: object, description: string): symbol | undefined =>
  Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description)

/**
 * Has a connected socket read into memory that is used again for each read. Its other events stay as they are, but for
 * 'data', which no longer comes.
 *
 * @param take gets the bytes of each read, which are valid until it returns
 * @returns False, and nothing has changed, if that is impossible
 */
export const readInto = (socket: Net.Socket, memory: Buffer, take: (bytes: Buffer) => void): boolean => {
  const handle = handleOf(socket)
  const useUserBuffer = handle?.["useUserBuffer"]
  const [buffer, callback] = [symbolOf(socket, "kBuffer"), symbolOf(socket, "kBufferCb")]
  if (typeof useUserBuffer !== "function" || buffer === undefined || callback === undefined) return false
  if (symbolOf(socket, "kBufferGen") === undefined) return false
  Reflect.apply(useUserBuffer, handle, [memory])
  Reflect.set(socket, buffer, memory)
  Reflect.set(socket, callback, (length: number) => {
    take(memory.subarray(0, length))
    return true // false would pause the socket
  })
  return true
}
