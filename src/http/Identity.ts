import * as Either from "effect/Either"
import type { IncomingHttpHeaders } from "node:http"
import * as Wire from "../protocol/Wire.js"
import * as HttpRefusal from "./HttpRefusal.js"

/** Who sends a request. */
export interface RequestIdentity {
  /** A name, or `alice/phone`. */
  readonly login: string
  /** The password, or the token of the device; undefined for a guest. */
  readonly secret: string | undefined
}

/** The guest that sends without a name. Clients that only send share it. */
export const anonymous = "http"

/**
 * Who sends the request: with `Authorization: Basic`, the user name is the login; with `Bearer`, `from` is the login of
 * the token; without either, `from` is the name of a guest.
 *
 * @param from the parameter of that name
 * @param fallback the name of a client that gives none; undefined if it has to
 */
export const of = (
  { authorization }: Pick<IncomingHttpHeaders, "authorization">,
  from: string | undefined,
  fallback: string | undefined
): Either.Either<RequestIdentity, HttpRefusal.HttpRefusal> => {
  const login = from ?? fallback
  if (authorization === undefined) {
    return login === undefined ? Either.left(unnamed) : checked({ login, secret: undefined })
  }
  const [, scheme = "", value = ""] = /^(\S+) +(\S+) *$/u.exec(authorization) ?? []
  switch (scheme.toLowerCase()) {
    case "basic": {
      const [, user = "", secret = ""] = /^([^:]*):(.*)$/su.exec(Buffer.from(value, "base64").toString()) ?? []
      if (secret === "" || (from !== undefined && from !== user)) return Either.left(badBasic)
      return checked({ login: user, secret })
    }
    case "bearer":
      return from === undefined ? Either.left(bearerWithoutLogin) : checked({ login: from, secret: value })
    default:
      return Either.left(badScheme)
  }
}

/** A login line is cut at its first colon: a name with one would be a name and a secret, and secrets are in no URL. */
const checked = (identity: RequestIdentity): Either.Either<RequestIdentity, HttpRefusal.HttpRefusal> => {
  const { login, secret = "" } = identity
  const isLogin = !/^\s*(?:[/!*#@]|$)/u.test(login) && !login.includes(":") && !Wire.hasControl(Wire.encode(login))
  return isLogin && !Wire.hasControl(Wire.encode(secret)) ? Either.right(identity) : Either.left(badName)
}

const unauthorized = (code: string, text: string) => new HttpRefusal.HttpRefusal({ status: 401, code, text })

const unnamed = HttpRefusal.badRequest("say who you are: ?from=NAME, or Authorization", "bad-login")

const badName = HttpRefusal.badRequest("that is not a name", "bad-login")

const badBasic = unauthorized("wrong-password", "Basic takes a login and its password or token, and no other ?from=")

const bearerWithoutLogin = unauthorized("wrong-password", "a token needs its login: ?from=alice/ci")

const badScheme = unauthorized("wrong-password", "Authorization is Basic or Bearer")
