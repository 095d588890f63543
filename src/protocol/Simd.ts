/**
 * Two routines in WebAssembly that look at sixteen bytes at a time: every byte that anybody sends goes through one or
 * both. In JavaScript they would be half of the server's time (benchmarks: 1 KB texts, 50 pairs). They are assembled
 * here, since a hundred instructions are no reason for another language in the build.
 */
export interface Routines {
  /** The module's memory: the text to work on stands at its start, and after it whatever was there before. */
  readonly memory: Buffer
  /** Whether text of this length, with 32 times LF behind it, has a control character: 1 or 0. */
  readonly scan: (length: number) => number
  /**
   * Puts the head at `headAt` in the place of the lead at `leadAt` at the start of every line, and what comes of it at
   * `outAt`. Answers how many lines there are, or -1 if one starts with something else, has a control character, or may
   * have white space to trim behind its lead or at its end. Behind the text are 32 times LF.
   */
  readonly replaceLeads: (length: number, leadLength: number, headLength: number) => number
}

/** The text and, behind it, room to read past its end. */
export const textBytes = 65_536

export const leadAt = 66_560
export const leadBytes = 8_192
export const headAt = leadAt + leadBytes + 1_024
export const headBytes = 512
export const outAt = 2 * 65_536
export const outBytes = 8 * 65_536 - 64
const pages = 10

const LF = 0x0a

/** Made when they are first needed: a client needs none. */
let routines: Routines | undefined = undefined

export const load = (): Routines => (routines ??= instantiate())

const instantiate = (): Routines => {
  // The types of Node do not have what every Node has.
  const { Instance, Module } = Reflect.get(globalThis, "WebAssembly") as {
    readonly Module: new (code: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: Exports }
  }
  const { memory, replaceLeads, scan } = new Instance(new Module(assemble())).exports
  return { memory: Buffer.from(memory.buffer), scan, replaceLeads }
}

interface Exports extends Pick<Routines, "scan" | "replaceLeads"> {
  readonly memory: { readonly buffer: ArrayBuffer }
}

// The binary format of WebAssembly, with its 128-bit instructions (every engine has them since 2021).

type Code = ReadonlyArray<number>

const code = (...parts: ReadonlyArray<number | Code>): Code => parts.flat()

/** LEB128, seven bits a byte, for numbers that are not negative. */
const number = (value: number): Code =>
  value < 0x80 ? [value] : code((value & 0x7f) | 0x80, number(Math.floor(value / 0x80)))

const section = (id: number, ...content: ReadonlyArray<number | Code>): Code =>
  code(id, number(code(...content).length), ...content)

const name = (text: string): Code => [text.length, ...Buffer.from(text)]

const i32 = 0x7f
const v128 = 0x7b

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
/** Of less than 64. */
const constant = (value: number): Code => [0x41, value]
const minusOne = [0x41, 0x7f]
const add = 0x6a
const advance = (local: number, by: Code): Code => code(get(local), by, add, set(local))

const loop = (...content: ReadonlyArray<number | Code>): Code => code(0x03, 0x40, ...content, 0x0b)
const again = (depth: number): Code => [0x0d, depth]
const ifTrue = (...content: ReadonlyArray<number | Code>): Code => code(0x04, 0x40, ...content, 0x0b)
const less = 0x49
const give = 0x0f

const loadByte = (address: Code, offset: number): Code => code(address, 0x2d, 0, number(offset))
const loadFrom = (address: Code, offset: number): Code => code(address, 0xfd, 0x00, 0, number(offset))
const storeTo = (address: Code, offset: number, value: Code): Code =>
  code(address, value, 0xfd, 0x0b, 0, number(offset))

/** Sixteen times the same byte. */
const all = (byte: number): Code => [0x41, (byte & 0x7f) | 0x80, byte >> 7, 0xfd, 0x0f]
const is = (what: number, byte: number): Code => code(get(what), all(byte), 0xfd, 0x23)
const isBelow = (what: number, byte: number): Code => code(get(what), all(byte), 0xfd, 0x26)
const and = [0xfd, 0x4e]
const andNot = [0xfd, 0x4f]
const or = [0xfd, 0x50]
const anyTrue = [0xfd, 0x53]
const bitmask = [0xfd, 0x64]
const countTrailingZeros = 0x68

/** Whether a vector, of which another holds the bytes that follow each of its own, has a control character. */
const hasControl = (here: number, behind: number): Code =>
  code(
    // here < 20 and not (here = LF or here = TAB or (here = CR and behind = LF))
    code(isBelow(here, 0x20), is(here, LF), is(here, 0x09), or),
    code(is(here, 0x0d), is(behind, LF), and, or, andNot),
    // or here = 7F, or (here = C2 and behind < A0)
    code(is(here, 0x7f), or, is(here, 0xc2), isBelow(behind, 0xa0), and, or),
    anyTrue
  )

