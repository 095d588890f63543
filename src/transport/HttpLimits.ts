import type * as Http from "node:http"
import type { Socket } from "node:net"

/** Limits on HTTP clients: the number of connections, one answer at a time on each, and a few seconds for it. */

/** The most bytes in the request line and the headers. */
export const maxHeaderBytes = 16_384

/** @param timeout how long a request may take to arrive, and the next request to begin, in milliseconds */
export const options = (timeout: number): Http.ServerOptions => ({
  requestTimeout: timeout,
  headersTimeout: timeout,
  keepAliveTimeout: timeout,
  maxHeaderSize: maxHeaderBytes,
  // The interval at which Node checks for slow requests; its default of 30 s would give them up to 40 s.
  connectionsCheckingInterval: Math.min(1_000, timeout / 4)
})

/** Limits the connections from one address. */
export interface HostLimit {
  readonly hostOf: (socket: Socket) => string
  /** The most connections from this address. One more closes the oldest. */
  readonly most: (host: string) => number
}

/** The connections that count against the limit. */
export interface ConnectionRoom {
  /** Stops counting a connection that no longer carries HTTP. */
  readonly forget: (socket: Socket) => void
  /**
   * Closes connections that wait for an answer. Node itself loses track of one on which an upgrade arrived before the
   * answer.
   */
  readonly closeAnswering: () => void
}

/**
 * Makes room for each new connection: closes those without a request or, if there are none, the one with the oldest
 * last request, preferably one that is not being sent an answer, such as a stream. So clients that send slowly or do
 * not read cannot keep others out.
 */
export const makeRoom = (
  http: Http.Server,
  maxConnections: number,
  { hostOf, most }: HostLimit = { hostOf: () => "", most: () => Infinity }
): ConnectionRoom => {
  /** The oldest first; a finished answer makes a connection the newest. */
  const open = new Set<Socket>()
  const answering = new Set<Socket>()
  const forget = function (this: Socket) {
    open.delete(this)
    answering.delete(this)
  }
  const close = (socket: Socket) => {
    forget.call(socket)
    socket.destroy()
  }
  http.on("connection", (socket: Socket) => {
    if (open.size + answering.size >= maxConnections) {
      http.closeIdleConnections()
      for (const some of [open, answering]) {
        for (const one of some) if (one.destroyed) some.delete(one)
        for (const one of some) if (open.size + answering.size >= maxConnections) close(one)
      }
    }
    const host = hostOf(socket)
    const mostOfHost = most(host)
    if (mostOfHost < Infinity) {
      const same = [...open, ...answering].filter((one) => hostOf(one) === host)
      for (const one of same.slice(0, Math.max(0, same.length - mostOfHost + 1))) close(one)
    }
    open.add(socket)
    socket.on("close", forget)
  })
  http.on("request", ({ socket }, response) => {
    if (open.delete(socket)) answering.add(socket)
    response.on("finish", () => {
      if (answering.delete(socket)) open.add(socket)
    })
  })
  // Not a listener of `upgrade`: the server may refuse the upgrade, or await an answer first, and with any such
  // listener, Node leaves every connection with an upgrade to it.
  return {
    forget: (socket) => {
      forget.call(socket)
      socket.off("close", forget)
    },
    closeAnswering: () => answering.forEach(close)
  }
}

/** The time that a client has to read an answer. */
export interface AnswerTimeout {
  readonly millis: number
  /** Starts at the request, or at the end of the answer, which may be a stream or wait for an event. */
  readonly from: "request" | "end"
}

/** The most pipelined requests of a connection. One more ends it at once. */
const maxPipelined = 8

/** Tracks the answer that each connection waits for. */
export class PipelinedAnswers {
  private readonly bySocket = new WeakMap<Socket, Http.ServerResponse>()
  private readonly pipelined = new WeakMap<Socket, number>()

  /** The answer that a connection waits for; undefined if it waits for none. */
  of(socket: Socket): Http.ServerResponse | undefined {
    return this.bySocket.get(socket)
  }

  begin(socket: Socket, response: Http.ServerResponse) {
    this.bySocket.set(socket, response)
    response.on("finish", () => {
      // A connection that is about to end takes no request, because its client would get no answer.
      if (!this.pipelined.has(socket)) this.bySocket.delete(socket)
    })
  }

  /**
   * Ends the connection after the answer that it waits for. Later requests are not carried out, which the answer tells
   * the client by `Connection: close` (RFC 9112, 9.6).
   */
  endAfter(socket: Socket, response: Http.ServerResponse) {
    const count = (this.pipelined.get(socket) ?? 0) + 1
    this.pipelined.set(socket, count)
    const isStream = response.headersSent && !response.writableEnded
    if (isStream || count > maxPipelined) return socket.destroy()
    if (count > 1) return undefined
    if (!response.headersSent) response.setHeader("connection", "close")
    return response.on("finish", () => socket.destroySoon())
  }
}

/**
 * Closes a connection whose client does not read an answer in time. A connection on which another request precedes the
 * answer is closed after that answer: Node would handle all requests of a read at once, and one client could fill the
 * memory with a thousand answers.
 */
export const oneAtATime = (
  handler: Http.RequestListener,
  { from, millis }: AnswerTimeout,
  answers = new PipelinedAnswers()
): Http.RequestListener => {
  return (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const awaited = answers.of(socket)
    if (awaited !== undefined) {
      request.resume()
      answers.endAfter(socket, awaited)
      return
    }
    answers.begin(socket, response)
    let deadline: NodeJS.Timeout | undefined = undefined
    const start = () => {
      deadline = setTimeout(() => socket.destroy(), millis)
    }
    if (from === "request") start()
    // Node has handed the whole answer to the socket, from which the kernel has not taken all of it.
    else response.on("prefinish", start)
    response.on("close", () => clearTimeout(deadline))
    handler(request, response)
  }
}
