import type { Entry } from "../ports/Cluster.js"

/** Who has a name: the value of its entry in the directory. */
export interface NameClaim {
  readonly node: string
  readonly incarnation: string
  /** In wire form. */
  readonly name: string
}

/** The key of a name: a likeness has any characters, a key only some. */
export const keyOf = (likeness: string): string => Buffer.from(likeness, "utf8").toString("hex")

export const likenessOfKey = (key: string): string => Buffer.from(key, "hex").toString("utf8")

export const show = ({ incarnation, name, node }: NameClaim): string => `${node} ${incarnation} ${name}`

/** Undefined if it is none. */
export const parse = (value: string): NameClaim | undefined => {
  const [, node, incarnation, name] = /^([a-z0-9-]{1,32}) ([0-9a-f]{16}) (.+)$/s.exec(value) ?? []
  return node === undefined || incarnation === undefined || name === undefined ? undefined : { node, incarnation, name }
}

/** The claim that an entry of the directory has, if there is one. */
export const claimIn = (entry: Entry | undefined): NameClaim | undefined =>
  entry === undefined ? undefined : parse(entry.value)
