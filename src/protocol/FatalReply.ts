import type { CloseReason } from "./CloseReason.js"
import * as Name from "./Name.js"
import { type Refusal, refusal, type refusals } from "./Reply.js"

/** The refusals after which the server closes the connection: those of logins, and of clients that may not stay. */

/** A refusal after which the server closes the connection, with the reason of the close. */
export interface Fatal {
  readonly reason: CloseReason
  readonly line: Refusal
}

// Refused logins, after which the server closes (protocol, section 2).

export const badLogin: Fatal = {
  reason: "bad-login",
  line: refusal(
    "bad-login",
    "fatal",
    "not a name; use 1 to 32 letters, digits, '_', '-' or '.', starting with a letter, a digit or '_'"
  )
}

/** The login contains commands of telnet that could not be skipped. */
export const telnetLogin: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "the line contains commands of telnet (byte 255); turn them off, or use nc")
}

/** The login is not the common name of the client's certificate. */
export const otherIdentity: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "the client certificate is for another name; log in with its common name")
}

/** Sent to a client that does not speak TLS on a port that requires it. */
export const tlsOnly: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "this port speaks TLS; connect with TLS")
}

export const badCertificate = (why: string): Fatal => ({
  reason: "bad-login",
  line: refusal("bad-login", "fatal", why)
})

export const loginInUse = (name: string): Fatal => ({
  reason: "login-in-use",
  line: refusal("login-in-use", `${Name.show(name)} fatal`, "that name, or one that looks the same, is in use")
})

/** A login that was not decided before the drain's grace time ran out. */
export const closingLogin = (retryMillis: number): Fatal => ({
  reason: "cut-off",
  line: refusal("closing", `retry=${retryMillis} fatal`, "the server is shutting down; connect again later")
})

export const loginTimeout: Fatal = {
  reason: "login-timeout",
  line: refusal("login-timeout", "fatal", "no login in time; the first line must be a name")
}

export const full = (retryMillis: number): Fatal => ({
  reason: "full",
  line: refusal(
    "full",
    `retry=${retryMillis} fatal`,
    "no room for more connections, here or from your address; try again later"
  )
})

// Accounts (protocol, section 9).

const unauthorized = (code: (typeof refusals)[number], params: string, text: string): Fatal => ({
  reason: "unauthorized",
  line: refusal(code, params, text)
})

/** Also sent to a present guest, when the name becomes that of an account. */
export const passwordRequired = (name: string): Fatal =>
  unauthorized(
    "password-required",
    `${Name.show(name)} fatal`,
    "that name, or one that looks the same, belongs to an account; log in with 'name: password'"
  )

export const wrongPassword = unauthorized(
  "wrong-password",
  "fatal",
  "wrong name or password, or the token is not valid"
)

/** @param why the secret could not be checked now */
const notNow = (retryMillis: number, why: string): Fatal => unauthorized("slow-down", `retry=${retryMillis} fatal`, why)

export const tooManyWrong = (retryMillis: number): Fatal =>
  notNow(retryMillis, "too many wrong passwords for this account from your address")

export const tooManyChecks = (retryMillis: number): Fatal =>
  notNow(retryMillis, "too many logins with passwords at once")

export const accountRequired = unauthorized(
  "account-required",
  "fatal",
  "this server is for accounts only; log in with 'name: password'"
)

export const tlsRequired = unauthorized(
  "tls-required",
  "fatal",
  "others could read this connection; use TLS, and change this password if it is one of yours"
)

export const deviceWithoutAccount = unauthorized(
  "bad-login",
  "fatal",
  "only accounts have devices, and there is no account of that name"
)

/** The account has the most devices allowed, and all are connected. */
export const tooManyDevices = unauthorized(
  "full",
  "retry=60000 fatal",
  "all devices that this account may have are connected; disconnect one of them"
)

/** The store did not answer. */
export const accountsUnavailable = (retryMillis: number): Fatal =>
  notNow(retryMillis, "the server cannot look up accounts at the moment")

/** No server of the cluster knows whether another one has the name. */
export const namesUnavailable = (retryMillis: number): Fatal =>
  notNow(retryMillis, "the server cannot find out at the moment whether that name is free")

/** Lines stored for a connected device cannot be read, or this program has a defect. */
export const cannotGive = (retryMillis: number): Fatal => ({
  reason: "internal-error",
  line: refusal("slow-down", `retry=${retryMillis} fatal`, "the server cannot give you what it has stored for you")
})

/** Why a client was logged out. It does not reconnect by itself. */
const logoutTexts = {
  replaced: "this device has logged in again, on another connection",
  password: "the password was changed",
  forgotten: "this device was forgotten",
  removed: "the account was removed",
  kicked: "disconnected by the server's operator"
} as const

export type LogoutReason = keyof typeof logoutTexts

export const loggedOut = (reason: LogoutReason): Fatal => ({
  reason: "logged-out",
  line: refusal("logged-out", `reason=${reason} fatal`, logoutTexts[reason])
})

// Actions of the operator (protocol, section 5).

export const kicked: Fatal = {
  reason: "kicked",
  line: refusal("kicked", "fatal", "disconnected by the server's operator")
}

/** The same for a device of an account. */
export const kickedDevice: Fatal = { ...loggedOut("kicked"), reason: "kicked" }

/** @param retryMillis the time until the ban ends; undefined if it does not */
export const banned = (retryMillis: number | undefined): Fatal => ({
  reason: "banned",
  line: refusal(
    "banned",
    `${retryMillis === undefined ? "" : `retry=${retryMillis} `}fatal`,
    "the server's operator has banned this name or address"
  )
})
