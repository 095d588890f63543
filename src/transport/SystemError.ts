import { TransportError, type Address, type Hint } from "../ports/Transport.js"

/** The code of an error from the operating system (`ECONNRESET`) or from OpenSSL; undefined for any other value. */
export const errorCode = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined

/** The meaning of a failure in words, and a hint for what usually helps. */
export interface Explanation {
  readonly why: string
  readonly hint?: Hint | undefined
}

export type Explain = (code: string | undefined) => Explanation

/** For codes without a specific explanation. */
export const unexplained: Explain = (code) => ({ why: code ?? "unknown error" })

export const listenError = ({ text }: Pick<Address, "text">, { hint, why }: Explanation, cause?: unknown) =>
  new TransportError({
    during: "Listen",
    reason: `cannot listen on ${text}: ${why}`,
    hint,
    code: errorCode(cause),
    cause
  })

export const connectError = ({ text }: Pick<Address, "text">, { hint, why }: Explanation, cause?: unknown) =>
  new TransportError({
    during: "Connect",
    reason: `cannot connect to ${text}: ${why}`,
    hint,
    code: errorCode(cause),
    cause
  })
