import type { Step } from "./Step.js"

/** What clients send, in strings of one character per byte. */

const latin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1")

/** The text of such a string, as the operator writes it. */
export const textOf = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8")

/** Names, of which one looks like another. */
export const names = ["ann", "bob", "cy", "dee", "eve", "zoë", "Ann"].map((name) => latin1(name))
/** Recipients: the names, one of them decomposed, and absent names. */
export const addresses = [...names, "nobody", latin1("zoe\u0308"), latin1("strüng")]

/**
 * Groups of names that look the same: by case, compatibility form or invisible characters. The last group is distinct.
 */
export const lookAlikes = [
  ["ann", "ANN", "aNn", "\uff41nn", "a\u034fnn", "ann\ufe0f"],
  ["zo\u00eb", "zoe\u0308", "ZO\u00cb", "\uff3aO\u00cb", "zo\u{e0100}\u00eb"],
  ["stra\u00dfe", "STRASSE", "stra\u1e9ee", "strasse", "\u017ftrasse"],
  ["o\ufb03ce", "office", "OFFICE", "o\u115fffice"],
  ["\u03bf\u03c3\u03c2", "\u039f\u03a3\u03a3", "\u03bf\u03c2\u03c3"],
  ["\u3164", "\u115f\u1160", "_\u3164", "_"],
  ["bob", "b\u043eb", "b0b", "b\u00f3b", "bo.b"]
].map((group) => group.map((name) => latin1(name)))

/** The addresses of clients. */
export const hostOf = (host: number): string => `10.0.0.${host}`

/** Addresses that the operator bans: of one client machine, and of two. */
export const bannedAddresses = ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.0/31"]

/** Bytes in a string of one character each. */
export const junk = [
  "no colon\n",
  ": nobody\n",
  " , ,: nobody\n",
  "bob: \xff\xfe\n",
  "\xc3\n",
  "bob: bell \x07\n",
  "bob\x00: nul\n",
  "a,b,c,d,e,f,g: crowd\n",
  "\n",
  "\r\n",
  "/nonsense\n",
  "/fatal\n",
  "/ack\n",
  "/ack x\n",
  "/\x01\n",
  "@ bob: no label\n",
  "@bad!label bob: hi\n",
  `@${"x".repeat(33)} bob: hi\n`,
  "@k",
  "bob",
  "x",
  "\r",
  "/pi",
  ":",
  "\xff\xfb\x1f\xff\xfd\x03",
  "\xff\xfa\x18\xff\xff\xff\xf0\n",
  "\xff\xfd"
]

export const commands = [
  "/who\n",
  "/ping #\n",
  "/ping #\n",
  "/ping\n",
  "/help\n",
  "/hello\n",
  "/hello auto\n",
  "/hello x auto\n",
  "/hello to\n",
  "/hello to auto\n",
  "/hello ack\n",
  "/hello to ack\n",
  "/hello send-only\n",
  "@p1 /ping #\n",
  "@p2 /who\n",
  "@p3 /hello\n",
  "@p4 nothing\n"
]

/** Lines of every kind: each counts against the rates. */
export const bursts = [
  "\n",
  "no colon\n",
  "@ bob: no label\n",
  "@k1 nothing\n",
  "/ping\n",
  "/nonsense\n",
  "nobody: hi\n"
]

/** The bytes of a `say`. Each text begins with a unique mark that cannot be a part of another text. */
export const said = ({ count, dress, labelled, size, to }: Extract<Step, { do: "say" }>, place: number): string => {
  const lines: Array<string> = []
  for (let line = 0; line < count; line++) {
    const mark = `<${place}.${line}>`
    const text = (dresses[dress] ?? dresses[0])(mark, size)
    lines.push(`${labelled ? `@k${place}.${line} ` : ""}${to.join(", ")}:${text}\n`)
  }
  return lines.join("")
}

/** Forms of a text: surrounding white space, other scripts, CRLF, a colon. */
const dresses: readonly [Dress, ...ReadonlyArray<Dress>] = [
  (mark, size) => ` ${mark}${"x".repeat(size)}`,
  (mark, size) => `${mark}${"x".repeat(size)}`,
  (mark, size) => `\t ${mark} ${"\xc3\xa9".repeat(size >> 1)}`,
  (mark, size) => ` ${mark} ${"\xf0\x9f\x98\x80".repeat(size >> 2)} \xc2\xa0\r`,
  (mark, size) => ` ${mark} from bob: ${"x".repeat(size)}: !`,
  (mark, size) => ` ${mark}${"x".repeat(size)}\r`
]

type Dress = (mark: string, size: number) => string
