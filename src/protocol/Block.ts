import * as Simd from "./Simd.js"

/** Blocks of whole lines, as they come in one read: what is done to all lines of one at once. */

const LF = 0x0a

/**
 * Whether a block that is otherwise UTF-8 has a control character that a line must not have: C0 without TAB, LF and the
 * CR of a CRLF; DEL; C1. The block ends in LF, so its last byte is not the first half of anything.
 */
export const hasControl = (block: Uint8Array): boolean => {
  const { memory, scan } = Simd.load()
  for (let at = 0; at < block.length; at += Simd.textBytes) {
    // One byte more than is looked at, since what a CR or a C2 means depends on the byte behind it.
    const part = block.length <= Simd.textBytes ? block : block.subarray(at, at + Simd.textBytes + 1)
    load(memory, part)
    if (scan(Math.min(part.length, Simd.textBytes)) !== 0) return true
  }
  return false
}

/** Copies text to where the routines look; they read up to 32 bytes past its end, which must not be what was there. */
const load = (memory: Buffer, text: Uint8Array) => {
  memory.set(text)
  memory.fill(LF, text.length, text.length + 32)
}

/** What `replaceLeads` made. */
export interface Replaced {
  readonly text: string
  readonly lines: number
}

/**
 * Puts `head` in the place of `lead` at the start of every line of a block, and answers what comes of it in its wire
 * form (`Wire`). Undefined if a line starts with something else, if one may have white space to trim behind its lead or
 * at its end, if one has a control character, or if it is all too long for this. What is not UTF-8 is not noticed.
 */
export const replaceLeads = (block: Uint8Array, lead: string, head: string): Replaced | undefined => {
  const growth = head.length - lead.length
  const maxLines = Math.floor(block.length / (lead.length + 1))
  if (block.length > Simd.textBytes || lead.length > Simd.leadBytes || head.length > Simd.headBytes) return undefined
  if (block.length + maxLines * Math.max(0, growth) > Simd.outBytes) return undefined
  const { memory, replaceLeads: replace } = Simd.load()
  load(memory, block)
  memory.write(lead, Simd.leadAt, "latin1")
  memory.write(head, Simd.headAt, "latin1")
  const lines = replace(block.length, lead.length, head.length)
  if (lines < 0) return undefined
  return { text: memory.toString("latin1", Simd.outAt, Simd.outAt + block.length + lines * growth), lines }
}

/** Whether a lead, in its wire form, stands at a place of a block. */
export const hasLead = (block: Uint8Array, at: number, lead: string): boolean => {
  for (let i = 0; i < lead.length; i++) if (block[at + i] !== lead.charCodeAt(i)) return false
  return true
}
