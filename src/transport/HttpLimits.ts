import type * as Http from "node:http"
import type { Socket } from "node:net"

/**
 * What HTTP clients can take of a server: connections while there is room, and of each one answer at a time, for some
 * seconds.
 */

/** The request line and the headers. */
export const maxHeaderBytes = 16_384

/** @param timeout how long a request may take to arrive, and the next request to begin, in milliseconds */
export const options = (timeout: number): Http.ServerOptions => ({
  requestTimeout: timeout,
  headersTimeout: timeout,
  keepAliveTimeout: timeout,
  maxHeaderSize: maxHeaderBytes,
  // How often Node looks for requests that take too long; its default of 30 s would give them up to 40 s.
  connectionsCheckingInterval: Math.min(1_000, timeout / 4)
})

/**
 * Makes room for each new connection: closes those without a request and, if there are none, the one whose last request
 * is the longest ago, of those first that have no answer coming, such as a stream. So clients that send slowly or do not
 * read keep no other client out. A connection that has become something else than HTTP does not count.
 *
 * @param maxPerHost connections from one address, of which the oldest makes room in the same way; unlimited by default
 */
export const makeRoom = (
  http: Http.Server,
  maxConnections: number,
  maxPerHost: (host: string) => number = () => Infinity
): void => {
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
    const host = socket.remoteAddress ?? ""
    const most = maxPerHost(host)
    if (most < Infinity) {
      const same = [...open, ...answering].filter((one) => one.remoteAddress === host)
      for (const one of same.slice(0, Math.max(0, same.length - most + 1))) close(one)
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
  http.on("upgrade", ({ socket }) => {
    forget.call(socket)
    socket.off("close", forget)
  })
}

/** How long a client may take with an answer. */
export interface AnswerTimeout {
  readonly millis: number
  /** From the request on, or from the end of the answer, which may be a stream or wait for an event. */
  readonly from: "request" | "end"
}

/**
 * Closes a connection whose client does not read an answer in time, or sends a request before the answer to the one
 * before. Node would handle all requests of a read at once, so that one client could have a thousand answers in memory.
 *
 * @param answering the connections that wait for an answer, for a caller that needs them
 */
export const oneAtATime = (
  handler: Http.RequestListener,
  { from, millis }: AnswerTimeout,
  answering = new WeakSet<Socket>()
): Http.RequestListener => {
  return (request, response) => {
    const { socket } = request
    if (answering.has(socket)) socket.destroy()
    if (socket.destroyed) return
    answering.add(socket)
    let deadline: NodeJS.Timeout | undefined = undefined
    const start = () => {
      deadline = setTimeout(() => socket.destroy(), millis)
    }
    if (from === "request") start()
    // Node has handed the whole answer to the socket, from which the kernel has not taken all of it.
    else response.on("prefinish", start)
    response.on("finish", () => answering.delete(socket))
    response.on("close", () => clearTimeout(deadline))
    handler(request, response)
  }
}
