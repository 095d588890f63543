import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Hooks } from "../../http/Hooks.js"
import type { Listen } from "../../ports/Transport.js"
import type * as ProxyHeader from "../../transport/ProxyHeader.js"
import type * as Tls from "../../transport/Tls.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"
import type { Values } from "../settings/Sources.js"
import * as AdminFlag from "./AdminFlag.js"
import * as DoorFlags from "./DoorFlags.js"
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
        "Origin of pages that may use --web besides its own, as browsers write it; may be repeated; behind a proxy, " +
        "the origin that browsers see",
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
      "Connections with HTTP at once, a quarter of them from one address; a further one closes the one that is idle " +
      "for longest. WebSockets do not count",
    default: 512,
    defaultText: "512, but a quarter of the descriptors (ulimit -n) if that is less",
    min: 16,
    max: 10_000
  }),
  webRequestTimeout: Setting.duration("web-request-timeout", {
    about: "Time for an HTTP request to arrive, and between two requests of one connection",
    default: Duration.seconds(10),
    min: Duration.millis(100),
    max: Duration.minutes(10)
  }),
  webPing: Setting.duration("web-ping", {
    about: "Time between two Ping frames to a WebSocket; one that sends nothing for that long is closed",
    default: Duration.seconds(30),
    min: Duration.seconds(1),
    max: Duration.hours(1)
  }),
  ...DoorFlags.settings
}

export interface WebParts {
  readonly tls: Omit<Tls.TlsListenOptions, "proxy"> | undefined
  readonly proxy: ProxyHeader.ProxyOptions | undefined
  readonly forwardedFrom: ProxyHeader.ProxyOptions["from"] | undefined
}

export interface Web {
  readonly listen: ReadonlyArray<Listen>
  /** The webhooks; undefined if they are off. */
  readonly hooks: Hooks | undefined
}

/** The listener of `--web`, if it is on. Loaded only then: HTTP would slow the start of every server. */
export const resolve = (values: Values<typeof settings>, parts: WebParts): Effect.Effect<Web, ExitStatus.Failure> => {
  const { hooks: path, web } = values
  if (web === undefined) {
    return path === undefined
      ? Effect.succeed({ listen: [], hooks: undefined })
      : ExitStatus.misused("--hooks needs --web, to which the senders of webhooks connect")
  }
  return Effect.gen(function* () {
    const [{ serveWeb }, Hooks] = yield* Effect.promise(() =>
      Promise.all([import("./WebEndpoint.js"), import("../../http/Hooks.js")])
    )
    const hooks = path === undefined ? undefined : yield* Effect.mapError(Hooks.open(path), ExitStatus.asMisuse)
    return { listen: [serveWeb({ values, parts, at: web, hooks })], hooks }
  })
}
