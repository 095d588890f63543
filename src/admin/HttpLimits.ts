import type * as Http from "node:http"
import type { Socket } from "node:net"

/** What one HTTP client can take of the server: a connection while there is room, one answer at a time, for some seconds. */

/** Room for supervisors, a Prometheus or two, and several browsers. */
export const maxConnections = 64

/** How long a request may take to arrive, its answer to be read, and the next request to begin. */
const timeout = 10_000

export const options: Http.ServerOptions = {
  requestTimeout: timeout,
  headersTimeout: timeout,
  keepAliveTimeout: timeout,
  // How often Node looks for requests that take too long; its default of 30 s would give them up to 40 s.
  connectionsCheckingInterval: 1_000
}

/**
 * Makes room for each new connection: closes those without a request and, if there are none, the one whose last request
 * is the longest ago. So clients that send slowly or do not read keep no other client out.
 */
export const makeRoom = (http: Http.Server): void => {
  /** The oldest first; a finished answer makes a connection the newest. */
  const open = new Set<Socket>()
  const close = (socket: Socket) => {
    open.delete(socket)
    socket.destroy()
  }
  http.on("connection", (socket: Socket) => {
    if (open.size >= maxConnections) {
      http.closeIdleConnections()
      for (const one of open) if (one.destroyed) open.delete(one)
      for (const one of open) if (open.size >= maxConnections) close(one)
    }
    open.add(socket)
    socket.on("close", () => open.delete(socket))
  })
  http.on("request", ({ socket }, response) => {
    response.on("finish", () => {
      if (open.delete(socket)) open.add(socket)
    })
  })
}

/**
 * Closes a connection whose client does not read an answer in time, or sends a request before the answer to the one
 * before. Node would handle all requests of a read at once, so that one client could have a thousand answers in memory.
 */
export const oneAtATime = (handler: Http.RequestListener): Http.RequestListener => {
  const answering = new WeakSet<Socket>()
  return (request, response) => {
    const { socket } = request
    if (answering.has(socket)) socket.destroy()
    if (socket.destroyed) return
    answering.add(socket)
    const deadline = setTimeout(() => socket.destroy(), timeout)
    response.on("finish", () => answering.delete(socket))
    response.on("close", () => clearTimeout(deadline))
    handler(request, response)
  }
}
