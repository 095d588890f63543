import * as Effect from "effect/Effect"
import { createHash, randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from "node:crypto"

/** Passwords and tokens, and their hashes in the store (protocol, section 9). */

export const minPasswordLength = 8
export const maxPasswordLength = 128

/** A longer text cannot be a password: no code point takes more bytes or decomposes into more characters. */
const maxPasswordUnits = maxPasswordLength * 4 * 4

// oxlint-disable-next-line no-control-regex
const control = /[\0-\x1f\x7f-\x9f]/u

const loneSurrogate = /\p{Surrogate}/u

/** The prefix of every token, by which secret scanners recognize it. */
const tokenPrefix = "achat_"

const tokenForm = /^achat_[0-9a-f]{32}$/

const tokenBytes = 16

export const isToken = (text: string): boolean => tokenForm.test(text)

/** A new token. It needs no slow hash, because nobody can guess 128 random bits. */
export const makeToken = (): string => tokenPrefix + randomBytes(tokenBytes).toString("hex")

export const tokenHash = (token: string): Uint8Array => createHash("sha256").update(token).digest()

/**
 * A password in the form in which it is hashed: NFC, without white space at its ends. Undefined unless it has 8 to 128
 * code points, no control characters, and does not look like a token.
 */
export const parsePassword = (text: string): string | undefined => {
  if (text.length > maxPasswordUnits) return undefined
  const password = text.normalize("NFC").replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "")
  if (control.test(password) || loneSurrogate.test(password) || password.startsWith(tokenPrefix)) return undefined
  const { length } = [...password]
  return length >= minPasswordLength && length <= maxPasswordLength ? password : undefined
}

/** The rule that `parsePassword` checks, for people. */
export const passwordRule =
  `a password has ${minPasswordLength} to ${maxPasswordLength} characters, no control ` +
  `characters, and does not start with ${tokenPrefix}`

/** The cost of a hash (RFC 7914): 2 to the power of `ln` rounds over blocks of `r`, `p` times. */
export interface Cost {
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** 16 MiB and about 50 ms of one core. */
export const cost: Cost = { ln: 14, r: 8, p: 1 }

/** This program writes no record with a higher cost. Checking one could exhaust memory. */
const maxMemory = 256 * 1_048_576

const saltBytes = 16
const hashBytes = 32

const recordForm = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{22,128})$/

interface Record {
  readonly cost: Cost
  readonly salt: Buffer
  readonly hash: Buffer
}

const parse = (record: string): Record | undefined => {
  const [, ln = "", r = "", p = "", salt = "", hash = ""] = recordForm.exec(record) ?? []
  if (ln === "") return undefined
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  if (cost.ln < 1 || cost.r < 1 || cost.p < 1 || memoryOf(cost) > maxMemory) return undefined
  return { cost, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") }
}

const show = ({ cost: { ln, p, r }, hash, salt }: Record): string =>
  `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`

const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "")

const memoryOf = ({ ln, p, r }: Cost) => 128 * r * (2 ** ln + p)

/** Derives this many bytes from a password. */
export type Derive = (password: string, salt: Buffer, cost: Cost, bytes: number) => Effect.Effect<Buffer>

/** The options of scrypt for a cost. */
export const scryptOptions = ({ ln, p, r }: Cost): ScryptOptions => ({
  N: 2 ** ln,
  r,
  p,
  maxmem: 2 * memoryOf({ ln, r, p }) // twice the memory used: Node refuses a cost that needs exactly the limit
})

/** Runs in one of libuv's threads. Once started, it cannot be interrupted. */
export const inLibuv: Derive = (password, salt, cost, bytes) =>
  Effect.async((resume) => {
    scrypt(password, salt, bytes, scryptOptions(cost), (error, hash) =>
      resume(error === null ? Effect.succeed(hash) : Effect.die(error))
    )
  })

/** The record of a password, with its cost and a new salt: `$scrypt$ln=14,r=8,p=1$SALT$HASH`. */
export const hash = (password: string, as: Cost = cost, derive: Derive = inLibuv): Effect.Effect<string> =>
  Effect.suspend(() => {
    const salt = randomBytes(saltBytes)
    return Effect.map(derive(password, salt, as, hashBytes), (hash) => show({ cost: as, salt, hash }))
  })

/** Whether a record is of this password. False for a record that cannot be parsed. */
export const verify = (password: string, record: string, derive: Derive = inLibuv): Effect.Effect<boolean> => {
  const found = parse(record)
  if (found === undefined) return Effect.succeed(false)
  return Effect.map(derive(password, found.salt, found.cost, found.hash.length), (hash) =>
    timingSafeEqual(hash, found.hash)
  )
}

/** Whether a record was made with another cost, so that the password should be hashed again at the next chance. */
export const isOutdated = (record: string, now: Cost = cost): boolean => {
  const found = parse(record)
  return found !== undefined && (found.cost.ln !== now.ln || found.cost.r !== now.r || found.cost.p !== now.p)
}

/** The record of a password that nobody knows. Checked if there is no account, so that it takes as long. */
export const decoy: string = show({ cost, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) })
