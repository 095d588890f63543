import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { FoundSetting, SettingSource } from "./Sources.js"

/**
 * The forms of a server's place: `HOST`, `HOST:PORT`, `[::1]:PORT`, `tcp://…`, `tls://…` and `unix:PATH`, and of
 * several servers, of which a client uses one: `HOST:PORT,HOST:PORT`.
 */

/** A place in terms of the settings `host`, `port`, `unix` and `tls`. */
export type ServerPlace = Readonly<Partial<Record<"host" | "port" | "unix" | "tls", string>>>

const pattern = /^(?:(tcp|tls):\/\/)?(?:\[([^[\]]+)\]|([^:/[\]]+))(?::(\d+))?$/u

/** A server of a list. */
export interface ListedHost {
  readonly host: string
  /** Undefined if the setting `port` applies. */
  readonly port: number | undefined
}

const highestPort = 65_535

/** The servers of a host that `parseHost` has accepted: of a list, or one. */
export const hosts = (host: string): NonEmptyReadonlyArray<ListedHost> =>
  host.includes(",") ? Either.getOrThrow(parseList(host)).hosts : [{ host, port: undefined }]

interface List {
  readonly hosts: NonEmptyReadonlyArray<ListedHost>
  /** The scheme of the first server, which applies to those after it. */
  readonly scheme: string | undefined
}

/** Parses several servers, or returns the mistake. */
const parseList = (text: string): Either.Either<List, string> =>
  Either.gen(function* () {
    const parts = text.split(",").map((part) => part.trim())
    const [, scheme] = /^(tcp|tls):/u.exec(parts[0] ?? "") ?? []
    const [first, ...others] = yield* Either.all(parts.map((part) => parseListed(part, scheme)))
    const texts = parts.map((part) => part.replace(/^(?:tcp|tls):\/\//u, ""))
    const twice = texts.find((one, at) => texts.indexOf(one) !== at)
    if (twice !== undefined) return yield* Either.left(`has ${twice} twice`)
    if (first === undefined) return yield* Either.left("is empty")
    return { hosts: [first, ...others], scheme }
  })

const parseListed = (part: string, scheme: string | undefined): Either.Either<ListedHost, string> => {
  if (part === "") return Either.left("has an empty server between its commas")
  if (part.startsWith("unix:")) return Either.left("has a Unix socket; only servers on TCP can be several")
  const [, own, v6, name, digits] = pattern.exec(part) ?? []
  const host = v6 ?? name
  if (host === undefined) return Either.left(`has ${part}, which is neither HOST nor HOST:PORT`)
  if (own !== undefined && own !== scheme) {
    return Either.left("has servers with TLS and without; write tls:// or tcp:// before the first, for all of them")
  }
  if (digits === undefined) return Either.right({ host, port: undefined })
  const port = Number(digits)
  return port >= 1 && port <= highestPort
    ? Either.right({ host, port })
    : Either.left(`has the port ${digits}; allowed: 1 to ${highestPort}`)
}

/** The mistake in a list of servers; undefined for a valid list, or for any other text. */
export const mistakeIn = (text: string): string | undefined =>
  text.includes(",") ? Option.getOrUndefined(Either.getLeft(parseList(text))) : undefined

const parseSeveral = (text: string): ServerPlace | undefined => {
  const list = parseList(text)
  if (Either.isLeft(list)) return undefined
  const { hosts, scheme } = list.right
  const host = hosts.map(
    ({ host, port }) => `${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`
  )
  return { host: host.join(","), ...(scheme === undefined ? {} : { tls: scheme === "tls" ? "yes" : "no" }) }
}

/** Returns the place, or undefined if the text is only a host, as `::1` is, or of another form. */
export const parse = (text: string): ServerPlace | undefined => {
  if (text.includes(",")) return parseSeveral(text)
  if (/^unix:(?!\/\/)./u.test(text)) return { unix: text.slice("unix:".length), tls: "no" }
  const [, scheme, v6, name, port] = pattern.exec(text) ?? []
  const host = v6 ?? name
  if (host === undefined || host === text) return undefined
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(scheme === undefined ? {} : { tls: scheme === "tls" ? "yes" : "no" })
  }
}

/**
 * Advice for a client that was given the port for browsers; undefined unless the text is a URL of HTTP or WebSocket.
 */
export const complaintOfWeb = (text: string): string | undefined =>
  /^(?:https?|wss?):\/\//iu.test(text)
    ? "is for browsers and curl; name the chat's own port, as tcp://HOST:PORT or tls://HOST:PORT, or, where only " +
      "HTTP gets through, use the page or curl instead of this command (see HTTP.md)"
    : undefined

/**
 * Checks the host that is left once `expand` has parsed its place.
 *
 * @param forms the allowed forms, for the complaint
 * @param schemes whether `tcp://` and `tls://` are allowed
 */
export const parseHost =
  (forms: string, schemes: boolean) =>
  (text: string): Either.Either<string, string> => {
    if (text === "") return Either.left("is empty")
    if (text.includes(",")) {
      const mistake = schemes ? mistakeIn(text) : `is not ${forms}`
      return mistake === undefined ? Either.right(text) : Either.left(mistake)
    }
    const place = parse(text)
    if (place?.port !== undefined && (schemes || place.tls === undefined)) {
      return Either.left("names a port, too; give the port once")
    }
    if (!/[/[\]]|^unix:/u.test(text)) return Either.right(text)
    return Either.left((schemes ? complaintOfWeb(text) : undefined) ?? `is not ${forms}`)
  }

/**
 * A source whose `host` may be any place. A host with a port stays unchanged if the source also has a port; `parseHost`
 * then reports that.
 *
 * @param schemes whether `tcp://`, `tls://` and `unix:` are allowed
 */
export const expand =
  (source: SettingSource, schemes: boolean): SettingSource =>
  (name) => {
    if (name !== "host" && name !== "port" && name !== "unix" && name !== "tls") return source(name)
    const own = source(name)
    const written = source("host")
    const place = typeof written?.text === "string" ? parse(written.text) : undefined
    // A Unix socket has no TLS, whatever a source of lower precedence says.
    const socket = schemes && name === "tls" ? source("unix") : undefined
    if (socket !== undefined) return own ?? { ...socket, text: "no" }
    if (written === undefined || place === undefined) return own
    if (place.tls !== undefined && !schemes) return own
    if (place.port !== undefined && source("port") !== undefined) return own
    const text = place[name]
    if (name !== "host" && own !== undefined) return own
    return text === undefined ? undefined : { ...written, text }
  }

/** A place that a setting names, as a source of the settings that it consists of. */
export const source =
  (found: FoundSetting, place: ServerPlace): SettingSource =>
  (name) => {
    const text = place[name as keyof ServerPlace]
    return text === undefined ? undefined : { ...found, text }
  }
