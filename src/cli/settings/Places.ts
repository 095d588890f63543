import * as Either from "effect/Either"
import type { Found, Source } from "./Sources.js"

/** The ways to write where a server is: `HOST`, `HOST:PORT`, `[::1]:PORT`, `tcp://…`, `tls://…` and `unix:PATH`. */

/** A place in terms of the settings `host`, `port`, `unix` and `tls`. */
export type Place = Readonly<Partial<Record<"host" | "port" | "unix" | "tls", string>>>

const pattern = /^(?:(tcp|tls):\/\/)?(?:\[([^[\]]+)\]|([^:/[\]]+))(?::(\d+))?$/u

/** Returns the place, or undefined if the text is only a host, as `::1` is, or of another form. */
export const parse = (text: string): Place | undefined => {
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

/** What a client is told that names the port for browsers; undefined if the text is no URL of HTTP or WebSocket. */
export const complaintOfWeb = (text: string): string | undefined =>
  /^(?:https?|wss?):\/\//iu.test(text)
    ? "is for browsers and curl; name the chat's own port, as tcp://HOST:PORT or tls://HOST:PORT, or, where only HTTP " +
      "gets through, use the page or curl instead of this command (see HTTP.md)"
    : undefined

/**
 * Checks what is left of a host once `expand` has parsed it.
 *
 * @param forms what is allowed, for the complaint
 * @param schemes whether `tcp://` and `tls://` are
 */
export const parseHost =
  (forms: string, schemes: boolean) =>
  (text: string): Either.Either<string, string> => {
    if (text === "") return Either.left("is empty")
    const place = parse(text)
    if (place?.port !== undefined && (schemes || place.tls === undefined)) {
      return Either.left("names a port, too; give the port once")
    }
    if (!/[/[\]]|^unix:/u.test(text)) return Either.right(text)
    return Either.left((schemes ? complaintOfWeb(text) : undefined) ?? `is not ${forms}`)
  }

/**
 * A source whose `host` may be any place. A host with a port stays as it is where the source has a port as well, which
 * `parseHost` then reports.
 *
 * @param schemes whether `tcp://`, `tls://` and `unix:` are allowed
 */
export const expand =
  (source: Source, schemes: boolean): Source =>
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
  (found: Found, place: Place): Source =>
  (name) => {
    const text = place[name as keyof Place]
    return text === undefined ? undefined : { ...found, text }
  }
