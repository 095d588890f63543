// A TCP port in front of the WebSocket door of a server, so that the suite can test that as well. Imported, not run.
import { once } from "node:events"
import { createServer } from "node:net"
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import { WebSocket } from "ws"

/** Bytes on the way to the server beyond which the bridge no longer reads from the client. */
const mostWaiting = 65_536

const lf = 0x0a

let worker

/**
 * By the port that a connection comes from: whether its WebSocket is open. Either side may be first to ask or to know.
 */
const openings = new Map()

const opening = (from) => {
  if (!openings.has(from)) {
    let settle
    const outcome = new Promise((resolve) => (settle = resolve))
    openings.set(from, { outcome, settle })
  }
  return openings.get(from)
}

/**
 * Listens on a free port of 127.0.0.1, and carries the lines of each connection over a WebSocket to `url`. In a thread
 * of its own, because a check that floods would delay the lines of another.
 *
 * A client that shuts down its sending half has no counterpart in WebSocket, where a Close frame ends both directions.
 * It becomes what PROTOCOL.md (section 13) tells clients to send: `/quit`, whose reply the bridge drops. A connection
 * that breaks becomes one that ends without a Close frame, and the other way round.
 */
export const bridge = async (url) => {
  worker ??= new Worker(new URL(import.meta.url)).on(
    "message",
    ({ error, from }) => from && opening(from).settle(error)
  )
  worker.postMessage(url)
  for (;;) {
    const [made] = await once(worker, "message")
    if (made.url === url) return { host: "127.0.0.1", port: made.port, isBridge: true }
  }
}

/** Waits until the WebSocket of a connection from this port is open. Returns the code of the error if it is refused. */
export const opened = (from) => opening(from).outcome.finally(() => openings.delete(from))

const listen = async (url) => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => carry(socket, url))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  parentPort.postMessage({ url, port: server.address().port })
}

if (!isMainThread) parentPort.on("message", (url) => void listen(url))

const carry = (socket, url) => {
  const web = new WebSocket(url, "a-chat", { perMessageDeflate: false })
  let isWithinLine = false
  let mayQuit = true // a client that has sent `/quit` itself gets its reply
  let dropsReply = false

  /** Text may end anywhere; a message ends where a line does, because its end would end the line as well. */
  const send = (bytes) => {
    const end = bytes.lastIndexOf(lf) + 1
    if (/^\/quit\r?$/mu.test(bytes)) mayQuit = false
    for (const [payload, fin] of [
      [bytes.subarray(0, end), true],
      [bytes.subarray(end), false]
    ]) {
      if (payload.length === 0) continue
      isWithinLine = !fin
      web.send(payload, { binary: false, fin }, () => web.bufferedAmount < mostWaiting && socket.resume())
    }
    if (web.bufferedAmount >= mostWaiting) socket.pause()
  }
  const { remotePort: from } = socket
  let isOpen = false
  web.on("open", () => {
    isOpen = true
    parentPort.postMessage({ from })
    socket.resume()
  })
  socket.on("data", send)
  const leave = () => {
    if (isWithinLine) web.send("", { binary: false, fin: true })
    dropsReply = mayQuit
    web.send("/quit")
  }
  // Node reports a reset as an end if both arrive in one turn. An empty write shows which it was.
  socket.on("end", () => socket.write("", (error) => (error ? web.terminate() : leave())))
  socket.on("error", () => web.terminate())
  socket.on("close", () => web.terminate())

  web.on("message", (bytes) => {
    const text = dropsReply ? bytes.toString().replace(/^\* bye reason=quit: .*\n/mu, "") : bytes
    if (text.length === 0 || socket.write(text)) return
    web.pause()
    socket.once("drain", () => web.resume())
  })
  web.on("error", (error) => {
    // Nobody asks a second time, and the next connection from this port would get this answer.
    if (!isOpen) parentPort.postMessage({ from, error: error.code ?? error.message })
    socket.resetAndDestroy()
  })
  web.on("close", (code) => (code === 1006 ? socket.resetAndDestroy() : socket.end()))
}
