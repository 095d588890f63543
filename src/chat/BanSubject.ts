import * as Either from "effect/Either"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as AddressRange from "./AddressRange.js"

/** Whom a ban concerns. */
export type BanSubject =
  /** The clients from these addresses. A client of a Unix socket has no address. */
  | { readonly _tag: "Addresses"; readonly range: AddressRange.AddressRange }
  /** The client with this name in wire form, or with one that looks the same. */
  | { readonly _tag: "Name"; readonly name: string }

/**
 * Parses an address, a range of addresses or a name. The prefix `address=` or `name=` says which it is. Without it,
 * digits and dots are an address, although they may also be a name. Returns what is wrong with the text: `"a b" is not
 * a name`.
 */
export const parse = (text: string): Either.Either<BanSubject, string> => {
  const [, kind, prefixed] = /^(address|name)=(.*)$/su.exec(text) ?? []
  const subject = prefixed ?? text
  if (kind === "name" || (kind === undefined && !/^[\d.]*$|[:/]/u.test(subject))) return parseName(subject)
  const range = AddressRange.parse(subject)
  if (range !== undefined) return Either.right({ _tag: "Addresses", range })
  const hint = kind === undefined ? "; for a name, write name=NAME" : ""
  return Either.left(`${JSON.stringify(subject)} is not an address, nor a range such as 10.0.0.0/8${hint}`)
}

/** Parses a name. */
export const parseName = (text: string): Either.Either<BanSubject, string> => {
  const name = Name.parse(Wire.encode(text))
  return name === undefined
    ? Either.left(`${JSON.stringify(text)} is not a name`)
    : Either.right({ _tag: "Name", name })
}

/** The address or the name. */
export const show = (subject: BanSubject): string =>
  subject._tag === "Addresses" ? subject.range.text : Wire.decode(subject.name)
