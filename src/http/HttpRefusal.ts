import * as Data from "effect/Data"
import type { NoAnswer } from "../client/Query.js"
import type { RequestError } from "../client/Request.js"
import type { LoginRefused } from "../client/Login.js"
import type { Unsendable } from "../client/Encode.js"

/** Why a request was not done, and the status that says so. */
export class HttpRefusal extends Data.TaggedError("HttpRefusal")<{
  readonly status: number
  /** A word for programs: the code or the reason of the protocol, where there is one. */
  readonly code: string
  /** For people; the wording may change. */
  readonly text: string
  /** Milliseconds after which the same request may succeed; undefined if it never will. */
  readonly retryMillis?: number | undefined
}> {
  override get message() {
    return `${this.code}: ${this.text}`
  }
}

/** The body of the response to a request that was not done. */
export const bodyOf = ({ code, retryMillis, text }: HttpRefusal): object => ({
  error: { code, text, ...(retryMillis === undefined ? {} : { retry: retryMillis }) }
})

export const badRequest = (text: string, code = "bad-request"): HttpRefusal =>
  new HttpRefusal({ status: 400, code, text })

/** What asked was not there. */
export const notFound = (text: string): HttpRefusal => new HttpRefusal({ status: 404, code: "not-found", text })

/** The server is shutting down. It accepts nothing, and another one may be there soon. */
export const closing = (retryMillis = 1000): HttpRefusal =>
  new HttpRefusal({ status: 503, code: "closing", text: "the server is shutting down", retryMillis })

/** Requests use as much memory as they may. */
export const noMemory = new HttpRefusal({
  status: 503,
  code: "full",
  text: "the server has no memory for this request now",
  retryMillis: 1000
})

/** The connection to the chat ended, or did not answer: what became of the request is not known. */
export const lost = (text: string): HttpRefusal => new HttpRefusal({ status: 502, code: "lost", text })

/** The statuses of refused logins (protocol, sections 2 and 9). */
export const loginStatuses: Readonly<Record<string, number>> = {
  "bad-login": 400,
  "login-in-use": 409,
  "password-required": 401,
  "account-required": 401,
  "wrong-password": 401,
  "tls-required": 403,
  banned: 403,
  kicked: 403,
  "logged-out": 401,
  "slow-down": 429,
  full: 503,
  closing: 503,
  "login-timeout": 503
}

export const ofLogin = ({ code, retryMillis, text }: LoginRefused): HttpRefusal =>
  new HttpRefusal({ status: loginStatuses[code] ?? 502, code, text, retryMillis })

/** The statuses of commands that were refused (protocol, sections 9, 11 and 12). */
export const commandStatuses: Readonly<Record<string, number>> = {
  "no-room": 404,
  "unknown-command": 404,
  "not-member": 403,
  "not-owner": 403,
  policy: 403,
  guest: 401,
  "looks-like": 409,
  limit: 400,
  "bad-line": 400,
  "too-long": 413,
  "slow-down": 429,
  closing: 503,
  unavailable: 503
}

export const ofRequest = (error: RequestError | Unsendable): HttpRefusal => {
  switch (error._tag) {
    case "TransportError":
      return lost(error.reason)
    case "Unsendable":
      return badRequest(error.message, "bad-line")
    case "RequestRefused":
      return ofRefusedCommand(error.reason, error.retryMillis, error.text)
  }
}

/** @param reason that of `! refused`, or the code of any other refusal */
export const ofRefusedCommand = (reason: string, retryMillis: number | undefined, text: string): HttpRefusal => {
  const status = reason === "limit" && retryMillis !== undefined ? 429 : (commandStatuses[reason] ?? 502)
  return new HttpRefusal({ status, code: reason, text, retryMillis })
}

export const ofNoAnswer = ({ message }: NoAnswer): HttpRefusal =>
  new HttpRefusal({ status: 504, code: "timeout", text: message })
