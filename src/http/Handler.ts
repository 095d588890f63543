import type { ServerResponse } from "node:http"
import * as WebOrigin from "../transport/WebOrigin.js"
import type { RequestHandler } from "../transport/WebSocket.js"
import * as WebSocketHandshake from "../transport/WebSocketHandshake.js"
import * as Assets from "./Assets.js"
import * as SecurityHeaders from "./SecurityHeaders.js"

/** Answers the HTTP requests of `--web`: the files of the page, and everything else for scripts. */

export interface HandlerOptions {
  /** Whether the server listens on a loopback address, so that only names of this machine are its own. */
  readonly isLocal: boolean
  /** `--web-origin`. */
  readonly origins: ReadonlyArray<string>
  readonly assets?: Assets.Assets
  /** Answers requests for anything but the files of the page. */
  readonly door?: RequestHandler
}

export const make = ({ assets = Assets.read(), door = notFound, isLocal, origins }: HandlerOptions): RequestHandler => {
  const policy = { "content-security-policy": SecurityHeaders.pagePolicy }
  return (request, response, client) => {
    for (const [name, value] of Object.entries({ ...SecurityHeaders.always, ...policy }))
      response.setHeader(name, value)
    if (!WebOrigin.isHostAllowed(request, isLocal, origins)) {
      return answer(response, 421, "unknown host; use an IP address or localhost")
    }
    if (request.url === WebSocketHandshake.path) {
      response.setHeader("upgrade", "websocket")
      return answer(response, 426, "here is the chat over WebSocket; its page is at /")
    }
    const { url = "" } = request
    // Links to the page get parameters on their way, such as those by which senders of mails count clicks.
    const asset = assets.get(url.startsWith("/?") ? "/" : url)
    if (asset === undefined) return door(request, response, client)
    if (request.method === "GET" || request.method === "HEAD") return Assets.serve(request, response, asset)
    response.setHeader("allow", "GET, HEAD")
    return answer(response, 405, "read only")
  }
}

const notFound: RequestHandler = (_, response) => answer(response, 404, "not found")

const answer = (response: ServerResponse, status: number, why: string) => {
  response.writeHead(status, { "cache-control": "no-store", "content-type": "text/plain; charset=utf-8" })
  response.end(`${why}\n`)
}