const scan = (() => {
  const [length, at, here, behind] = [0, 1, 2, 3] as const
  return code(
    code(2, 1, i32, 2, v128), // the locals behind `length`
    loop(
      code(loadFrom(get(at), 0), set(here), loadFrom(get(at), 1), set(behind)),
      code(hasControl(here, behind), ifTrue(constant(1), give)),
      advance(at, constant(16)),
      code(get(at), get(length), less, again(0))
    ),
    code(constant(0), 0x0b)
  )
})()

/** What ends a line, or may be a control character. */
const isSpecial = (what: number): Code => code(isBelow(what, 0x20), is(what, 0x7f), or, is(what, 0xc2), or)

/** It copies whole vectors: what is too much is overwritten by what comes next. */
const replaceLeads = (() => {
  const [length, leadLength, headLength, at, out, step, found, lines] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const [here, behind] = [8, 9] as const
  const refuse = ifTrue(minusOne, give)
  const byteIs = (where: number, before: number, byte: number): Code =>
    code(loadByte(code(get(where), constant(before), 0x6b), 0), 0x41, (byte & 0x7f) | 0x80, byte >> 7, 0x46)
  const either = 0x72
  const not = 0x45
  return code(
    code(2, 5, i32, 2, v128), // the locals behind the parameters
    loop(
      code(constant(0), set(step)),
      loop(
        code(loadByte(code(get(at), get(step), add), 0), loadByte(get(step), leadAt)),
        code(0x47, refuse), // not equal: a line that starts otherwise
        advance(step, constant(1)),
        code(get(step), get(leadLength), less, again(0))
      ),
      advance(at, get(leadLength)),
      // Behind the lead: white space, the end of the line, or the first byte of white space above ASCII.
      code(loadByte(get(at), 0), 0x41, 0x21, less, refuse),
      code(byteIs(at, 0, 0xc2), byteIs(at, 0, 0xe1), either, byteIs(at, 0, 0xe2), either),
      code(byteIs(at, 0, 0xe3), either, refuse),
      code(constant(0), set(step)),
      loop(
        storeTo(code(get(out), get(step), add), outAt, loadFrom(get(step), headAt)),
        advance(step, constant(16)),
        code(get(step), get(headLength), less, again(0))
      ),
      advance(out, get(headLength)),
      loop(
        code(loadFrom(get(at), 0), set(here), loadFrom(get(at), 16), set(behind)),
        code(storeTo(get(out), outAt, get(here)), storeTo(get(out), outAt + 16, get(behind))),
        // Most text is passed two vectors at a time (benchmark: 1 KB texts).
        code(isSpecial(here), isSpecial(behind), or, anyTrue, not),
        ifTrue(advance(at, constant(32)), advance(out, constant(32)), 0x0c, 1),
        code(loadFrom(get(at), 1), set(behind), hasControl(here, behind), refuse),
        code(is(here, LF), bitmask, set(found)),
        code(get(found), not), // the line goes on
        ifTrue(advance(at, constant(16)), advance(out, constant(16)), 0x0c, 1)
      ),
      advance(at, code(get(found), countTrailingZeros, constant(1), add)),
      advance(out, code(get(found), countTrailingZeros, constant(1), add)),
      // Before its end: white space, or a character of two or three bytes that may be white space above ASCII.
      code(loadByte(code(get(at), constant(2), 0x6b), 0), 0x41, 0x21, less, refuse),
      code(byteIs(at, 3, 0xc2), byteIs(at, 4, 0xe1), either, byteIs(at, 4, 0xe2), either),
      code(byteIs(at, 4, 0xe3), either, refuse),
      advance(lines, constant(1)),
      code(get(at), get(length), less, again(0))
    ),
    code(get(lines), 0x0b)
  )
})()

const assemble = () =>
  Uint8Array.from(
    code(
      code(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      section(1, 2, code(0x60, 1, i32, 1, i32), code(0x60, 3, i32, i32, i32, 1, i32)), // their two types
      section(3, 2, 0, 1), // the functions have these types
      section(5, 1, 0, pages),
      section(7, 3, name("memory"), 2, 0, name("scan"), 0, 0, name("replaceLeads"), 0, 1),
      section(10, 2, number(scan.length), scan, number(replaceLeads.length), replaceLeads)
    )
  )
