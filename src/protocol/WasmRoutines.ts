import type { BlockRoutines } from "./Block.js"
import * as Code from "./BlockRoutines.wasm.js"

/**
 * The routines of BlockRoutines.wat. In JavaScript they take several times as long, which the benchmark shows (1 KB
 * texts, 50 pairs). Throws where WebAssembly cannot run.
 */
export const instantiate = (): BlockRoutines => {
  // The types of Node 20 do not declare WebAssembly.
  const { Instance, Module } = Reflect.get(globalThis, "WebAssembly") as {
    readonly Module: new (code: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: Exports }
  }
  const { exports } = new Instance(new Module(Buffer.from(Code.base64, "base64")))
  const memory = Buffer.from(exports.memory.buffer)
  const [textBytes, prefixAt, prefixBytes] = [
    exports.textBytes.value,
    exports.prefixAt.value,
    exports.prefixBytes.value
  ]
  const [replacementAt, replacementBytes] = [exports.replacementAt.value, exports.replacementBytes.value]
  const [resultAt, resultBytes] = [exports.resultAt.value, exports.resultBytes.value]

  /** Overwrites the 32 bytes after the text, which the routines may read: they must not see earlier bytes. */
  const load = (text: Uint8Array) => {
    memory.set(text)
    memory.fill(LF, text.length, text.length + 32)
  }

  return {
    countLineFeeds: (text) => {
      let lines = 0
      if (text.length < fewBytes) {
        for (const byte of text) if (byte === LF) lines += 1
        return lines
      }
      for (let at = 0; at < text.length; at += textBytes) {
        const part = text.length <= textBytes ? text : text.subarray(at, at + textBytes)
        memory.set(part)
        memory.fill(0, part.length, part.length + vectorBytes)
        lines += exports.countLineFeeds(part.length)
      }
      return lines
    },
    hasControl: (block) => {
      for (let at = 0; at < block.length; at += textBytes) {
        // One byte more than is checked: what a CR or a C2 means depends on the byte after it.
        const part = block.length <= textBytes ? block : block.subarray(at, at + textBytes + 1)
        load(part)
        if (exports.hasControl(Math.min(part.length, textBytes)) !== 0) return true
      }
      return false
    },
    replacePrefix: (block, prefix, replacement) => {
      if (block.length > textBytes || prefix.length > prefixBytes || replacement.length > replacementBytes)
        return undefined
      const growth = replacement.length - prefix.length
      const maxLines = Math.floor(block.length / (prefix.length + 1))
      if (block.length + maxLines * Math.max(0, growth) > resultBytes) return undefined
      load(block)
      memory.write(prefix, prefixAt, "latin1")
      memory.write(replacement, replacementAt, "latin1")
      const lines = exports.replacePrefix(block.length, prefix.length, replacement.length)
      if (lines < 0) return undefined
      return { text: memory.toString("latin1", resultAt, resultAt + block.length + lines * growth), lines }
    },
    unframe: (bytes, from, to) => {
      if (bytes.length - from < fewBytes) return undefined
      const frames = bytes.subarray(from, from + textBytes)
      load(frames)
      const lineBytes = exports.unframe(frames.length)
      bytes.set(memory.subarray(resultAt, resultAt + lineBytes), to)
      return { frameBytes: exports.unframed.value, lineBytes }
    }
  }
}

/** What BlockRoutines.wat describes. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly countLineFeeds: (length: number) => number
  readonly hasControl: (length: number) => number
  readonly replacePrefix: (length: number, prefixLength: number, replacementLength: number) => number
  readonly unframe: (length: number) => number
  readonly unframed: Global
  readonly textBytes: Global
  readonly prefixAt: Global
  readonly prefixBytes: Global
  readonly replacementAt: Global
  readonly replacementBytes: Global
  readonly resultAt: Global
  readonly resultBytes: Global
}

interface Global {
  readonly value: number
}

const LF = 0x0a

const vectorBytes = 16

/** Fewer bytes take less time in JavaScript than to copy them to the memory of the routines. */
const fewBytes = 256
