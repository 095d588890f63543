import { createHash } from "node:crypto"
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"

/** The opening handshake of WebSocket (RFC 6455, 4.2), for a request that has asked for an upgrade. */

/** The path at which a server speaks the chat protocol over WebSocket. */
export const path = "/chat"

export const subprotocol = "a-chat"

/** A response in place of the upgrade. */
export interface UpgradeRefusal {
  readonly status: number
  readonly why: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The only version that RFC 6455 allows. */
const version = "13"

/** 16 bytes in base64. */
const keyForm = /^[+/\dA-Za-z]{22}==$/u

/** Appended to the key, so that a server that does not know WebSocket cannot produce the answer by accident. */
const suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/** The response that makes the connection a WebSocket, or why it does not become one. */
export const respond = ({ headers, httpVersion, method, url }: IncomingMessage): string | UpgradeRefusal => {
  if (url !== path) return { status: 404, why: `no WebSocket here; it is at ${path}` }
  if (method !== "GET") return { status: 405, why: "a WebSocket begins with GET", headers: { allow: "GET" } }
  if (httpVersion !== "1.1") return { status: 400, why: "a WebSocket begins with HTTP/1.1" }
  // The server would take the body for frames, or a proxy the frames for a body.
  if (hasBody(headers)) return { status: 400, why: "the request for a WebSocket has no body" }
  if (headers.upgrade?.toLowerCase() !== "websocket") return { status: 400, why: "only an upgrade to websocket" }
  if (headers["sec-websocket-version"] !== version) {
    return { status: 426, why: `only version ${version}`, headers: { "sec-websocket-version": version } }
  }
  const key = headers["sec-websocket-key"] ?? ""
  if (!keyForm.test(key)) return { status: 400, why: "no valid Sec-WebSocket-Key" }
  const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim())
  if (offered?.includes(subprotocol) === false) return { status: 400, why: `the subprotocol is ${subprotocol}` }
  return head(
    "101 Switching Protocols",
    ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept(key)}`],
    offered === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]
  )
}

const hasBody = (headers: IncomingHttpHeaders) =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"

const accept = (key: string) => createHash("sha1").update(`${key}${suffix}`).digest("base64")

const head = (status: string, ...headers: ReadonlyArray<ReadonlyArray<string>>) =>
  [`HTTP/1.1 ${status}`, ...headers.flat(), "", ""].join("\r\n")

const statusTexts: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  421: "Misdirected Request",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable"
}

/** The response to a client whose upgrade is refused. The connection ends after it. */
export const upgradeRefusal = ({ headers = {}, status, why }: UpgradeRefusal): string => {
  const text = `${why}\n`
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const fixed = ["Connection: close", "Content-Type: text/plain; charset=utf-8", `Content-Length: ${text.length}`]
  return head(`${status} ${statusTexts[status] ?? ""}`, fixed, more) + text
}
