/**
 * Looks for control characters that a line must not have: C0 without TAB, LF and the CR of a CRLF; DEL; C1.
 *
 * Every byte that anybody sends is looked at, so this is done by sixteen bytes at a time, in WebAssembly: it takes a
 * tenth of the time of a loop in JavaScript, which would be a quarter of the whole server's (benchmark: 1 KB texts).
 */

/** How much fits into the module's memory at a time. */
const windowBytes = 65_536

const LF = 0x0a

/**
 * Whether there is such a character in text that is otherwise UTF-8. The text ends in LF, so its last byte is not the
 * first half of anything.
 */
export const has = (text: Uint8Array): boolean => {
  const { memory, scan } = (scanner ??= load())
  for (let at = 0; at < text.length; at += windowBytes) {
    // One byte more than is looked at, since what a CR or a C2 means depends on the byte behind it.
    const part = text.length <= windowBytes ? text : text.subarray(at, at + windowBytes + 1)
    memory.set(part)
    memory.fill(LF, part.length, part.length + 32)
    if (scan(Math.min(part.length, windowBytes)) !== 0) return true
  }
  return false
}

interface Scanner {
  readonly memory: Uint8Array
  readonly scan: (length: number) => number
}

/** Made when it is first needed: a client needs none. */
let scanner: Scanner | undefined = undefined

const load = (): Scanner => {
  // The types of Node do not have what every Node has.
  const { Instance, Module } = Reflect.get(globalThis, "WebAssembly") as {
    readonly Module: new (code: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: Exports }
  }
  const { memory, scan } = new Instance(new Module(assemble())).exports
  return { memory: new Uint8Array(memory.buffer), scan }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly scan: (length: number) => number
}

// The module, in the binary format of WebAssembly with its 128-bit instructions (every engine has them since 2021).

type Code = ReadonlyArray<number>

const code = (...parts: ReadonlyArray<number | Code>): Code => parts.flat()

/** A number of less than 14 bits as the format wants it. */
const number = (value: number): Code => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7])

const section = (id: number, ...content: ReadonlyArray<number | Code>): Code =>
  code(id, number(code(...content).length), ...content)

const name = (text: string): Code => [text.length, ...Buffer.from(text)]

const i32 = 0x7f
const v128 = 0x7b

/** Sixteen times the same byte. */
const all = (byte: number): Code => [0x41, (byte & 0x7f) | 0x80, byte >> 7, 0xfd, 0x0f]

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const loadFrom = (local: number, offset: number): Code => code(get(local), 0xfd, 0x00, 0x00, offset)
const equal = [0xfd, 0x23]
const below = [0xfd, 0x26]
const and = [0xfd, 0x4e]
const andNot = [0xfd, 0x4f]
const or = [0xfd, 0x50]
const anyTrue = [0xfd, 0x53]

const [length, at, here, behind] = [0, 1, 2, 3] as const

const is = (what: number, byte: number): Code => code(get(what), all(byte), equal)
const isBelow = (what: number, byte: number): Code => code(get(what), all(byte), below)

const body = code(
  code(2, 1, i32, 2, v128), // the locals behind `length`: `at`; `here`, `behind`
  code(0x03, 0x40), // loop
  code(loadFrom(at, 0), set(here), loadFrom(at, 1), set(behind)),
  // here < 20 and not (here = LF or here = TAB or (here = CR and behind = LF))
  code(isBelow(here, 0x20), is(here, LF), is(here, 0x09), or),
  code(is(here, 0x0d), is(behind, LF), and, or, andNot),
  // or here = 7F
  code(is(here, 0x7f), or),
  // or (here = C2 and behind < A0)
  code(is(here, 0xc2), isBelow(behind, 0xa0), and, or),
  code(anyTrue, 0x04, 0x40, 0x41, 1, 0x0f, 0x0b), // if any: return 1
  code(get(at), 0x41, 16, 0x6a, 0x22, at), // at += 16
  code(get(length), 0x49, 0x0d, 0), // if at < length: again
  code(0x0b, 0x41, 0, 0x0b) // return 0
)

const assemble = () =>
  Uint8Array.from(
    code(
      code(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      section(1, 1, 0x60, 1, i32, 1, i32), // one type: (i32) -> i32
      section(3, 1, 0), // one function, of that type
      section(5, 1, 0, 2), // one memory, of two pages of 64 KiB
      section(7, 2, name("memory"), 2, 0, name("scan"), 0, 0),
      section(10, 1, number(body.length), body)
    )
  )
