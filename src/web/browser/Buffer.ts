/**
 * The part of Node's `Buffer` that the protocol's modules use. The build puts it in the place of the global `Buffer`,
 * so that names are read and compared in the browser by the same code as everywhere else.
 */

type Encoding = "utf8" | "latin1"

/** A call with more arguments than this could overflow the stack. */
const maxArguments = 8_192

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder("utf-8", { ignoreBOM: true }) }

const bytesOf = (text: string, encoding: Encoding): Uint8Array =>
  encoding === "utf8" ? utf8.encoder.encode(text) : Uint8Array.from(text, (character) => character.charCodeAt(0))

class Bytes extends Uint8Array {
  write(text: string, offset: number, encoding: Encoding): number {
    const bytes = bytesOf(text, encoding).subarray(0, this.length - offset)
    this.set(bytes, offset)
    return bytes.length
  }

  override toString(encoding: Encoding = "utf8", start = 0, end = this.length): string {
    const part = this.subarray(start, end)
    if (encoding === "utf8") return utf8.decoder.decode(part)
    let text = ""
    for (let at = 0; at < part.length; at += maxArguments) {
      text += String.fromCharCode(...part.subarray(at, at + maxArguments))
    }
    return text
  }
}

export const Buffer = {
  alloc: (length: number): Bytes => new Bytes(length),
  from: (text: string, encoding: Encoding): Bytes => new Bytes(bytesOf(text, encoding))
}
