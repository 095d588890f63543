import type { Buffer as BrowserBuffer } from "./browser/Buffer.js"

declare global {
  /** Node's global in the shared modules: the build puts `browser/Buffer.ts` in its place. */
  const Buffer: typeof BrowserBuffer
}
