import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { isLoopback, type Listen } from "../../ports/Transport.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import type * as Tls from "../../transport/Tls.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"
import * as AdminFlag from "./AdminFlag.js"
import * as WebOrigin from "../../transport/WebOrigin.js"

/** The flags of the port for browsers and HTTP. */

const parseOrigin = (text: string): Either.Either<string, string> => {
  const origin = WebOrigin.parse(text)
  return origin === undefined
    ? Either.left("is not an origin such as https://chat.example or http://10.0.0.5:8081")
    : Either.right(origin)
}

export const settings = {
  web: Setting.parsed(
    "web",
    "host:port",
    {
      about:
        "Serve the chat to browsers, as a page and over WebSocket, and to scripts over HTTP; a port alone is on " +
        "127.0.0.1; with --tls-cert it is HTTPS",
      default: undefined,
      defaultText: "off; npm start: 8081"
    },
    AdminFlag.parse
  ),
  webOrigin: Setting.list(
    "web-origin",
    "origin",
    {
      about:
        "Origin of pages that may use --web besides its own, such as https://chat.example; may be repeated; behind a " +
        "proxy, the origin that browsers see",
      defaultText: "none"
    },
    parseOrigin
  ),
  webMaxMessage: Setting.bytes("web-max-message", {
    about: "Bytes in one WebSocket message, which may have several lines; with a longer one the connection ends",
    default: 4_194_304,
    min: 65_536,
    max: 67_108_864
  }),
  webMaxConnections: Setting.count("web-max-connections", {
    about:
      "Connections with HTTP at once; a further one closes the one that is idle for longest. WebSockets do not count",
    default: 512,
    min: 16,
    max: 10_000
  })
}

export interface WebParts {
  readonly tls: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  readonly proxy: ProxyHeader.ProxyOptions | undefined
  readonly forwardedFrom: ProxyHeader.ProxyOptions["from"] | undefined
}

/** The listener of `--web`, if it is on. Loaded only then: HTTP would slow the start of every server. */
export const listener = (values: Values<typeof settings>, parts: WebParts): Effect.Effect<ReadonlyArray<Listen>> => {
  const { web, webMaxConnections, webMaxMessage, webOrigin } = values
  if (web === undefined) return Effect.succeed([])
  return Effect.promise(async () => {
    const [WebSocket, Handler] = await Promise.all([
      import("../../transport/WebSocket.js"),
      import("../../http/Handler.js")
    ])
    const handler = Handler.make({ isLocal: isLoopback(web.host), origins: webOrigin })
    const limits = { maxMessageBytes: webMaxMessage, maxHttpConnections: webMaxConnections }
    const listen = WebSocket.listen(web.host, web.port, { handler, limits, origins: webOrigin, ...parts })
    return [(options) => Effect.mapError(listen(options), TransportAdvice.toListenForWeb)]
  })
}
