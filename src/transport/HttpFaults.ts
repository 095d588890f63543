import * as Duration from "effect/Duration"
import type * as Http from "node:http"
import type { Socket } from "node:net"
import * as HttpLimits from "./HttpLimits.js"
import { startLinger } from "./NetSocket.js"
import * as WebSocketHandshake from "./WebSocketHandshake.js"

/** The answers to invalid requests, and to those that are not for this server. */

/** Time for a refused client to read the refusal. */
const refusalLinger = Duration.seconds(1)

/** Sends the refusal and closes. Closing immediately would cause a reset, and the client could lose the refusal. */
export const turnAway = (socket: Socket, refusal: WebSocketHandshake.UpgradeRefusal): void => {
  socket.on("error", () => {})
  socket.end(WebSocketHandshake.upgradeRefusal(refusal), "latin1")
  socket.resume()
  socket.once(
    "close",
    startLinger(refusalLinger, () => socket.destroy())
  )
}

/** Refuses input that Node's parser rejects, once for each connection. */
export const refuse = (http: Http.Server, answers: HttpLimits.PipelinedAnswers): void => {
  const refused = new WeakSet<Socket>()
  http.on("clientError", (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket // Node declares a Duplex, because an application may hand any to its server
    if (refused.has(socket)) return
    const awaited = answers.of(socket)
    // While an answer is awaited, the input is another request, and the client would take its refusal for that answer.
    if (awaited?.req.complete === true) return void answers.endAfter(socket, awaited)
    if (!socket.writable || awaited?.headersSent === true) return void socket.destroy()
    refused.add(socket)
    turnAway(socket, refusalOf(error))
  })
  http.on("connect", (_, stream) => {
    const socket = stream as Socket
    const awaited = answers.of(socket)
    if (awaited !== undefined) return void answers.endAfter(socket, awaited)
    turnAway(socket, noProxy)
  })
}

const refusalOf = ({ code }: NodeJS.ErrnoException): WebSocketHandshake.UpgradeRefusal => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return tooLong
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, why: "the request did not arrive in time" }
    default:
      return { status: 400, why: "this is no request of HTTP/1.1, or could be two" }
  }
}

const tooLong: WebSocketHandshake.UpgradeRefusal = {
  status: 431,
  why: `the request line and the headers have more than ${HttpLimits.maxHeaderBytes} bytes`
}

const noProxy: WebSocketHandshake.UpgradeRefusal = {
  status: 405,
  why: "this is no proxy",
  headers: { allow: "GET, POST" }
}
