import type { IncomingHttpHeaders } from "node:http"

/**
 * Requests of web pages. A page of another site could otherwise have the browser of a user send messages to a server
 * that the user can reach, such as one on loopback, and learn who is present.
 *
 * Each browser of today says where a request comes from (`Sec-Fetch-Site`) if it goes to HTTPS or to its own machine,
 * and every browser sends `Origin` with a POST to another site. Other programs send neither.
 */

/**
 * From where a request comes: from no page, from a page of this server, of a site that may use it, or of another one.
 */
export type Site = "none" | "own" | "allowed" | "other"

/**
 * @param own the origin of the request itself, `http://chat.example:8081`
 * @param allowed origins of other pages that may use this server
 */
export const siteOf = (headers: IncomingHttpHeaders, own: string | undefined, allowed: ReadonlyArray<string>): Site => {
  const { origin } = headers
  const site = headers["sec-fetch-site"]
  if (origin !== undefined) {
    if (origin === own) return site === undefined || site === "same-origin" ? "own" : "other"
    return allowed.includes(origin) ? "allowed" : "other"
  }
  // Over plain HTTP from another machine, a browser sends neither header with a GET, so any page may have caused it.
  if (site === undefined) return headers["user-agent"]?.startsWith("Mozilla/") === true ? "other" : "none"
  // `none`: the user has typed the address, or opened a bookmark.
  return site === "same-origin" || site === "none" ? "own" : "other"
}

/** What a page of an allowed site may read of a response, and send with a request. Absent for all other requests. */
export const corsHeaders = (site: Site, origin: string | undefined): Readonly<Record<string, string>> =>
  site === "allowed" && origin !== undefined
    ? { "access-control-allow-origin": origin, "access-control-expose-headers": "Retry-After", vary: "Origin" }
    : {}

/** The answer to the question of a browser whether a page may send a request. */
export const preflightHeaders = (origin: string): Readonly<Record<string, string>> => ({
  "access-control-allow-origin": origin,
  "access-control-allow-methods": "GET, POST",
  "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key, Last-Event-ID",
  "access-control-max-age": "600",
  vary: "Origin"
})
